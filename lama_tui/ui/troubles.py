"""What went wrong in this run: the problems that were told and the warnings that were logged, for the log screen."""

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass

from lama_tui.errors import LamaError
from lama_tui.security.gate import clean, clean_line
from lama_tui.security.redaction import redact

KEPT = 200
_TITLE, _DETAIL = 300, 4_000  # characters

_TOLD_BY_OTHERS = "lama_tui.chat.turn"
"""Logs how answers failed; who shows them tells it whole."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that went wrong. `at` is seconds of the epoch; texts are clean and hold no key."""

    at: float
    title: str
    detail: str = ""
    hint: str = ""
    serious: bool = True

    @property
    def text(self) -> str:
        """All of it, as it is copied."""
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.at))
        return "\n".join(filter(None, (f"{when}  {self.title}", self.detail, self.hint and f"→ {self.hint}")))


def told(error: LamaError, serious: bool = True) -> None:
    """Record that a person was told of `error`: whole among the troubles of this run, and in the log file by its
    title alone, for servers quote in the rest what they were sent."""
    _log.warning("told: %s", clean_line(error.title, _TITLE), extra={"told": error, "serious": serious})


class Troubles(logging.Handler):
    """The last of them, oldest first. Everything of level WARNING and above that this process logs comes here."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._kept: deque[Trouble] = deque(maxlen=KEPT)
        self._guard = threading.Lock()
        self.count = 0
        """How many there were in all: it grows with every one."""

    def listen(self) -> None:
        """Hear from now on."""
        logging.getLogger().addHandler(self)

    def stop(self) -> None:
        """Hear no more; safe to call twice."""
        logging.getLogger().removeHandler(self)

    @property
    def newest_first(self) -> tuple[Trouble, ...]:
        """What is kept."""
        with self._guard:
            return tuple(reversed(self._kept))

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one, from any thread; a record that cannot be read is left out."""
        if record.name == _TOLD_BY_OTHERS:
            return
        try:
            trouble = _read(record)
        except Exception:  # formatting runs code of the arguments' types
            return
        with self._guard:
            self._kept.append(trouble)
            self.count += 1


def _read(record: logging.LogRecord) -> Trouble:
    error = getattr(record, "told", None)
    if isinstance(error, LamaError):
        title, detail, hint = error.title, error.detail, error.hint
        serious = bool(getattr(record, "serious", True))
    else:
        title, _, detail = record.getMessage().partition("\n")
        if record.exc_info and (cause := record.exc_info[1]) is not None:
            detail = f"{detail}\n{type(cause).__name__}: {cause}".strip()
        hint, serious = "", record.levelno >= logging.ERROR
        title = f"{title} ({record.name.removeprefix('lama_tui.')})"
    title, hint = (clean_line(redact(text), _TITLE) for text in (title, hint))
    return Trouble(record.created, title, clean(redact(detail))[:_DETAIL], hint, serious)
