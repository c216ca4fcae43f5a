"""Writes to the terminal from a thread of its own, so that no terminal can stop the event loop.

A terminal that does not read (a paused tmux, a stalled SSH connection) costs frames, never time:
frames are dropped while it is behind, and one full repaint is asked for when it reads again.
Control sequences (modes, clipboard, bell) are always kept, in their order.
"""

import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable

# Bytes of frames that may wait: about two full screens, under a second on a slow line.
_BACKLOG = 64 * 1024
_CHUNK = 4096
_LOOK = 0.1  # seconds between looks at whether to stop, while the terminal does not read


class TerminalWriter:
    """`control` and `frame` never block. `on_gone` (the terminal hung up, told once) and
    `on_caught_up` (it reads again, everything must be drawn anew) are called in the writer's thread.
    """

    def __init__(
        self, descriptor: int, *, on_gone: Callable[[], None], on_caught_up: Callable[[], None], backlog: int = _BACKLOG
    ) -> None:
        self._descriptor = descriptor
        self._on_gone = on_gone
        self._on_caught_up = on_caught_up
        self._backlog = backlog
        self._changed = threading.Condition()
        self._waiting: deque[tuple[bytes, bool]] = deque()  # what to write, and whether it may be dropped
        self._frame_bytes = 0
        self._behind = False
        self._gone = False
        self._stop_by: float | None = None
        self._cut_short = False
        # daemon: a write that hangs in the kernel does not keep the program from ending
        self._thread = threading.Thread(target=self._run, name="lama-terminal-output", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    @property
    def is_behind(self) -> bool:
        """Whether the terminal does not keep up, so that frames are dropped."""
        return self._behind

    def control(self, text: str) -> None:
        """Write a sequence that must not be lost."""
        self._add(text, droppable=False)

    def frame(self, text: str) -> None:
        """Write a piece of the screen, unless the terminal is behind."""
        self._add(text, droppable=True)

    def stop(self, timeout: float = 0.3) -> bool:
        """End within `timeout` seconds; frames that wait are dropped. False: sequences could not be written."""
        with self._changed:
            self._stop_by = time.monotonic() + timeout
            self._drop_frames()
            self._changed.notify()
        self._thread.join(timeout + _LOOK)
        return not self._thread.is_alive() and not self._cut_short

    def _add(self, text: str, *, droppable: bool) -> None:
        if not text:
            return
        data = text.encode("utf-8", "replace")
        with self._changed:
            if self._gone or self._stop_by is not None:
                return
            if droppable:
                if self._behind:
                    return
                if self._frame_bytes > self._backlog:
                    self._behind = True
                    self._drop_frames()
                    return
                self._frame_bytes += len(data)
            self._waiting.append((data, droppable))
            self._changed.notify()

    def _drop_frames(self) -> None:
        self._waiting = deque(item for item in self._waiting if not item[1])
        self._frame_bytes = 0

    def _run(self) -> None:
        try:
            while (data := self._next()) is not None:
                self._write(data)
        except OSError:
            with self._changed:
                self._gone = True
                self._waiting.clear()
            self._on_gone()

    def _next(self) -> bytes | None:
        """Wait for something to write; None when it is time to end."""
        with self._changed:
            while not self._waiting:
                if self._stop_by is not None:
                    return None
                if self._behind:
                    self._behind = False
                    self._on_caught_up()
                else:
                    self._changed.wait()
            data, droppable = self._waiting.popleft()
            if droppable:
                self._frame_bytes -= len(data)
            return data

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
