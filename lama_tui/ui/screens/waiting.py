"""A screen on which what takes long is told in its status line, and can be stopped."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from textual.screen import Screen
from textual.timer import Timer

from lama_tui.ui.bindings import key_at
from lama_tui.ui.waiting import Waits
from lama_tui.ui.widgets.status_line import StatusLine

_LOOK = 0.25
"""Seconds between looks at how long something takes."""


class WaitingScreen(Screen[None]):
    """Has a status line below; `waiting` is what takes time, told from half a second on."""

    def __init__(self) -> None:
        super().__init__()
        self._waits = Waits()
        self._wait_ticker: Timer | None = None

    @contextmanager
    def waiting(self, what: str, stop: Callable[[], object] | None = None, key: str = "app.stop") -> Iterator[None]:
        """Tell of `what` while the block lasts, and of the key that ends it: `stop` is how that is done.

        Where `stop` is None only another `key` than `app.stop` does, such as `app.quit`.
        """
        hint = ""
        if stop is not None or key != "app.stop":
            hint = f"{key_at(self, key)} {'stops' if key == 'app.stop' else 'quits'}"
        with self._waits.during(what, hint, stop):
            if self._wait_ticker is None:
                self._wait_ticker = self.set_interval(_LOOK, self._tell_waits)
            try:
                yield
            finally:
                self.call_later(self._tell_waits)

    def stop_waiting(self) -> bool:
        """Stop what is told and can be stopped; False when there is nothing of the kind."""
        return self._waits.stop()

    def _tell_waits(self) -> None:
        for line in self.query(StatusLine):
            line.waiting = self._waits.text
        if not self._waits and self._wait_ticker is not None:
            self._wait_ticker.stop()
            self._wait_ticker = None
