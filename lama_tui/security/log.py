"""The log: `state/lama.log`, rotating, 0600, redacted, written by its own thread.

The caller only puts a record into a queue. A disk that is full, read-only or hangs costs log
lines and nothing else: no exception, no output, no wait.
"""

import contextlib
import logging
import logging.handlers
import os
import queue
import sys
import threading
from io import TextIOWrapper
from pathlib import Path

from lama_tui.paths import Paths, make_private
from lama_tui.security.redaction import RedactingFormatter

SIZE = 1 << 20  # bytes a file
KEPT = 3  # older files
_WAITING = 10_000  # records that wait for the disk; further ones are dropped


class _PrivateFile(logging.handlers.RotatingFileHandler):
    """A rotating file that only its owner can read, and whose failures are silent."""

    def _open(self) -> TextIOWrapper:
        make_private(Path(self.baseFilename).parent)
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return os.fdopen(descriptor, "a", encoding="utf-8", errors="replace")

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (its name in logging)
        """Lose the record: nobody can be told on a screen that is in use."""


class _Queue(logging.handlers.QueueHandler):
    """Hands records over; a full queue drops them."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (its name in logging)
        """Lose the record."""


class Log:
    """The open log. `close` writes what waits, for at most a second."""

    def __init__(self, file: Path, level: int) -> None:
        self._waiting: queue.Queue[logging.LogRecord | None] = queue.Queue(_WAITING)
        self._file = _PrivateFile(file, maxBytes=SIZE, backupCount=KEPT, encoding="utf-8", delay=True)
        self._file.setFormatter(RedactingFormatter(f"%(asctime)s {os.getpid()} %(levelname)s %(name)s: %(message)s"))
        self._handler = _Queue(self._waiting)
        self._handler.setLevel(level)
        self._before: tuple[int, int] | None = None
        # daemon: a hanging disk does not keep the program from ending
        self._thread = threading.Thread(target=self._write, name="lama-log", daemon=True)

    def start(self, debug: bool) -> None:
        """Take over the root logger; libraries are heard from WARNING on."""
        root, own = logging.getLogger(), logging.getLogger("lama_tui")
        self._before = root.level, own.level
        root.addHandler(self._handler)
        root.setLevel(logging.WARNING)
        own.setLevel(logging.DEBUG if debug else logging.INFO)
        logging.captureWarnings(True)
        self._thread.start()

    def close(self) -> None:
        """Stop logging; safe to call twice."""
        if self._before is None:
            return
        logging.getLogger(__name__).info("lama ends")
        logging.captureWarnings(False)
        root, own = logging.getLogger(), logging.getLogger("lama_tui")
        root.removeHandler(self._handler)
        root.setLevel(self._before[0])
        own.setLevel(self._before[1])
        self._before = None
        with contextlib.suppress(queue.Full):
            self._waiting.put(None, timeout=1)
        self._thread.join(timeout=1)

    def _write(self) -> None:
        while (record := self._waiting.get()) is not None:
            # formatting runs code of the record's arguments' types: contain it
            with contextlib.suppress(Exception):
                self._file.handle(record)
        with contextlib.suppress(Exception):
            self._file.close()


def open_log(paths: Paths, debug: bool = False) -> Log:
    """Start logging to `state/lama.log`; touches no disk on the caller's thread. Never raises.

    `debug` adds what helps to find a mistake: still no key, and nothing that people wrote.
    """
    log = Log(paths.log, logging.DEBUG)
    log.start(debug)
    logging.getLogger(__name__).info("lama starts: Python %s on %s", sys.version.split()[0], sys.platform)
    return log
