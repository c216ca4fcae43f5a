"""What is looked for on the hub, and what was found so far. No widgets."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar, get_args

from lama_tui.engine.fit import Machine
from lama_tui.errors import LamaError
from lama_tui.library.hub.fitting import by_fit
from lama_tui.library.hub.values import HubModel, HubQuery, Sort
from lama_tui.security.gate import clean_line
from lama_tui.ui import figures
from lama_tui.ui.screens.models.shelf import Shelf

_BITS = (None, 4, 8, 6, 5, 3, 16)
_GIB = 1024**3
_SIZES = (None, *(size * _GIB for size in (1, 2, 4, 8, 16, 32, 64, 128)))
_SORTS: dict[Sort, str] = {
    "downloads": "most downloaded",
    "likes": "most liked",
    "recent": "newest",
    "fit": "best fit here",
}

Step = TypeVar("Step")


class Listing:
    """One question at a time; `models` are the answers to `query` so far, `trouble` why there are none."""

    def __init__(self, shelf: Shelf, words: str) -> None:
        self._shelf = shelf
        self.query = HubQuery(words)
        self.models: list[HubModel] = []
        self.after: str | None = None
        self.trouble: LamaError | None = None
        self.is_asking = False
        self._asked = object()  # the newest question
        self.lines: Sequence[HubModel] = ()
        """The list as it is shown: what to begin with, then what was found."""
        self._advised: Sequence[HubModel] | None = None

    async def begin(self, machine: Machine) -> None:
        """Ask for the first page. Where that fails, `trouble` says why."""
        self.is_asking, query = True, self.query
        self._asked = asked = object()
        try:
            page = await self._shelf.search(query, None, machine)
        except LamaError as error:
            self.models, self.after, self.trouble = [], None, error
        else:
            self.models, self.after, self.trouble = list(page.models), page.after, None
        self._answered(asked)
        self._line_up()

    async def go_on(self, machine: Machine) -> None:
        """Ask for the next page. Raises `LamaError`; what was found stays."""
        query, after = self.query, self.after
        self.is_asking = True
        self._asked = asked = object()
        try:
            page = await self._shelf.search(query, after, machine)
        finally:
            self._answered(asked)
        if (query, after) == (self.query, self.after):
            known = {model.repo for model in self.models}
            self.models += [model for model in page.models if model.repo not in known]
            if query.sort == "fit":  # else the order would begin again with every page
                self.models = by_fit(self.models, machine)
            self.after = page.after
            self._line_up()

    def _answered(self, asked: object) -> None:
        if self._asked is asked:  # else something else was asked meanwhile
            self.is_asking = False

    async def advise(self, machine: Machine) -> bool:
        """Ask, once, what to begin with; whether there is something. Where the hub does not tell, there is not."""
        if self._advised is None:  # also where it was asked, and given up for words that were typed
            try:
                self._advised = [each.model for each in (await self._shelf.recommend(machine))[:2]]
            except LamaError:
                self._advised = ()
                return False  # the list says what is wrong with the hub
        self._line_up()
        return bool(self.leads)

    @property
    def leads(self) -> Sequence[HubModel]:
        """What to begin with, as long as one looks for nothing in particular."""
        return self._advised or () if self.query == HubQuery() else ()

    @property
    def said(self) -> str:
        """How many were found, as far as was asked."""
        more = self.after is not None
        if more and self.query.sort == "fit":
            return f"{len(self.lines):,} downloaded most, the largest that fits first"
        return f"{len(self.lines):,}{' or more' if more else ''}"

    def place_of(self, repo: str) -> int | None:
        """Its line now; None where it is not listed."""
        return next((at for at, model in enumerate(self.lines) if model.repo == repo), None)

    def _line_up(self) -> None:
        leads = self.leads
        self.lines = [*leads, *(model for model in self.models if model not in leads)] if leads else self.models

    # --- narrowing -----------------------------------------------------------------

    def step(self, what: str, chosen: HubModel | None) -> None:
        """Go a step on: `sort`, `bits`, `size`, `format`; or to the publisher of the `chosen` model, and back."""
        query = self.query
        match what:
            case "sort":
                self.query = replace(query, sort=_after(query.sort, get_args(Sort)))
            case "bits":
                self.query = replace(query, bits=_after(query.bits, _BITS))
            case "size":
                self.query = replace(query, largest=_after(query.largest, _SIZES))
            case "format":
                self.query = replace(query, format="gguf" if query.format == "mlx" else "mlx")
            case "author":
                author = chosen.repo.partition("/")[0] if chosen is not None and not query.author else ""
                self.query = replace(query, author=author)

    @property
    def narrowed(self) -> Sequence[tuple[str, str]]:
        """What it is narrowed to, in words, each with the id of the binding that changes it."""
        query = self.query
        return (
            (_SORTS[query.sort], "hub.sort"),
            (f"up to {figures.size(query.largest).replace('.0 ', ' ')}" if query.largest else "any size", "hub.size"),
            (f"{query.bits}-bit" if query.bits else "any bits", "hub.bits"),
            (f"by {clean_line(query.author, 40)}" if query.author else "all publishers", "hub.author"),
            (query.format.upper(), "hub.format"),
        )


def _after(now: Step, steps: Sequence[Step]) -> Step:
    """The step behind this one; behind the last the first."""
    return steps[(steps.index(now) + 1) % len(steps)]
