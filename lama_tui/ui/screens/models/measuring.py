"""Measuring how fast an installed model is here: when it may be, how far it is, and the figures as they come."""

from dataclasses import replace
from typing import TYPE_CHECKING

from textual import work

from lama_tui.engine.fit import FIRST_CONTEXT
from lama_tui.security.gate import clean_line
from lama_tui.ui import figures
from lama_tui.ui.screens.models.catalogue import Catalogue
from lama_tui.ui.screens.models.columns import Row
from lama_tui.ui.screens.models.keeping import Keeping
from lama_tui.ui.screens.models.known import Known
from lama_tui.ui.screens.models.memory import ModelMemory

if TYPE_CHECKING:
    from lama_tui.library.benchmarking.benchmark import BenchmarkProgress, Result
    from lama_tui.library.installed import InstalledModel
    from lama_tui.library.measurement_table import Measurement


class Measuring(Keeping):
    """What `InstalledSection` has for benchmarks. One model at a time, and not while it is checked."""

    def __init__(self, catalogue: Catalogue, memory: ModelMemory, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(catalogue, id=id)
        self._memory = memory
        self._measures = ""  # the reference of the model that is measured now

    def is_measured(self, model: "InstalledModel | None") -> bool:
        """Whether this model is being measured."""
        return model is not None and model.ref == self._measures

    def fits(self, row: Row, tokens: int) -> bool | None:
        """Whether a model has room beside what runs, with a context of so many tokens; None: not known."""
        raise NotImplementedError

    @work(group="bench")
    async def action_bench(self) -> None:
        """Let the highlighted model answer some prompts, show each figure as it comes, and keep them."""
        row = self.chosen()
        if row is None:
            return
        if self.checking is not None:
            self.app.bell()  # the line that tells of it says how to stop it
            return
        if (why := self._hindrance(row)) or (model := row.model.installed) is None:
            self.say(why)
            return
        key, name = (model.ref, model.revision), clean_line(model.ref.rpartition("/")[2], 60)
        done: dict[int, Measurement] = {}

        def ran(asked: int, so_far: "Measurement") -> None:
            done[asked] = so_far
            self._known[key] = replace(self._known.get(key) or Known(), measured=tuple(done.values()))
            self.show()

        def watch(now: "BenchmarkProgress") -> None:
            self._tell_checking(f"Measuring {name}: {figures.benchmark_step(now)}")

        self._measures = model.ref
        self._tell_checking(f"Measuring {name}…")
        try:
            with self.notice.catching():
                results = await self._catalogue.benchmark(model, watch, ran)
                self.say_first(f"{name} {_found(results)}")
        finally:
            self._measures = ""
            self._known.pop(key, None)  # what was kept is looked up
            self._end_checking(model.ref)

    def _hindrance(self, row: Row) -> str:
        """Why it cannot be measured now; empty: it can."""
        now = self._memory.figures
        if row.model.server:
            return "It runs on its server: how fast that is, its answers say."
        if row.model.problem:
            return f"It cannot be measured: {row.model.problem}"
        if now.loading is not None or self._memory.wish is not None:
            return "A model is being loaded: measure when that is done."
        if now.running or now.waiting:
            return "An answer is being written: measured beside it, figures would say nothing."
        if not row.loaded and self.fits(row, FIRST_CONTEXT) is False:
            return "It does not fit in what is free now: it would be measured while the machine swaps."
        return ""

    def stop_checking(self) -> bool:
        """Give a running check or measurement up; False where there is none."""
        if not self._measures:
            return super().stop_checking()
        self.workers.cancel_group(self, "bench")
        self.say("Stopped: the lengths of prompts that were measured whole are kept.")
        return True


def _found(results: "tuple[Result, ...]") -> str:
    """What came of it, in words."""
    measured = [result.measured for result in results if result.measured is not None]
    if not measured:
        return f"was not measured: {results[0].skipped}."
    first = measured[0]
    speeds = f"writes {figures.rate(first.decode_tok_s)} and reads {figures.rate(measured[-1].prefill_tok_s)}"
    skipped = [f"{result.asked:,} tokens are more than it takes" for result in results if result.skipped]
    return "; ".join([speeds, *skipped]) + "."
