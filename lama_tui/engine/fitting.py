"""Leaves out the oldest turns of a conversation until its prompt fits. Pure: others write the prompts or count them."""

from collections.abc import Callable, Generator, Sequence
from itertools import accumulate, pairwise

from lama_tui.types import ChatMessage

ANSWER_SHARE = 4
"""Of the context window, a fourth at most is kept free for the answer: a small window must hold a question too."""

_GUESSES = 4
"""Prompts that are written where characters let expect the border; then halving finds it."""

Write = Callable[[Sequence[ChatMessage]], list[int]]
"""Token ids of the prompt that messages make."""


def budget(window: int, answer: int) -> int:
    """Tokens that a prompt may have: room stays for `answer` tokens, or for a fourth of `window` where that is less."""
    return window - min(answer, window // ANSWER_SHARE)


def fitted(messages: Sequence[ChatMessage], write: Write, window: int, answer: int) -> tuple[list[int], int]:
    """The prompt of as many of the newest turns as fit, and how many messages come before them.

    System messages at the beginning always stay, and so do turns with a pinned message and the last turn: the
    prompt may therefore still be too long. Prompts are written from the end on, so a long conversation costs
    little more than a full window.
    """
    turns = Turns(messages)
    prompts: dict[int, list[int]] = {}
    search = turns.search(budget(window, answer))
    try:
        turn = next(search)
        while True:
            prompts[turn] = write(turns.kept(turn))
            turn = search.send(len(prompts[turn]))
    except StopIteration as found:
        return prompts[found.value], turns.left_out(found.value)


class Turns:
    """The turns of a conversation: a question and what follows it, up to the next one. They count from 0."""

    def __init__(self, messages: Sequence[ChatMessage]) -> None:
        system = next((index for index, message in enumerate(messages) if message.role != "system"), len(messages))
        self._head, self._rest = messages[:system], messages[system:]
        self._starts = [0, *(index for index, message in enumerate(self._rest) if index and message.role == "user")]
        bounds = pairwise([*self._starts, len(self._rest)])
        self._turns = [self._rest[start:end] for start, end in bounds]
        self._stays = [any(message.pinned for message in turn) for turn in self._turns]

    def kept(self, first: int) -> list[ChatMessage]:
        """The messages without the turns before `first`, but for those that stay."""
        older = zip(self._turns[:first], self._stays, strict=False)
        pinned = [message for turn, stays in older if stays for message in turn]
        return [*self._head, *pinned, *self._rest[self._starts[first] :]]

    def left_out(self, first: int) -> int:
        """How many messages after the system's come before the view that begins with turn `first`."""
        while first and self._stays[first - 1]:
            first -= 1
        return self._starts[first]

    def search(self, budget: int) -> Generator[int, int, int]:
        """Find the first turn of the longest end that fits into `budget` tokens, at least the last turn.

        Yields turns to begin with and is sent how many tokens `kept` has then; the one returned was among them.
        """
        lengths = [sum(len(message.text) for message in turn) for turn in self._turns]
        loose = [0 if stays else length for length, stays in zip(lengths, self._stays, strict=True)]
        always = sum(lengths) - sum(loose)
        # characters of what is kept from each turn on
        characters = [always + rest for rest in list(accumulate(reversed(loose)))[::-1]]

        kept = len(self._turns) - 1  # the first turn that is kept
        length = yield kept
        too_many = -1  # turns up to this one cannot be kept
        density = length / max(1, characters[kept])  # tokens a character
        guesses = 0
        while length <= budget and kept - too_many > 1:
            middle = (kept + too_many) // 2
            if guesses < _GUESSES:
                expected = (turn for turn in range(too_many + 1, kept) if characters[turn] * density <= budget)
                middle = next(expected, kept - 1)
            guesses += 1
            tried = yield middle
            density = tried / max(1, characters[middle])
            if tried <= budget:
                kept, length = middle, tried
            else:
                too_many = middle
        return kept
