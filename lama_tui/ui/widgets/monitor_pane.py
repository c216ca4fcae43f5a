"""The live monitor beside the conversation: figures, bars and a short history, as many as there is room for."""

from textual.content import Content
from textual.geometry import Region, Size
from textual.widget import Widget

from lama_tui.monitor.history import History
from lama_tui.ui.gauges import changed
from lama_tui.ui.monitor_rows import pane_rows


class MonitorPane(Widget):
    """Shows the newest sample of `history`; a figure that was not measured shows `–`."""

    def __init__(self, history: History, *, id: str | None = None) -> None:  # noqa: A002 - the name that Textual uses
        super().__init__(id=id)
        self._history = history
        self._rows: list[Content] = []
        self._drawn_for = Size()

    def look(self) -> None:
        """Show what `history` holds now; only the cells that changed are sent to the terminal."""
        before, self._rows = self._rows, pane_rows(tuple(self._history), self.size.width, self.size.height)
        if len(before) != len(self._rows) or self._drawn_for != self.size:
            self._drawn_for = self.size
            self.refresh()
            return
        pairs = enumerate(zip(before, self._rows, strict=True))
        cells = [(y, found) for y, (old, new) in pairs if (found := changed(old, new)) is not None]
        if cells:
            self.refresh(*(Region(start, y, end - start, 1) for y, (start, end) in cells))

    def on_resize(self) -> None:
        """Another size has room for other rows."""
        self.look()

    def render(self) -> Content:
        """Every row."""
        return Content("\n").join(self._rows)
