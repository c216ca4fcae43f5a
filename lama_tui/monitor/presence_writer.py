"""Keeps what this instance has loaded and is doing in its file, for `lama ps` and other instances."""

import asyncio
import logging
import os
import time
from typing import TYPE_CHECKING

from lama_tui.monitor.presence import LoadedNow, Presence, remove_left, remove_presence, write_presence
from lama_tui.paths import Paths

if TYPE_CHECKING:
    from lama_tui.engine.backend import LoadedModel
    from lama_tui.engine.figures import ModelActivity
    from lama_tui.engine.thread import Engine

log = logging.getLogger(__name__)

_PRESENCE_INTERVAL = 1.0  # seconds


class PresenceWriter:
    """Keeps `state/run/PID.json` true to a second, off the event loop, until closed."""

    def __init__(self, paths: Paths, engine: "Engine") -> None:
        self._folder = paths.run
        self._engine = engine
        self._started = time.time_ns() // 1_000_000
        self._closing = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._run(), name="presence")

    async def close(self) -> None:
        """Take the file away."""
        self._closing.set()  # not cancelled: a write that runs would bring the file back
        await self._task

    async def _run(self) -> None:
        written: Presence | None = None
        try:
            await asyncio.to_thread(remove_left, self._folder)
            while not self._closing.is_set():
                presence = self._look()
                if presence != written:
                    await asyncio.to_thread(write_presence, self._folder, presence)
                    written = presence
                try:
                    await asyncio.wait_for(self._closing.wait(), _PRESENCE_INTERVAL)
                except TimeoutError:
                    continue
            await asyncio.to_thread(remove_presence, self._folder, os.getpid())
        except OSError as error:  # a full or read-only disk: other instances will not see this one
            log.warning("%s cannot be written: %s", self._folder, error)

    def _look(self) -> Presence:
        figures = self._engine.figures()
        doing = {activity.reference: activity for activity in figures.activity}
        loading, memory = figures.loading, figures.memory
        return Presence(
            pid=os.getpid(),
            started=self._started,
            loaded=tuple(_loaded(model, doing.get(model.reference)) for model in figures.loaded),
            running=figures.running,
            waiting=figures.waiting,
            memory=memory.active if memory else None,
            decode_tok_s=figures.decode_tok_s,
            loading=loading.model if loading else "",
            loaded_bytes=loading.done if loading else 0,
            total_bytes=loading.total if loading else 0,
            kv=memory.kv if memory else None,
            prompts=memory.prompts if memory else None,
        )


def _loaded(model: "LoadedModel", doing: "ModelActivity | None") -> LoadedNow:
    if doing is None:
        return LoadedNow(model.reference, model.device, model.weights)
    return LoadedNow(model.reference, model.device, model.weights, doing.running, doing.pinned, doing.unload_at)
