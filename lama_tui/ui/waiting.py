"""What is waited for: how far it is, since when, and what stops it. No widgets here."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lama_tui.types import MessageId
from lama_tui.ui import figures

if TYPE_CHECKING:
    from lama_tui.chat.progress import Phase, TurnProgress
    from lama_tui.ui.drawn_message import Progress

NOTICED = 0.5
"""Seconds from which a wait is shown."""

SILENT = 3.0
"""Seconds without a new word from which an answer that was being written is said to stand still."""

_KEPT = 64
"""Answers whose phases are remembered: more than can run at once."""


def elapsed(seconds: float) -> str:
    """`4 s`, `2 min 5 s`; empty below one second, so that what is quick does not flicker."""
    whole = int(seconds)
    if whole < 1:
        return ""
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"


class Phases:
    """Since when each running answer does what it does now; of one that is written, since when no word came."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: dict[MessageId, tuple[tuple[Phase, int], float]] = {}

    def seconds(self, turn: "TurnProgress") -> float:
        """How long it has been as it is; counted from the first time that it was seen so."""
        now = self._clock()
        state = turn.phase, len(turn.text)
        seen, since = self._since.get(turn.message, (None, now))
        if seen != state:
            self._since.pop(turn.message, None)
            while len(self._since) >= _KEPT:
                self._since.pop(next(iter(self._since)))
            since = now
            self._since[turn.message] = state, now
        return now - since


def shown(turn: "TurnProgress", seconds: float, stops: str) -> "Progress":
    """A running answer as the transcript draws it; `stops` is the key that stops it."""
    from lama_tui.ui.drawn_message import Progress

    return Progress(turn.text, turn.reasoning, " · ".join(filter(None, _doing(turn, seconds, stops))))


def doing(turn: "TurnProgress", seconds: float, stops: str) -> tuple[str, str]:
    """What a running answer does, for a line with little room: with the key that stops it, and shorter."""
    what = _brief(turn, seconds)
    return (what if turn.phase == "saving" else f"{what} · {stops} stops"), what


def _doing(turn: "TurnProgress", seconds: float, stops: str) -> Iterator[str]:
    """All that is known of it; what changes every second comes last."""
    if turn.unsaved is not None:
        yield f"not saved yet: {turn.unsaved.title}"
        return
    if turn.summarizes:
        yield f"summarizing {turn.summarizes:,} older messages"
    share = f"{100 * turn.done // turn.total} %" if turn.total else ""
    match turn.phase:
        case "queued":
            yield f"waiting in line, {turn.done} of {turn.total}"
        case "loading":
            yield f"loading {figures.model_name(turn.model)}"
            if turn.total:
                yield f"{figures.size(turn.done)} of {figures.size(turn.total)}"
                yield share
        case "prefill":
            yield f"reading {figures.count(turn.done)} of {figures.count(turn.total)} tokens"
            yield share
        case "streaming":
            yield "writing" if turn.text else "thinking"
        case "saving":
            yield "saving"
        case _:
            yield "waiting for the model"
    if turn.phase != "saving":
        yield f"{stops} stops"
    if not (turn.phase == "streaming" and turn.text):
        yield elapsed(seconds)
    elif seconds >= SILENT:  # until then one sees that it goes on
        yield f"nothing new for {elapsed(seconds)}"


def _brief(turn: "TurnProgress", seconds: float) -> str:
    if turn.unsaved is not None:
        return "not saved yet"
    if turn.summarizes:
        words = _step(turn, seconds)
        return f"summarizing {turn.summarizes:,} messages" + (f", {words}" if turn.phase != "waiting" else "")
    return _step(turn, seconds)


def _step(turn: "TurnProgress", seconds: float) -> str:
    how_far = f"{100 * turn.done // turn.total} %" if turn.total else elapsed(seconds)
    match turn.phase:
        case "queued":
            return f"in line, {turn.done} of {turn.total}"
        case "loading":
            return f"loading {how_far}".strip()
        case "prefill":
            return f"reading {how_far}".strip()
        case "streaming":
            return "writing" if turn.text else f"thinking {how_far}".strip()
        case "saving":
            return f"saving {how_far}".strip()
        case _:
            return f"waiting {how_far}".strip()


@dataclass(slots=True, eq=False)
class _Wait:
    what: str
    since: float
    hint: str
    stop: Callable[[], object] | None


class Waits:
    """What else is under way: opening, switching, stopping. The newest one is told, once it takes long."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waits: list[_Wait] = []

    @contextmanager
    def during(self, what: str, hint: str = "", stop: Callable[[], object] | None = None) -> Iterator[None]:
        """Tell of `what` while the block lasts. `hint` says which key ends it; `stop` is how."""
        wait = _Wait(what, self._clock(), hint, stop)
        self._waits.append(wait)
        try:
            yield
        finally:
            self._waits.remove(wait)

    def __bool__(self) -> bool:
        """Whether anything is under way."""
        return bool(self._waits)

    @property
    def text(self) -> str:
        """What to tell now; empty where nothing takes long."""
        now = self._clock()
        for wait in reversed(self._waits):
            if now - wait.since >= NOTICED:
                return " · ".join(filter(None, (wait.what, wait.hint, elapsed(now - wait.since))))
        return ""

    def stop(self) -> bool:
        """Stop the newest that is told and can be stopped; False when there is none."""
        now = self._clock()
        for wait in reversed(self._waits):
            if wait.stop is not None and now - wait.since >= NOTICED:
                wait.stop()
                return True
        return False
