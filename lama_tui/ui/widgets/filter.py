"""The field above a list or a page: what it is narrowed to."""

from lama_tui.ui.widgets.line_input import LineInput

LONGEST = 1000
"""Characters: more than anybody looks for. A book that is pasted would hold up the screen at every key."""


class Filter(LineInput):
    """Takes as much of a paste as it has room for."""

    def replace(self, text: str, start: int, end: int) -> None:
        """Put `text` in place of what is between two positions."""
        room = LONGEST - len(self.value) + abs(end - start)
        super().replace(text[: max(0, room)], start, end)
