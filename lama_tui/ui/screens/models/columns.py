"""The list of installed models as a table: which columns there is room for, and a line of each model."""

from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content

from lama_tui.ui import figures
from lama_tui.ui.models import ListedModel
from lama_tui.ui.screens.models.table import GAP, Column, cell, fitting, pad, shortened, taken, titles

IN_USE, LOADED, LOADING, PINNED, BROKEN = "▸", "●", "◌", "◆", "✕"
"""Marks differ in shape, not only in colour."""

MARKS = 4
"""Cells before the name: in use, loaded, pinned, and one to keep them apart."""

NAME = (20, 30)
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


def _used(row: Row, now: int) -> str:
    """When it was used last; of models on servers that is not kept."""
    return figures.UNKNOWN if row.model.server else figures.ago(row.model.last_used, now)


FITS = {True: "✓ yes", False: "✕ no", None: figures.UNKNOWN}
FITS_STYLE = {True: "$success", False: "$error", None: ""}

COLUMNS: tuple[Column[Row], ...] = (
    Column("FORMAT", 11, 6, lambda row, now: row.model.format or figures.UNKNOWN),
    Column("PARAMS", 7, 3, lambda row, now: figures.parameters(row.model.params), True),
    Column("QUANT", 6, 2, lambda row, now: row.model.quantization, True),
    Column("SIZE", 8, 1, lambda row, now: figures.size(row.model.size), True),
    Column("CONTEXT", 7, 5, lambda row, now: figures.count(row.model.context), True),
    Column("USED", 10, 4, _used, True),
    Column("FITS", 5, 0, lambda row, now: FITS[row.fits]),
)


def columns(width: int, longest: int) -> tuple[Column[Row], ...]:
    """Those that fit beside names of up to `longest` cells, in their order."""
    return fitting(COLUMNS, width - MARKS - min(max(longest, NAME[0]), NAME[1]))


def heading(shown: Sequence[Column[Row]], width: int) -> Content:
    """The titles of the columns."""
    return Content.styled(" " * MARKS + pad("MODEL", _name_width(shown, width)) + titles(shown), "$foreground-muted")


def line(row: Row, shown: Sequence[Column[Row]], width: int, now: int) -> Content:
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
        # of a repo with several quantizations this one is here, or some of them are
        known = row.model.format == "gguf" and row.model.quantization != figures.UNKNOWN
        kind = f"{row.model.quantization}  " if known else ""
        why = f"{BROKEN} {kind}{row.model.problem}"
        return Content.assemble(*marks, name, " " * GAP, (why, "$warning")).truncate(max(1, width), ellipsis=True)
    parts: list[Content | str] = []
    for column in shown:
        style = FITS_STYLE[row.fits] if column.title == "FITS" else ""
        parts += [" " * GAP, Content.styled(cell(column, column.text(row, now)), style)]
    return Content.assemble(*marks, name, *parts)


def _name_width(shown: Sequence[Column[Row]], width: int) -> int:
    return max(1, width - MARKS - taken(shown))


def short_name(reference: str) -> str:
    """The name of a model for a sentence that has one line, also on a narrow screen."""
    return shortened(figures.model_name(reference), _IN_A_SENTENCE)
