"""Leaves out the oldest turns of a conversation until its prompt fits. Pure: a backend writes the prompts."""

from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise

from lama_tui.types import ChatMessage

ANSWER_SHARE = 4
"""Of the context window, a fourth at most is kept free for the answer: a small window must hold a question too."""

_GUESSES = 4
"""Prompts that are written where characters let expect the border; then halving finds it."""

Write = Callable[[Sequence[ChatMessage]], list[int]]
"""Token ids of the prompt that messages make."""


def fitted(messages: Sequence[ChatMessage], write: Write, window: int, answer: int) -> tuple[list[int], int]:
    """The prompt of as many of the newest turns as fit, and how many messages that leaves out.

    Room stays for `answer` tokens, or for a fourth of `window` where that is less. System messages at the
    beginning always stay, and so does the last turn: the prompt may therefore still be too long.
    Prompts are written from the end on, so a long conversation costs little more than a full window.
    """
    system = next((index for index, message in enumerate(messages) if message.role != "system"), len(messages))
    head, rest = messages[:system], messages[system:]
    starts = [0, *(index for index, message in enumerate(rest) if index and message.role == "user")]
    budget = window - min(answer, window // ANSWER_SHARE)

    lengths = [sum(len(message.text) for message in rest[start:end]) for start, end in pairwise([*starts, len(rest)])]
    characters = list(accumulate(reversed(lengths)))[::-1]  # from each turn to the end

    kept = len(starts) - 1  # the first turn that is kept
    prompt = write([*head, *rest[starts[kept] :]])
    too_many = -1  # turns up to this one cannot be kept
    density = len(prompt) / max(1, characters[kept])  # tokens a character
    guesses = 0
    while len(prompt) <= budget and kept - too_many > 1:
        middle = (kept + too_many) // 2
        if guesses < _GUESSES:
            expected = (turn for turn in range(too_many + 1, kept) if characters[turn] * density <= budget)
            middle = next(expected, kept - 1)
        guesses += 1
        tried = write([*head, *rest[starts[middle] :]])
        density = len(tried) / max(1, characters[middle])
        if len(tried) <= budget:
            kept, prompt = middle, tried
        else:
            too_many = middle
    return prompt, starts[kept]
