"""One line with the keys that work where one is.

A single widget: Textual's footer makes one for every key, all anew whenever the focus moves, which
was a fifth of the time to the first paint.
"""

from collections.abc import Iterator

from textual import events
from textual.binding import Binding
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget

from lama_tui.ui.bindings import UNBOUND

_GAP = "  "


class KeyLine(Widget):
    """Shows the keys of the bindings that are meant to be shown, as many as fit; a click presses one."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - the name that Textual uses
        super().__init__(id=id)
        self._keys: list[Binding] = []

    def on_mount(self) -> None:
        """Follow what can be pressed."""
        self.screen.bindings_updated_signal.subscribe(self, self._look)

    def _look(self, screen: Screen[object]) -> None:
        """Take the first binding of every action that can be carried out now."""
        if screen is not self.screen or not self.app.app_focus:
            return
        by_action: dict[str, Binding] = {}
        for active in screen.active_bindings.values():
            if active.binding.show and active.enabled and active.binding.key != UNBOUND:
                by_action.setdefault(active.binding.action, active.binding)
        bindings = list(by_action.values())
        if bindings != self._keys:
            self._keys = bindings
            self.refresh()

    def render(self) -> Content:
        """The line."""
        pieces = [
            Content.assemble((self.app.get_key_display(binding), "bold $primary"), f" {binding.description}")
            for binding, _ in self._fitting()
        ]
        return Content(_GAP).join(pieces)

    def _fitting(self) -> Iterator[tuple[Binding, range]]:
        """The bindings that fit, each with the columns it takes."""
        start = 0
        for binding in self._keys:
            end = start + Content(f"{self.app.get_key_display(binding)} {binding.description}").cell_length
            if end > self.size.width:
                return
            yield binding, range(start, end)
            start = end + len(_GAP)

    def _at(self, column: int) -> Binding | None:
        return next((binding for binding, columns in self._fitting() if column in columns), None)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Tell what the key under the mouse does."""
        binding = self._at(event.x - self.gutter.left)
        self.tooltip = Content(binding.tooltip) if binding is not None and binding.tooltip else None

    def on_click(self, event: events.Click) -> None:
        """Press the key that was clicked."""
        if (binding := self._at(event.x - self.gutter.left)) is not None:
            self.app.simulate_key(binding.key)
