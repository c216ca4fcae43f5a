"""The line above the transcript: what the conversation is called, and on the right what is special about it."""

from textual.content import Content
from textual.widget import Widget


class Heading(Widget):
    """A title, cut where it is long, so that what differs from the defaults is always seen."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - the name that Textual uses
        super().__init__(id=id)
        self._shown = ("", "")

    def show(self, title: str, marks: str) -> None:
        """Show these, both clean and of one line."""
        if (title, marks) != self._shown:
            self._shown = (title, marks)
            self.refresh()

    def render(self) -> Content:
        """The line; of the marks at most two thirds of it."""
        title, marks = (Content(text) for text in self._shown)
        width = self.size.width
        if not marks.plain or width < 12:
            return title.truncate(width, ellipsis=True)
        marks = marks.truncate(min(marks.cell_length, 2 * width // 3), ellipsis=True)
        room = width - marks.cell_length - 2
        return Content.assemble(title.truncate(room, ellipsis=True, pad=True), "  ", marks.stylize("$accent"))
