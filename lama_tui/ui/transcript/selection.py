"""What is selected, by places that stay the same while messages above and below grow or fold."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rich.cells import cell_len
from textual.geometry import Offset
from textual.selection import Selection

from lama_tui.ui.markdown.wrap import Line
from lama_tui.ui.transcript.column import Column
from lama_tui.ui.transcript.cursor import Place

MARGIN = 2
"""Cells on the left of each line, for the mark of the cursor; they count as characters here."""

_LINES = 1 << 32
"""More than any message has."""

_FAR = 1 << 30
"""A column behind every line."""

_WORD = re.compile(r"\w+(?:[-'’]\w+)*|[^\w\s]+|\s+")


def row(index: int, within: int) -> int:
    """A line of a message as the number that Textual's selections call its row: their order is all that they need."""
    return index * _LINES + within


def _place(row: int) -> Place:
    return Place(*divmod(row, _LINES))


@dataclass(frozen=True, slots=True)
class Selected:
    """From a character of a line up to another; characters count with the margin."""

    first: Place
    start: int
    last: Place
    end: int

    @classmethod
    def of(cls, selection: Selection, top: Place, bottom: Place) -> "Selected":
        """What Textual selects. Where that reaches beyond the transcript, it ends with what is in view, from `top` to
        `bottom`: nobody copies what they do not see."""
        start = selection.start or Offset(0, row(top.index, top.within))
        end = selection.end or Offset(_FAR, row(bottom.index, bottom.within))
        return cls(_place(start.y), start.x, _place(end.y), end.x)

    @classmethod
    def lines(cls, first: Place, last: Place) -> "Selected":
        """Whole lines."""
        return cls(first, 0, last, _FAR)

    @property
    def selection(self) -> Selection:
        """The same, for Textual."""
        return Selection(
            Offset(self.start, row(self.first.index, self.first.within)),
            Offset(self.end, row(self.last.index, self.last.within)),
        )

    def span(self, index: int, within: int) -> tuple[int, int] | None:
        """The characters of a line that are selected; None: none of it."""
        here = Place(index, within)
        if here < self.first or self.last < here:
            return None
        return (self.start if here == self.first else 0), (self.end if here == self.last else _FAR)

    def text(self, column: Column) -> str:
        """The selected text as shown, without margins, the edges of code, and spaces at the ends of lines."""
        return "\n".join(self._lines(column))

    def _lines(self, column: Column) -> Iterator[str]:
        for index in range(self.first.index, min(self.last.index, len(column) - 1) + 1):
            lines = column.draw(index).lines
            begin = self.first.within if index == self.first.index else 0
            end = self.last.within + 1 if index == self.last.index else len(lines)
            for within in range(begin, min(end, len(lines))):
                if (span := self.span(index, within)) is not None:
                    yield _cut(lines[within], *span)


def _cut(line: Line, start: int, end: int) -> str:
    from lama_tui.ui.markdown.code import CodeEdge

    # the edge of code is one character that is drawn, but not copied
    drawn = "".join("\0" if isinstance(segment, CodeEdge) else segment.text for segment in line)
    return drawn[max(0, start - MARGIN) : max(0, end - MARGIN)].replace("\0", "").rstrip()


def word_at(line: Line, cell: int) -> tuple[int, int] | None:
    """The characters, counted with the margin, of the word in a cell of a line; None where there is none."""
    text = "".join(segment.text for segment in line)
    for match in _WORD.finditer(text):
        if cell_len(text[: match.end()]) > cell - MARGIN:
            return (match.start() + MARGIN, match.end() + MARGIN) if cell >= MARGIN else None
    return None
