"""The line to move between the sections of the browser."""

from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

SECTIONS = ("Installed", "Hub", "Downloads", "Updates")

_GAP = 3


class Sections(Widget):
    """One line with the names of the sections; a click goes to one."""

    current: reactive[int] = reactive(0)
    marks: reactive[tuple[str, ...]] = reactive(("",) * len(SECTIONS))
    """What stands behind each name: how many there are, how far it is."""

    class Chosen(Message):
        """The person wants to see another section."""

        def __init__(self, section: int) -> None:
            super().__init__()
            self.section = section

    def _names(self) -> list[str]:
        return [f"{name} {mark}".rstrip() for name, mark in zip(SECTIONS, self.marks, strict=True)]

    def render(self) -> Content:
        """The line; the current one also differs without colour."""
        pieces = [
            Content.styled(f"[{name}]", "bold $primary")
            if at == self.current
            else Content.styled(f" {name} ", "$foreground-muted")
            for at, name in enumerate(self._names())
        ]
        return Content(" " * (_GAP - 2)).join(pieces)

    def on_click(self, event: events.Click) -> None:
        """Go to the section that was clicked."""
        start = self.gutter.left
        for at, name in enumerate(self._names()):
            end = start + len(name) + 2
            if start <= event.x < end:
                self.post_message(self.Chosen(at))
            start = end + _GAP - 2
