"""Large pastes as blocks: one label in the text that stands for all that was pasted.

In the document a block is its label, whose bracket is a character of its own for each block. That character
is private to the program, so a label typed by hand is not a block; as it is part of the text, undo and redo
bring a block back like any other text. On screen it is a bracket.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from lama_tui.conversations.pasted import block, label, pieces, unmarked

LINES = 10
"""A paste of more lines is shown as a block,"""
CHARACTERS = 2_000
"""and one of more characters."""

_FIRST, _LAST = 0x10F000, 0x10FFFD
_MARK = re.compile(f"[{chr(_FIRST)}-{chr(_LAST)}]")


@dataclass(frozen=True, slots=True)
class Span:
    """A block in a line of the document: the columns of its label, and what was pasted."""

    start: int
    end: int
    text: str


def is_large(text: str) -> bool:
    """Whether a paste is shown as a block."""
    return len(text) > CHARACTERS or text.count("\n") + (not text.endswith("\n")) > LINES


class PasteBlocks:
    """The blocks of one composer. They are kept while it lives: undo may bring back any of them."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}  # by the label with its mark
        self._labels: dict[str, str] = {}  # by the mark

    def add(self, text: str) -> str:
        """Keep `text` and return what stands for it; the text itself when there are too many blocks."""
        number = _FIRST + len(self._labels)
        if number > _LAST:
            return unmarked(text)
        mark = chr(number)
        stands = mark + label(text)[1:]
        self._labels[mark] = stands
        self._texts[stands] = unmarked(text)
        return stands

    def spans(self, text: str) -> list[Span]:
        """The blocks in a text or a line of the document, from left to right."""
        found = []
        for match in _MARK.finditer(text):
            stands = self._labels.get(match.group())
            if stands is not None and text.startswith(stands, match.start()):
                found.append(Span(match.start(), match.start() + len(stands), self._texts[stands]))
        return found

    def shown(self, text: str) -> str:
        """A text of the document as it is drawn: character by character, with brackets for marks."""
        return _MARK.sub("[", text)

    def safe(self, text: str) -> str:
        """A text that is about to enter the document, without marks that are not of a block here."""
        if not _MARK.search(text):
            return unmarked(text)
        known = {span.start for span in self.spans(text)}
        return unmarked(_MARK.sub(lambda m: m.group() if m.start() in known else "\N{REPLACEMENT CHARACTER}", text))

    def expanded(self, text: str) -> str:
        """A text of the document with all that was pasted in place."""
        return self._replaced(text, lambda pasted: pasted)

    def marked(self, text: str) -> str:
        """As `expanded`, with the blocks marked as such: to keep, and to `document` again."""
        return self._replaced(text, block)

    def document(self, marked: str) -> str:
        """The text for the document of what `marked` returned, here or elsewhere."""
        return "".join(self.add(text) if is_block else self.safe(text) for text, is_block in pieces(marked))

    def folded(self, text: str, before: str) -> str:
        """The text for the document of `text`, a new version of `expanded(before)`: what is still there of
        the blocks of `before`, letter by letter, is a block again."""
        made: list[str] = []
        at = 0
        for span in self.spans(before):
            found = text.find(span.text, at) if span.text else -1
            if found >= 0:
                made += [self.safe(text[at:found]), before[span.start : span.end]]
                at = found + len(span.text)
        return "".join([*made, self.safe(text[at:])])

    def _replaced(self, text: str, by: Callable[[str], str]) -> str:
        made: list[str] = []
        at = 0
        for span in self.spans(text):
            made += [text[at : span.start], by(span.text)]
            at = span.end
        return "".join([*made, text[at:]])
