"""What the guard says when the app was killed or crashed in native code, and the report that it keeps of that."""

import os
import signal
import sys
import time
from pathlib import Path

from lama_tui import __version__
from lama_tui.cli import output
from lama_tui.paths import Paths, make_private
from lama_tui.security.gate import clean, clean_line
from lama_tui.security.redaction import redact

_KEPT = 10
"""Reports; older ones are removed."""


def tell(number: int, pid: int, report: bytes, last_words: bytes) -> None:
    """Say that signal `number` ended the app, and where to read more.

    `report` is what was left of it, and `last_words` what it had to say, if anything.
    """
    paths = Paths.from_environment()
    name = signal.Signals(number).name if number in signal.valid_signals() else f"signal {number}"
    what = f"lama was ended by {name}, {_why(number)}"
    said = redact(clean(last_words.decode("utf-8", "replace"))).strip()
    if said:
        what += f" It said: {clean_line(said, 300)}"
    saved = "Everything up to the last moment before is saved."
    try:
        file = _keep(paths.state, f"{what}\n{_system()}\n\n{said}\n\n".encode() + report, pid) if report else None
        where = f"The crash report: {file}\n" if file else ""
    except OSError as error:
        where = f"The crash report could not be written: {error}\n"
    output.note(f"{what}\n{saved}\n{where}The log: {paths.log}")


def _why(number: int) -> str:
    if number == signal.SIGKILL:
        return "by someone, or by the system because memory ran out."
    if number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE):
        return "a fault in native code."
    return "which it does not expect."


def _system() -> str:
    """What somebody who mends it asks first."""
    return f"lama {__version__}, Python {sys.version.split()[0]}, {sys.platform} {os.uname().machine}"


def _keep(folder: Path, report: bytes, pid: int) -> Path:
    """Write a report; its file. Raises `OSError`."""
    make_private(folder)
    file = folder / f"crash-{time.strftime('%Y%m%d-%H%M%S')}-{pid}.txt"
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(report)
    for old in sorted(folder.glob("crash-*.txt"))[:-_KEPT]:
        old.unlink(missing_ok=True)
    return file
