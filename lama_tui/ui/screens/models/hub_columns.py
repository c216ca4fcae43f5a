"""The hub's listing as a table: which columns there is room for, and a line of each model."""

from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content

from lama_tui.library.downloads.job import Job
from lama_tui.library.hub.values import HubModel
from lama_tui.security.gate import clean_line
from lama_tui.ui import figures
from lama_tui.ui.screens.models import jobs
from lama_tui.ui.screens.models.columns import FITS, FITS_STYLE, NAME
from lama_tui.ui.screens.models.table import GAP, Column, cell, fitting, pad, taken, titles

HERE, GATED, ADVISED = "●", "§", "★"
MARKS = 3
"""Cells before the name: whether it is here, whether one must agree to something first, and one to keep them apart."""

_BAR = 12
"""Cells of the bar of a model that is being downloaded."""


@dataclass(frozen=True, slots=True)
class HubRow:
    """A model of the hub as the list shows it now; `job` is its download. `advised`: good to begin with here."""

    model: HubModel
    here: bool = False
    job: Job | None = None
    fits: bool | None = None
    advised: bool = False

    @property
    def name(self) -> str:
        """Clean, on one line."""
        return clean_line(self.model.repo, 200)


def bits(model: HubModel) -> str:
    """Bits a weight, in words."""
    return f"{model.bits}-bit" if model.bits else figures.UNKNOWN


COLUMNS: tuple[Column[HubRow], ...] = (
    Column("PARAMS", 7, 3, lambda row, now: figures.parameters(row.model.params), True),
    Column("BITS", 6, 2, lambda row, now: bits(row.model), True),
    Column("SIZE", 8, 1, lambda row, now: figures.size(row.model.size), True),
    Column("DOWNLOADS", 9, 4, lambda row, now: figures.count(row.model.downloads), True),
    Column("LIKES", 6, 5, lambda row, now: figures.count(row.model.likes), True),
    Column(
        "UPDATED", 10, 6,
        lambda row, now: figures.ago(row.model.modified, now) if row.model.modified else figures.UNKNOWN, True,
    ),
    Column("FITS", 5, 0, lambda row, now: FITS[row.fits]),
)  # fmt: skip


def columns(width: int, longest: int) -> tuple[Column[HubRow], ...]:
    """Those that fit beside names of up to `longest` cells, in their order."""
    return fitting(COLUMNS, width - MARKS - min(max(longest, NAME[0]), NAME[1] + 2))


def heading(shown: Sequence[Column[HubRow]], width: int) -> Content:
    """The titles of the columns."""
    return Content.styled(" " * MARKS + pad("MODEL", _name_width(shown, width)) + titles(shown), "$foreground-muted")


def line(row: HubRow, shown: Sequence[Column[HubRow]], width: int, now: int) -> Content:
    """One model; of one that is being downloaded, how far that is. `now` is UTC milliseconds."""
    fetched = row.job is not None and not row.job.ended
    mark = (HERE, "$success") if row.here else (ADVISED, "$accent") if row.advised else (" ", "")
    mark = jobs.MARKS[row.job.state] if row.job is not None and fetched else mark
    name_width = _name_width(shown, width)
    name: list[Content | str | tuple[str, str]] = [
        mark,
        (GATED if row.model.gated else " ", "$warning"),
        " ",
        _name(row, name_width),
    ]
    if row.job is not None and fetched:
        room = width - MARKS - name_width - GAP
        bar = min(_BAR, room // 3)
        return Content.assemble(
            *name,
            " " * GAP,
            jobs.bar(jobs.share(row.job), bar),
            " ",
            Content.styled(jobs.progress(row.job, now, room - bar - 1), "$accent").truncate(
                max(1, room - bar - 1), ellipsis=True
            ),
        )
    parts: list[Content | str] = []
    for column in shown:
        style = FITS_STYLE[row.fits] if column.title == "FITS" else ""
        parts += [" " * GAP, Content.styled(cell(column, column.text(row, now)), style)]
    return Content.assemble(*name, *parts)


def _name(row: HubRow, width: int) -> Content:
    """The name, and as much of its publisher as there is room for."""
    author, _, name = row.name.rpartition("/")
    if len(name) >= width - 3:
        return Content(pad(name, width))
    return Content.assemble(name, (f" {author}", "$foreground-muted")).truncate(width, ellipsis=True, pad=True)


def _name_width(shown: Sequence[Column[HubRow]], width: int) -> int:
    return max(1, width - MARKS - taken(shown))
