"""From messages to the prompt's token ids, with what people typed kept apart from control tokens.

A chat template writes control tokens (`<|im_end|>`) as text and the tokenizer reads them back
as ids. Somebody who types that text, or pastes a page that holds it, must not end their own
turn with it. So every control token inside a message is broken with a separator, a character
that occurs nowhere else, and the rendered text is tokenized piece by piece between the
separators: the same characters, but never the control token.
"""

import re
from collections.abc import Callable, Iterable, Sequence

from lama_tui.types import ChatMessage

PRIVATE_USE = range(0xE000, 0xF8FF)
"""Code points that mean nothing, from which the separator is taken."""

THINKING_SWITCH = "enable_thinking"
"""The variable by which chat templates are told whether the model is to think before it answers."""

PLAIN_STOP = "\nUser:"
"""Where an answer ends in the plain form: the model goes on to write the next question itself."""


class ControlTokens:
    """The strings that a tokenizer would read as control tokens."""

    def __init__(self, strings: Iterable[str]) -> None:
        longest_first = sorted({string for string in strings if string}, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)) or "(?!)")

    def broken(self, text: str, separator: str) -> str:
        """`text` with `separator` after the first character of every control token in it.

        A control token of one character cannot be broken and is left out.
        """

        def split(match: re.Match[str]) -> str:
            token = match.group()
            return token[0] + separator + token[1:] if len(token) > 1 else ""

        while self._pattern.search(text):  # the rest of one token may hold another
            text = self._pattern.sub(split, text)
        return text


def separator_for(texts: Iterable[str]) -> str:
    """A private-use character that occurs in none of `texts`."""
    used = set().union(*map(set, texts))
    return next(chr(code) for code in PRIVATE_USE if chr(code) not in used)


def encode_pieces(encode: Callable[[str], list[int]], text: str, separator: str) -> list[int]:
    """Token ids of `text`, tokenized piece by piece between separators."""
    return [token for piece in text.split(separator) if piece for token in encode(piece)]


def plain(messages: Sequence[ChatMessage]) -> str:
    """The conversation as written dialogue, for a model that brings no chat template."""
    lines = [f"{message.role.capitalize()}: {message.text}" for message in messages]
    return "\n".join([*lines, "Assistant:"])
