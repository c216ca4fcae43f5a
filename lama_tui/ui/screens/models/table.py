"""Tables whose columns depend on the room there is."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from rich.cells import cell_len
from textual.content import Content

Line = TypeVar("Line")

GAP = 2
"""Cells between two columns."""


@dataclass(frozen=True, slots=True)
class Column(Generic[Line]):
    """A column. `importance` 0 is dropped last; `text` is given a line and the time, UTC milliseconds."""

    title: str
    width: int
    importance: int
    text: Callable[[Line, int], str]
    right: bool = False


def fitting(columns: Sequence[Column[Line]], room: int) -> tuple[Column[Line], ...]:
    """Those that `room` cells are enough for, the most important first, in their order."""
    kept: list[Column[Line]] = []
    for column in sorted(columns, key=lambda column: column.importance):
        if (room := room - column.width - GAP) < 0:
            break
        kept.append(column)
    return tuple(column for column in columns if column in kept)


def taken(shown: Sequence[Column[Line]]) -> int:
    """Cells that these columns take."""
    return sum(column.width + GAP for column in shown)


def titles(shown: Sequence[Column[Line]]) -> str:
    """The titles of the columns, each with the gap before it."""
    return "".join(" " * GAP + cell(column, column.title) for column in shown)


def cell(column: Column[Line], text: str) -> str:
    """A text in the width of a column."""
    text = shortened(text, column.width)
    blank = " " * (column.width - cell_len(text))
    return blank + text if column.right else text + blank


def pad(text: str, width: int) -> str:
    """A text in exactly `width` cells."""
    text = shortened(text, width)
    return text + " " * (width - cell_len(text))


def shortened(text: str, width: int) -> str:
    """A text in at most `width` cells; the middle gives way, for the end tells quantizations apart."""
    if cell_len(text) <= width:
        return text
    tail = _within(reversed(text), 2 * (width - 1) // 3)[::-1]
    head = _within(text, width - 1 - cell_len(tail))
    return f"{head}…{tail}"


def fact(name: str, value: str | Content, width: int, names: int = 13) -> list[Content]:
    """A name of `names` cells and its value; a long value goes on below itself."""
    text = value if isinstance(value, Content) else Content(value)
    first, *more = text.wrap(max(8, width - names)) or [Content.empty()]
    lines = [Content.assemble((f"{name:<{names}}", "$foreground-muted"), first)]
    return lines + [Content.assemble(" " * names, rest) for rest in more]


def _within(characters: Iterable[str], width: int) -> str:
    """As many as fit in `width` cells."""
    kept = ""
    for character in characters:
        if (width := width - cell_len(character)) < 0:
            break
        kept += character
    return kept
