"""Leaving well: SIGTERM, SIGHUP, SIGINT, a hang-up and the end of who guards us save everything and end in time.

A second after the signal the program is gone: by itself when saving and closing was quick, else it
is ended where it stands (what is in the store is crash-safe), with the terminal restored. On a machine that
other programs keep busy the second is that of this one: what it did not get does not count.
"""

import asyncio
import contextlib
import contextvars
import logging
import os
import select
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Protocol

from lama_tui.ui.terminal.patience import Patience

LIMIT = 0.9  # seconds from the signal to the end
MOST = 4.0  # where others have the processors

_log = logging.getLogger(__name__)


class Leaver(Protocol):
    """An app that can be told to leave."""

    async def leave(self) -> None:
        """Save everything, close what is open, and exit. Called once."""

    def exit(self, result: None = None, return_code: int = 0, message: str | None = None) -> None:
        """End with `return_code`, after saying `message`."""


class Leaving:
    """Listens for the signals that end a program. Made in the main thread, on the app's running loop.

    `restore` gives the terminal back at once, from any thread. `guardian` is a descriptor at its end
    as soon as the process that guards this one is gone.
    """

    def __init__(self, app: Leaver, restore: Callable[[], None], guardian: int | None = None) -> None:
        self._app = app
        self._restore = restore
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()
        self._task: asyncio.Task[None] | None = None
        self._saved = False
        self.is_told = False
        """A signal to end came, or something else that ends the app."""
        self._guardian = guardian
        self._alarm_out, self._alarm_in = os.pipe()
        threading.Thread(target=self._watch, name="lama-leaving", daemon=True).start()
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            # ignored by whoever started us (nohup): stays so, the end of input tells of a hang-up
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._on_signal)

    def begin(self, why: str = "the terminal is gone") -> None:
        """Leave; on the loop's thread. Only the first call counts."""
        if self._task is None:
            _log.info("leaving: %s", why)
            self._sound_alarm()
            self._task = self._loop.create_task(self._leave(), context=self._context)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        """Start the clock even if the loop is busy: unlike a handler of the loop, this runs between two bytecodes."""
        self._sound_alarm()
        self._tell(signal.Signals(number).name)

    def _tell(self, why: str) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the program is about to end
            self._loop.call_soon_threadsafe(self.begin, why)

    async def _leave(self) -> None:
        try:
            await self._app.leave()
            self._saved = True
        except Exception as error:
            _log.exception("Leaving failed")
            self._app.exit(return_code=1, message=f"Not everything could be closed: {error}")

    def _sound_alarm(self) -> None:
        self.is_told = True
        os.write(self._alarm_in, b".")

    def _watch(self) -> None:
        """End the program when it does not end by itself. A thread, because the loop may be what hangs."""
        watched = [self._alarm_out] if self._guardian is None else [self._alarm_out, self._guardian]
        if self._alarm_out not in select.select(watched, [], [])[0]:
            self._tell("the process that guards it is gone")
        patience = Patience(os.getpid(), LIMIT, MOST)
        while (left := patience.left()) > 0:
            time.sleep(left)
        self._restore()
        os._exit(0 if self._saved else 1)
