"""Loading models into memory and letting them go, however long that takes and whatever is on screen. No widgets."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from lama_tui.errors import LamaError, OutOfMemoryError
from lama_tui.ui import figures
from lama_tui.ui.screens.models.columns import short_name

if TYPE_CHECKING:
    from lama_tui.engine.backend import ModelSource
    from lama_tui.engine.thread import Engine, EngineFigures

Listener = Callable[["str | LamaError"], None]
"""Hears how a wish ended: in words, or why it failed."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked of the engine last and is not done yet."""

    reference: str
    loads: bool


class ModelMemory:
    """One wish at a time. It goes on when the screen that made it is left, and ends with the engine.

    Where there is no room the engine lets running answers end first: a wish may wait for them.
    """

    def __init__(
        self, engine: "Engine", resolve: "Callable[[str], Awaitable[ModelSource]]", listener: Listener
    ) -> None:
        self.listener = listener
        self.wish: Wish | None = None
        self.refused = ""
        """The model that was asked for last and did not fit; asking for it again insists."""
        self._engine = engine
        self._resolve = resolve
        self._task: asyncio.Task[str] | None = None

    @property
    def figures(self) -> "EngineFigures":
        """What the engine says of itself."""
        return self._engine.figures()

    def load(self, reference: str, context: int = 0, *, forced: bool = False) -> None:
        """Load a model for `context` tokens, beside others where there is room; without effect while a wish is open.

        `forced` also where it does not seem to fit.
        """
        self._begin(Wish(reference, loads=True), partial(self._load, context=context, forced=forced))

    def unload(self, reference: str) -> None:
        """Free what a model takes; without effect while a wish is open."""
        self._begin(Wish(reference, loads=False), self._unload)

    def stop(self) -> bool:
        """Give the open wish up; False when there is none."""
        if self._task is None or self.wish is None:
            return False
        self._task.cancel()
        return True

    @property
    def doing(self) -> str:
        """How far the open wish is, in words; empty when there is none."""
        if self.wish is None:
            return ""
        name, now = short_name(self.wish.reference), self.figures
        if self.wish.loads and (loading := now.loading) is not None and loading.model == self.wish.reference:
            if not loading.total:
                return f"Loading {name}…"
            share = 100 * loading.done // loading.total
            return f"Loading {name}: {figures.size(loading.done)} of {figures.size(loading.total)}, {share} %"
        what = "Loading" if self.wish.loads else "Unloading"
        return f"{what} {name} waits for the running answer to end" if now.running else f"{what} {name}…"

    def _begin(self, wish: Wish, carry_out: Callable[[str], Coroutine[None, None, str]]) -> None:
        if self.wish is not None:
            return
        self.wish, self.refused = wish, ""
        self._task = asyncio.create_task(carry_out(wish.reference), name="model memory")
        self._task.add_done_callback(self._ended)  # also of a task that was stopped before it began

    def _ended(self, task: "asyncio.Task[str]") -> None:
        wish, self.wish, self._task = self.wish, None, None
        if task.cancelled():
            loaded = [short_name(model.reference) for model in self.figures.loaded]
            self.listener(f"Stopped. In memory now: {', '.join(loaded) or 'no model'}.")
        elif (error := task.exception()) is None:
            self.listener(task.result())
        elif isinstance(error, LamaError):
            if wish is not None and wish.loads and isinstance(error, OutOfMemoryError):
                self.refused = wish.reference
            self.listener(error)
        else:
            raise error  # a defect: the loop's handler tells of it

    async def _load(self, reference: str, context: int, forced: bool) -> str:
        source = replace(await self._resolve(reference), context=context, forced=forced)
        model = await self._engine.load(source)
        return (
            f"{short_name(reference)} is loaded: {figures.size(model.weights)} of weights"
            f" in {figures.milliseconds(1000 * model.seconds)}."
        )

    async def _unload(self, reference: str) -> str:
        freed = await self._engine.unload(reference)
        return f"{short_name(reference)} left memory and gave back {figures.size(freed)}."
