"""The quantizations of a GGUF repo: as lines of a table, and as a window that asks which one is downloaded."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from rich.cells import cell_len
from textual.content import Content
from textual.events import Resize

from lama_tui.engine.fit import Fit, Machine, fit
from lama_tui.library.downloads.job import Job
from lama_tui.library.hub.gguf_files import recommended, usual
from lama_tui.security.gate import clean_line
from lama_tui.ui import figures
from lama_tui.ui.screens.chooser import Choice, Chooser
from lama_tui.ui.screens.models import fit_bar, jobs
from lama_tui.ui.screens.models.columns import BROKEN, FITS, FITS_STYLE
from lama_tui.ui.screens.models.hub_columns import ADVISED, HERE
from lama_tui.ui.screens.models.section import named
from lama_tui.ui.screens.models.shelf import Looked, Quantization
from lama_tui.ui.screens.models.table import GAP, Column, cell, fitting, pad

_NAME = (8, 24)
"""Cells that a name has, at least and at most."""

_BESIDE = 12
"""Cells of the window that are not the list: its border, its margins, the scrollbar."""


@dataclass(frozen=True, slots=True)
class Line:
    """A quantization as it is shown now. `fit` is None of a projector; `job` is what fetches it."""

    quantization: Quantization
    fit: Fit | None
    by_default: bool = False
    advised: bool = False
    job: Job | None = None

    @property
    def name(self) -> str:
        """Clean, on one line."""
        return clean_line(self.quantization.choice.name, 200)

    @property
    def bits(self) -> str:
        """Bits of most of its weights, in words."""
        number = self.quantization.choice.bits
        return f"{number}-bit" if number else figures.UNKNOWN

    @property
    def fits(self) -> bool | None:
        """Whether it fits at the context that is looked at."""
        return self.fit.fits if self.fit is not None else None

    @property
    def mark(self) -> tuple[str, str]:
        """Whether it is here, comes, cannot be had, or is the one to choose."""
        if self.job is not None:
            return jobs.MARKS[self.job.state]
        if self.quantization.here:
            return HERE, "$success"
        if self.quantization.choice.problem:
            return BROKEN, "$warning"
        return (ADVISED, "$accent") if self.advised else (" ", "")

    @property
    def note(self) -> str:
        """What else there is to say of it, in a word or two."""
        return "pictures" if self.quantization.projector else "by default" if self.by_default else ""


_COLUMNS: tuple[Column[Line], ...] = (
    Column("BITS", 6, 3, lambda line, _: line.bits, True),
    Column("SIZE", 8, 0, lambda line, _: figures.size(line.quantization.choice.size), True),
    Column("FITS", 5, 1, lambda line, _: "" if line.fit is None else FITS[line.fits]),
    Column("NOTE", 10, 2, lambda line, _: line.note),
)


def lines(looked: Looked, context: int | None, machine: Machine, running: Sequence[Job]) -> list[Line]:
    """Those of a repo, the smallest first and projectors last; `running` are its jobs that have not ended."""
    found = looked.offer.quantizations
    fits = [(each.choice, fit(each.choice.size, looked.details.kv, context, machine)) for each in found
            if not each.projector]  # fmt: skip
    first, best = usual([choice for choice, _ in fits]), recommended(fits)

    def job_of(each: Quantization) -> Job | None:
        return next((job for job in running if _fetches(job, each, each.choice is first)), None)

    return [
        *(
            Line(each, at, each.choice is first, each.choice is best and at.fits is not False, job_of(each))
            for each, (_, at) in zip(found, fits, strict=False)
        ),
        *(Line(each, None, job=job_of(each)) for each in found if each.projector),
    ]


def _fetches(job: Job, each: Quantization, by_default: bool) -> bool:
    """Whether all of it comes with `job`."""
    paths = [file.path for file in each.choice.files]
    return all(any(fnmatchcase(path, pattern) for pattern in job.patterns) for path in paths) or (
        by_default and not job.patterns
    )


def drawn(some: Sequence[Line], every: Sequence[Line], width: int) -> list[Content]:
    """`some` of `every` line, in `width` cells, with names as wide as all of them need."""
    longest = max((cell_len(line.name) for line in every), default=0)
    beside = sum(column.width + GAP for column in _COLUMNS if column.title != "BITS")
    name = max(_NAME[0], min(longest, _NAME[1], width - 2 - beside))
    return [_drawn(line, name, width) for line in some]


def _drawn(line: Line, name: int, width: int) -> Content:
    """One line; of what is no model, why."""
    parts: list[Content | str | tuple[str, str]] = [line.mark, " ", pad(line.name, name)]
    if problem := line.quantization.choice.problem:
        parts.append(Content.styled(" " * GAP + problem, "$foreground-muted"))
        return Content.assemble(*parts).truncate(width, ellipsis=True)
    for column in fitting(_COLUMNS, width - 2 - name):
        style = {"FITS": FITS_STYLE[line.fits], "NOTE": "$foreground-muted"}.get(column.title, "")
        parts.append(Content.styled(" " * GAP + cell(column, column.text(line, 0)), style))
    return Content.assemble(*parts)


class QuantizationChooser(Chooser):
    """Returns the path of the first file of what was chosen; None: nothing."""

    CSS_PATH = ["../../styles/dialogs.tcss", "../../styles/models.tcss"]
    TAKES = "downloads it"

    def __init__(self, looked: Looked, tokens: int, every: Sequence[Line]) -> None:
        self._looked = looked
        self._tokens = tokens
        self._lines = {line.quantization.choice.files[0].path: line for line in every}
        self._drawn: tuple[int, dict[str, Content]] = 0, {}
        best = sorted(self._lines.items(), key=lambda each: (each[1].advised, each[1].by_default))
        super().__init__(best[-1][0])
        self.HEADING = f"Which quantization of {named(looked.details.model.repo)}"

    async def find(self) -> Sequence[Choice]:
        """All of them; what is known is known already."""
        return [
            Choice(value, line.name, f"{line.bits} {line.note}", self._about(line), self._problem(line))
            for value, line in self._lines.items()
        ]

    def line(self, choice: Choice) -> Content:
        """As in the details."""
        room = max(_NAME[0], min(96, self.app.size.width * 9 // 10) - _BESIDE)
        if self._drawn[0] != room:  # all at once: how wide the names are takes a look at every one
            every = list(self._lines.values())
            self._drawn = room, dict(zip(self._lines, drawn(every, every, room), strict=True))
        return self._drawn[1][choice.value]

    def on_resize(self, event: Resize) -> None:
        """Another width has room for other columns."""
        self.call_after_refresh(self.draw_again)

    def _problem(self, line: Line) -> str:
        """Why it cannot be chosen."""
        if line.quantization.choice.problem:
            return f"It cannot be used: {line.quantization.choice.problem} on the hub."
        if line.job is not None:
            return "It is being downloaded already."
        if line.quantization.here:
            return "All of it is here already."
        short = self._looked.offer.short_of(line.quantization.needed)
        return f"The disk has {figures.size(short)} too little for it: remove a model first." if short else ""

    def _about(self, line: Line) -> str:
        """What choosing it means."""
        if problem := self._problem(line):
            return problem
        each, free = line.quantization, self._looked.offer.free
        files = len(each.choice.files)
        some = f"{files:,} files" if files > 1 else clean_line(each.choice.files[0].path, 60)
        room = f"; the disk has {figures.size(free)} free" if free is not None else ""
        said = f"Downloads {figures.size(each.needed)}: {some}{room}."
        if line.fit is None:
            return f"{said} Programs that show pictures to the model need it beside the model."
        at = f" at {self._tokens:,} tokens" if line.fit.kv is not None else ""
        default = " `lama pull` fetches this one." if line.by_default else ""
        return f"{said}\n{fit_bar.verdict(line.fit).plain}{at}.{default}"
