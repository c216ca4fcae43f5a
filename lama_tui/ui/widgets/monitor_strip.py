"""The live monitor in one line, for those who want the room."""

from textual.content import Content
from textual.geometry import Region
from textual.widget import Widget

from lama_tui.monitor.history import History
from lama_tui.ui.gauges import changed
from lama_tui.ui.monitor_line import strip_line


class MonitorStrip(Widget):
    """Shows what matters most of the newest sample of `history`, as much as fits."""

    def __init__(self, history: History, *, id: str | None = None) -> None:  # noqa: A002 - the name that Textual uses
        super().__init__(id=id)
        self._history = history
        self._line = Content.empty()

    def look(self) -> None:
        """Show what `history` holds now; only the cells that changed are sent to the terminal."""
        before, self._line = self._line, strip_line(tuple(self._history), self.size.width)
        if (cells := changed(before, self._line)) is not None:
            self.refresh(Region(cells[0], 0, cells[1] - cells[0], 1))

    def on_resize(self) -> None:
        """Another width has room for other figures."""
        self.look()
        self.refresh()

    def render(self) -> Content:
        """The line."""
        return self._line
