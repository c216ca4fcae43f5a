"""When installed models begin to be watched: well behind the start, in a task that ends with the program."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from lama_tui.errors import LamaError

if TYPE_CHECKING:
    from lama_tui.library.updates.update import Update
    from lama_tui.library.watch import ModelWatch

log = logging.getLogger(__name__)

_AFTER = 30.0  # seconds; a start is busy enough


class Watching:
    """Of one instance; `watch` makes what watches when it is time."""

    def __init__(self, watch: "Callable[[], Awaitable[ModelWatch]]") -> None:
        self._watch = watch
        self._task: asyncio.Task[None] | None = None

    def begin(self, changed: Callable[[LamaError], None], newer: "Callable[[Update], None]") -> None:
        """Begin, unless that was done."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(changed, newer), name="models")

    async def _run(self, changed: Callable[[LamaError], None], newer: "Callable[[Update], None]") -> None:
        await asyncio.sleep(_AFTER)
        try:
            await (await self._watch()).run(changed, newer)
        except Exception:  # nobody waits for it who could be told
            log.exception("models are not watched any more")

    async def end(self) -> None:
        """End it."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
