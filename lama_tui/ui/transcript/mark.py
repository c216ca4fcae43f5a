"""Pieces of a drawn message that are more than text: what can be clicked, and the way to the keys."""

from collections.abc import Iterable
from typing import Literal

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from lama_tui.ui.markdown.wrap import Line, Span

Wish = Literal["older", "newer", "fold_text", "fold_reasoning", "fold_calls"]


class Mark(Segment):
    """A segment that stands for a wish."""

    wish: Wish

    @classmethod
    def of(cls, text: str, style: Style | None, wish: Wish) -> "Mark":
        """`text`, to be clicked."""
        mark = cls(text, style)
        mark.wish = wish
        return mark


def marked(lines: Iterable[Line], wish: Wish) -> list[Line]:
    """Lines that stand for a wish as a whole."""
    return [[Mark.of(segment.text, segment.style, wish) for segment in line] for line in lines]


_WAY = Style(meta={"way": True})


def way(key: str, style: Style) -> Span:
    """The words before a key of the transcript that lead there from the composer: `key` is the one that does."""
    return Span(f"{key}, then ", style + _WAY)


def arrived(line: Line) -> Line:
    """The line as it is read in the transcript, where that key would lead away again."""
    return [segment for segment in line if segment.style is None or "way" not in segment.style.meta]


def wish_at(line: Line, cell: int) -> Wish | None:
    """What a click on this cell of a line asks for."""
    for segment in line:
        cell -= cell_len(segment.text)
        if cell < 0:
            return segment.wish if isinstance(segment, Mark) else None
    return None
