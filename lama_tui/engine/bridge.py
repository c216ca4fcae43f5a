"""From the engine thread to asyncio: one buffer a request, at most one pending wake-up.

A reader that is slow gets a longer string, never a longer queue: adjacent deltas are joined,
progress is replaced by newer progress, and only what must be delivered is kept as it is.
"""

import asyncio
import threading

from lama_tui.events import (
    ModelLoading,
    PromptProgress,
    Queued,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    UsageUpdated,
)

REST = 0.015
"""Seconds between two looks of a reader. A fast model makes a token in less than two
milliseconds: waking the event loop for each would cost the engine thread the interpreter
lock, and a tenth of its speed, for more frames than a screen shows."""

REPLACED = (Queued, ModelLoading, PromptProgress, UsageUpdated)
"""Events of which only the newest says anything."""


def append(events: list[StreamEvent], event: StreamEvent) -> None:
    """Add `event` to what waits for the reader, joining or replacing where that loses nothing."""
    if isinstance(event, REPLACED):
        for at in range(len(events) - 1, -1, -1):
            if not isinstance(events[at], REPLACED):
                break
            if type(events[at]) is type(event):
                del events[at]
                break
    elif isinstance(event, TextDelta | ReasoningDelta):
        # figures that wait do not keep two deltas apart
        at = len(events) - (2 if events and isinstance(events[-1], UsageUpdated) else 1)
        before = events[at] if at >= 0 else None
        if isinstance(before, TextDelta | ReasoningDelta) and type(before) is type(event):
            events[at] = type(event)(before.text + event.text)
            return
    events.append(event)


class EventBuffer:
    """One request's events on their way. Made on the event loop that reads it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ready = asyncio.Event()
        self._lock = threading.Lock()
        self._events: list[StreamEvent] = []
        self._awake = False
        """The reader was called, or will look by itself: it need not be called again."""
        self._looked = -REST

    def put(self, event: StreamEvent) -> bool:
        """Called by the engine thread. False when the reader's event loop is gone."""
        with self._lock:
            append(self._events, event)
            if self._awake:
                return not self._loop.is_closed()
            self._awake = True
        try:
            self._loop.call_soon_threadsafe(self._ready.set)
        except RuntimeError:  # the loop was closed
            return False
        return True

    async def take(self) -> list[StreamEvent]:
        """Wait for events and return all that are there."""
        rest = self._looked + REST - self._loop.time()
        if rest > 0:
            await asyncio.sleep(rest)
        while True:
            with self._lock:
                self._ready.clear()
                events, self._events = self._events, []
                self._awake = bool(events)
            if events:
                self._looked = self._loop.time()
                return events
            await self._ready.wait()
