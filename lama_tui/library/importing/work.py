"""The long work of an import: it can be stopped between two pieces, and tells how far it is."""

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from lama_tui.library.verify.hashing import Stopped

Step = Literal["fetching", "checking", "copying", "unpacking", "hashing"]

PIECE = 4 * 1024**2
"""Bytes of one read or write: a wish to stop waits for no more."""

_INTERVAL = 0.1  # seconds between two tellings


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """How far a step is: bytes of `total` (None: unknown), and the file that it is at, whose name is untrusted."""

    step: Step
    done: int = 0
    total: int | None = None
    now: str = ""


Watch: TypeAlias = Callable[[ImportProgress], None]
"""Gets the progress on the event loop, ten times a second at most."""


class Work:
    """One import as its thread sees it. `stop` may be set by any thread."""

    def __init__(self, stop: threading.Event, watch: Watch | None, loop: asyncio.AbstractEventLoop) -> None:
        self._stop = stop
        self._watch = watch
        self._loop = loop
        self._told = 0.0
        self._step: Step = "checking"
        self._done = 0
        self._total: int | None = None

    def begin(self, step: Step, total: int | None, done: int = 0) -> None:
        """Another step, of so many bytes; `done` were so before."""
        self._step, self._done, self._total = step, done, total
        self._tell("", 0.0)

    def advance(self, count: int, now: str) -> None:
        """So many bytes more are done, of the file `now`. Raises `Stopped` where nobody waits any more."""
        self._done += count
        if self._stop.is_set():
            raise Stopped
        self._tell(now, _INTERVAL)

    def tell(self, now: str) -> None:
        """Tell how far it is at once: it goes no further for a while."""
        self._tell(now, 0.0)

    def _tell(self, now: str, interval: float) -> None:
        at = time.monotonic()
        if self._watch is not None and at - self._told >= interval:
            self._told = at
            progress = ImportProgress(self._step, self._done, self._total, now)
            self._loop.call_soon_threadsafe(self._watch, progress)
