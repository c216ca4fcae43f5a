"""A list of any length whose lines can be marked, by a key of the screen or a click on the mark."""

from textual import events
from textual.message import Message

from lama_tui.ui.widgets.long_list import LongList

MARKS = 4
"""Cells at the beginning of a line that a mark takes: a click there marks."""


class MarkList(LongList):
    """Says that a mark is wanted; who owns the lines knows what is marked."""

    class MarkRequested(Message):
        """The mark of the entry `at` was clicked; another one may be highlighted by now."""

        def __init__(self, sender: LongList, at: int) -> None:
            super().__init__()
            self.sender = sender
            self.at = at

        @property
        def control(self) -> LongList:
            """The list."""
            return self.sender

    def on_click(self, event: events.Click) -> None:
        """On the mark a click marks; elsewhere it does what it does in every list."""
        at = self.scroll_offset.y + event.y - self.gutter.top
        if event.x - self.gutter.left <= MARKS and 0 <= at < self.count:
            event.prevent_default()
            self.highlighted = at
            self.post_message(self.MarkRequested(self, at))
