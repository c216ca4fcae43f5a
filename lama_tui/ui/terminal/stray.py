"""Stray output: what libraries write to stdout and stderr while the screen is ours goes to the log.

Native code (a Rust panic, a GPU driver) writes to the descriptors themselves, past Python and past
the gate, and would corrupt the screen. The driver draws through a descriptor of its own.
"""

import contextlib
import logging
import os
import select
import threading
import time
from io import FileIO

from lama_tui.security.gate import clean_line
from lama_tui.ui.terminal import early

_log = logging.getLogger(__name__)
_LONGEST = 2_000
_GRACE = 0.05  # seconds


class StrayOutput:
    """Diverts descriptors 1 and 2 between `divert` and `restore`; both are safe to call twice."""

    def __init__(self) -> None:
        self._kept: dict[int, int] = {}

    def divert(self) -> None:
        """Send what is written to 1 and 2 to the log, a record a line."""
        if self._kept:
            return
        reading, writing = (os.dup(early.stray[0]), os.dup(early.stray[1])) if early.stray else os.pipe()
        for descriptor in (1, 2):
            self._kept[descriptor] = os.dup(descriptor)
            os.dup2(writing, descriptor)
        os.close(writing)
        # daemon: a child that inherited the pipe does not keep the program from ending
        threading.Thread(target=_pass_on, args=(reading,), name="lama-stray-output", daemon=True).start()

    def restore(self) -> None:
        """Give 1 and 2 back."""
        for descriptor, kept in self._kept.items():
            with contextlib.suppress(OSError):
                os.dup2(kept, descriptor)
                os.close(kept)
        self._kept.clear()


def _pass_on(reading: int) -> None:
    with os.fdopen(reading, "rb", buffering=0) as stream:
        waiting = b""
        while piece := _left_a_while(stream):
            *lines, waiting = (waiting + piece)[-65_536:].split(b"\n")
            for line in lines:
                if line.strip():
                    _log.warning("stray output: %s", clean_line(line.decode("utf-8", "replace"), _LONGEST))


def _left_a_while(stream: FileIO) -> bytes:
    """What is written, b"" at the end; not at once where there is a guard, who finds here why native code aborted."""
    if early.stray:
        select.select([stream], [], [])
        time.sleep(_GRACE)
    return stream.read(65_536)
