"""The list of models as a table: which columns there is room for, and a line of each model."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from textual.content import Content

from lama_tui.ui import figures
from lama_tui.ui.models import ListedModel

IN_USE, LOADED, LOADING, PINNED, BROKEN = "▸", "●", "◌", "◆", "✕"
"""Marks differ in shape, not only in colour."""

MARKS = 4
"""Cells before the name: in use, loaded, pinned, and one to keep them apart."""

_GAP = 2
_NAME = (20, 30)
"""Cells that a name has at least, and that long names have before all columns are shown."""

_IN_A_SENTENCE = 24
"""Cells of a name in a sentence: what happened to the model stands beside it on one line."""


@dataclass(frozen=True, slots=True)
class Row:
    """A model as the list shows it now."""

    model: ListedModel
    in_use: bool = False
    loaded: bool = False
    loading: bool = False
    fits: bool | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A column. `importance` 0 is dropped last."""

    title: str
    width: int
    importance: int
    text: Callable[[Row, int], str]
    right: bool = False


def _used(row: Row, now: int) -> str:
    """When it was used last; of models on servers that is not kept."""
    return figures.UNKNOWN if row.model.server else figures.ago(row.model.last_used, now)


COLUMNS = (
    Column("FORMAT", 11, 6, lambda row, now: row.model.format or figures.UNKNOWN),
    Column("PARAMS", 7, 3, lambda row, now: figures.parameters(row.model.params), True),
    Column("QUANT", 6, 2, lambda row, now: row.model.quantization, True),
    Column("SIZE", 8, 1, lambda row, now: figures.size(row.model.size), True),
    Column("CONTEXT", 7, 5, lambda row, now: figures.count(row.model.context), True),
    Column("USED", 10, 4, _used, True),
    Column("FITS", 5, 0, lambda row, now: {True: "✓ yes", False: "✕ no", None: figures.UNKNOWN}[row.fits]),
)


def columns(width: int, longest: int) -> tuple[Column, ...]:
    """Those that fit beside names of up to `longest` cells, in their order."""
    kept: list[Column] = []
    room = width - MARKS - min(max(longest, _NAME[0]), _NAME[1])
    for column in sorted(COLUMNS, key=lambda column: column.importance):
        if (room := room - column.width - _GAP) < 0:
            break
        kept.append(column)
    return tuple(column for column in COLUMNS if column in kept)


def heading(shown: Sequence[Column], width: int) -> Content:
    """The titles of the columns."""
    titles = "".join(" " * _GAP + _cell(column, column.title) for column in shown)
    return Content.styled(" " * MARKS + pad("MODEL", _name_width(shown, width)) + titles, "$foreground-muted")


def line(row: Row, shown: Sequence[Column], width: int, now: int) -> Content:
    """One model; of one that cannot be used, why. `now` is UTC milliseconds."""
    name_width = _name_width(shown, width)
    marks: list[tuple[str, str] | str] = [
        (IN_USE if row.in_use else " ", "$accent"),
        (LOADED if row.loaded else LOADING if row.loading else " ", "$success"),
        (PINNED if row.model.pinned else " ", "$secondary"),
        " ",
    ]
    name = Content.styled(pad(row.model.name, name_width), "bold" if row.in_use else "")
    if row.model.problem:
        why = f"{BROKEN} {row.model.problem}"
        return Content.assemble(*marks, name, " " * _GAP, (why, "$warning")).truncate(max(1, width), ellipsis=True)
    parts: list[Content | str] = []
    for column in shown:
        style = ("$success" if row.fits else "$error" if row.fits is False else "") if column.title == "FITS" else ""
        parts += [" " * _GAP, Content.styled(_cell(column, column.text(row, now)), style)]
    return Content.assemble(*marks, name, *parts)


def _name_width(shown: Sequence[Column], width: int) -> int:
    return max(1, width - MARKS - sum(column.width + _GAP for column in shown))


def _cell(column: Column, text: str) -> str:
    text = text[: column.width]
    return f"{text:>{column.width}}" if column.right else f"{text:<{column.width}}"


def pad(text: str, width: int) -> str:
    """A text in exactly `width` cells."""
    text = shortened(text, width)
    return text + " " * (width - cell_len(text))


def shortened(text: str, width: int) -> str:
    """A text in at most `width` cells; the middle gives way, for the end tells quantizations apart."""
    if cell_len(text) <= width:
        return text
    tail = _fitting(reversed(text), 2 * (width - 1) // 3)[::-1]
    head = _fitting(text, width - 1 - cell_len(tail))
    return f"{head}…{tail}"


def short_name(reference: str) -> str:
    """The name of a model for a sentence that has one line, also on a narrow screen."""
    return shortened(figures.model_name(reference), _IN_A_SENTENCE)


def _fitting(characters: Iterable[str], width: int) -> str:
    """As many as fit in `width` cells."""
    kept = ""
    for character in characters:
        if (width := width - cell_len(character)) < 0:
            break
        kept += character
    return kept
