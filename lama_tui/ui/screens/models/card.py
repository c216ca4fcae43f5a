"""A model card: Markdown of strangers, drawn as answers are, and never more than is seen."""

import asyncio

from rich.segment import Segment
from textual import work
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from lama_tui.ui.markdown.stream import GrowingMarkdown
from lama_tui.ui.markdown.wrap import Line
from lama_tui.ui.palette import Palette
from lama_tui.ui.themed_app import ThemedApp


class Card(Widget):
    """As high as its text, which was cleaned; what is around it scrolls."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - the name that Textual uses
        super().__init__(id=id)
        self._text = ""
        self._look: tuple[str, int, Palette] | None = None
        self._lines: list[Line] = []

    @property
    def text(self) -> str:
        """The Markdown that is shown."""
        return self._text

    def on_mount(self) -> None:
        """Other colours are another drawing."""
        self.app.theme_changed_signal.subscribe(self, lambda theme: self._draw())

    def show(self, text: str) -> None:
        """Show this text; empty: none."""
        self._text = text
        if not text:
            self._look = None
            self._replace([])
        else:
            self._draw()

    def on_resize(self) -> None:
        """Lines are as long as there is room."""
        self._draw()

    @work(exclusive=True, group="card")
    async def _draw(self) -> None:
        """Draw in a thread: a long card takes longer than one may wait for a key."""
        width = self.size.width
        if not self._text or width < 1 or not isinstance(self.app, ThemedApp):
            return
        look = self._text, width, self.app.palette_in_use()
        if look == self._look:
            return
        lines = await asyncio.to_thread(_drawn, *look)
        self._look = look
        self._replace(lines)

    def _replace(self, lines: list[Line]) -> None:
        if lines or self._lines:
            self._lines = lines
            self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """One for each line."""
        return len(self._lines)

    def render_line(self, y: int) -> Strip:
        """A line of it."""
        width = self.size.width
        style = self.rich_style
        if y >= len(self._lines):
            return Strip.blank(width, style)
        segments = [Segment(part.text, style + part.style if part.style else style) for part in self._lines[y]]
        return Strip(segments).crop(0, width).extend_cell_length(width, style)


def _drawn(text: str, width: int, palette: Palette) -> list[Line]:
    markdown = GrowingMarkdown(width, palette)
    markdown.update(text, complete=True)
    return markdown.lines
