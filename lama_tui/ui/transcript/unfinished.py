"""Going on with what takes long to draw: a slice, then a pause in which keys are taken and the screen is drawn."""

from collections.abc import Callable

from textual.timer import Timer
from textual.widget import Widget

from lama_tui.ui.transcript.column import Column

SLICE = 0.012
"""Seconds: a piece that was begun is finished, so that a slice can take a few milliseconds more."""

_EVERY = 0.02
"""Seconds from slice to slice."""


class Unfinished:
    """Calls for slices as long as a message of the column is not wholly drawn."""

    def __init__(self, view: Widget, column: Column, draw: Callable[[int], None]) -> None:
        """`draw` is given the index of a message to draw a slice of."""
        self._view = view
        self._column = column
        self._draw = draw
        self._timer: Timer | None = None

    def watch(self) -> None:
        """Begin when there is something to draw."""
        if self._timer is None and self._column.unfinished is not None:
            self._timer = self._view.set_interval(_EVERY, self._go_on)

    @property
    def note(self) -> str:
        """How much is drawn of what is shown as it was before; empty where nothing is."""
        index = self._column.unfinished
        drawn = None if index is None else self._column.messages[index]
        return f" ◌ drawing… {drawn.percent} % " if drawn is not None and drawn.outdated else ""

    def _go_on(self) -> None:
        index = self._column.unfinished
        if index is not None and self._view.is_attached:
            self._draw(index)
        elif self._timer is not None:
            self._timer.stop()
            self._timer = None
