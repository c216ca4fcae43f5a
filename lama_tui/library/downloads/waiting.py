"""What a job waits for: the next try, the hub's word, or somebody who lets it go on."""

import asyncio
import time

from lama_tui.errors import LamaError
from lama_tui.library.downloads.job import JobState


class Waiting:
    """The waits of all that work on one job. While each of them waits, the job does. Belongs to the event loop."""

    def __init__(self) -> None:
        self.workers = 1
        self._held = ""
        self._until = 0.0
        self._why = ""
        self._now: dict[object, tuple[str, int | None]] = {}
        self._woken = asyncio.Event()

    @property
    def state(self) -> tuple[JobState, str, int | None]:
        """Whether it runs or waits, why, and when it is tried again in UTC milliseconds."""
        if len(self._now) < max(1, self.workers):
            return "running", "", None
        why, at = min(self._now.values(), key=lambda wait: (wait[1] is None, wait[1] or 0))
        return "waiting", why, at

    @property
    def held(self) -> str:
        """Why nothing may go on; empty: it may."""
        return self._held

    def hold(self, why: str) -> None:
        """Let nothing go on, for a reason in words; an empty one ends that."""
        self._held = why
        self._wake()

    def hold_for(self, seconds: float, why: str) -> None:
        """Let nothing new begin for so long."""
        self._until, self._why = max(self._until, time.monotonic() + seconds), why

    def end(self) -> None:
        """Try now what would be tried later."""
        self._until = 0.0
        self._wake()

    async def gate(self) -> None:
        """Return when something new may begin."""
        while True:
            left = self._until - time.monotonic()
            if self._held:
                await self._wait(None, self._held)
            elif left > 0:
                await self._wait(left, self._why)
            else:
                return

    async def sleep(self, seconds: float, why: str) -> None:
        """Wait for so long, or until something ends it."""
        await self._wait(seconds, why)

    async def _wait(self, seconds: float | None, why: str) -> None:
        me, woken = object(), self._woken
        self._now[me] = (why, None if seconds is None else time.time_ns() // 1_000_000 + round(seconds * 1000))
        try:
            async with asyncio.timeout(seconds):
                await woken.wait()
        except TimeoutError:
            pass
        finally:
            del self._now[me]

    def _wake(self) -> None:
        self._woken.set()
        self._woken = asyncio.Event()


def said(error: LamaError) -> str:
    """Why it waits, after an error that passes."""
    return f"{error.title}: {error.detail}" if error.detail else error.title
