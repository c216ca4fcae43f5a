"""Writes to the terminal from a thread of its own, so that no terminal can stop the event loop.

A terminal that does not read (a paused tmux, a stalled SSH connection) costs frames, never time: one frame is
under way at most, and who draws is told when there is room for the next, which then is the newest.
Control sequences (modes, clipboard, bell) are always kept, in their order.
"""

import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable

_CHUNK = 4096
_LOOK = 0.1  # seconds between looks at whether to stop, while the terminal does not read


class TerminalWriter:
    """`control` and `frame` never block. `on_gone` (the terminal hung up, told once) and
    `on_free` (there is room for a frame that was refused) are called in the writer's thread.
    """

    def __init__(self, descriptor: int, *, on_gone: Callable[[], None], on_free: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._on_gone = on_gone
        self._on_free = on_free
        self._changed = threading.Condition()
        self._waiting: deque[tuple[bytes, bool]] = deque()  # what to write, and whether it is a frame
        self._handed: float | None = None  # when the frame under way was handed over
        self._took = 0.0
        self._refused = False
        self._gone = False
        self._stop_by: float | None = None
        self._cut_short = False
        # daemon: a write that hangs in the kernel does not keep the program from ending
        self._thread = threading.Thread(target=self._run, name="lama-terminal-output", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    @property
    def delay(self) -> float:
        """Seconds that the terminal took to take the last frame, or takes by now for the one under way."""
        handed = self._handed
        return self._took if handed is None else max(self._took, time.monotonic() - handed)

    def has_room(self) -> bool:
        """Whether a frame would be taken now; if not, `on_free` tells when."""
        with self._changed:
            self._refused = self._handed is not None
            return not self._refused

    def control(self, text: str) -> None:
        """Write a sequence that must not be lost."""
        self._add(text, is_frame=False)

    def frame(self, text: str) -> None:
        """Write a frame; only where there is room for it."""
        self._add(text, is_frame=True)

    def stop(self, timeout: float = 0.3) -> bool:
        """End within `timeout` seconds; a frame not begun is dropped. False: sequences could not be written."""
        with self._changed:
            self._stop_by = time.monotonic() + timeout
            self._waiting = deque(item for item in self._waiting if not item[1])
            self._changed.notify()
        self._thread.join(timeout + _LOOK)
        return not self._thread.is_alive() and not self._cut_short

    def _add(self, text: str, *, is_frame: bool) -> None:
        if not text:
            return
        data = text.encode("utf-8", "replace")
        with self._changed:
            if self._gone or self._stop_by is not None:
                return
            if is_frame:
                self._handed = time.monotonic()
            self._waiting.append((data, is_frame))
            self._changed.notify()

    def _run(self) -> None:
        try:
            while (item := self._next()) is not None:
                self._write(item[0])
                if item[1]:
                    self._frame_is_out()
        except OSError:
            with self._changed:
                self._gone = True
                self._waiting.clear()
            self._on_gone()

    def _frame_is_out(self) -> None:
        with self._changed:
            if self._handed is not None:
                self._took = time.monotonic() - self._handed
            self._handed = None
            refused, self._refused = self._refused, False
        if refused:
            self._on_free()

    def _next(self) -> tuple[bytes, bool] | None:
        """Wait for something to write; None when it is time to end."""
        with self._changed:
            while not self._waiting:
                if self._stop_by is not None:
                    return None
                self._changed.wait()
            return self._waiting.popleft()

    def _write(self, data: bytes) -> None:
        """Write all of `data`, however long the terminal takes, but not beyond the end. Raises OSError."""
        rest = memoryview(data)
        while rest:
            patience = _LOOK if self._stop_by is None else min(_LOOK, self._stop_by - time.monotonic())
            if patience <= 0:
                self._cut_short = True
                return
            if not select.select([], [self._descriptor], [], patience)[1]:
                continue
            try:
                rest = rest[os.write(self._descriptor, rest[:_CHUNK]) :]
            except BlockingIOError:
                time.sleep(0.01)  # somebody else is writing to the same terminal
