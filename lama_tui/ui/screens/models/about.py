"""What is known of one model, as a text that scrolls beside the list."""

from collections.abc import Callable, Sequence

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from lama_tui.ui.widgets.page import Page

Lines = Callable[[int], Sequence[Content]]
"""Draws the lines in so many cells."""


class About(Page):
    """Wraps to its width; redrawn only when something in it changed."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - the name that Textual uses
        super().__init__(id=id, classes="models-details")
        self._of = ""
        self._lines: Lines = lambda _: ()
        self._drawn = Content.empty()

    def compose(self) -> ComposeResult:
        """One text."""
        yield Static("", classes="models-text", markup=False)

    def tell(self, of: str, lines: Lines) -> None:
        """Show these lines; those `of` another model from their beginning."""
        if of != self._of:
            self.scroll_home(animate=False)
        self._of, self._lines = of, lines
        self._draw()

    @property
    def text(self) -> str:
        """All of it, also what is scrolled out of view."""
        return self._drawn.plain

    def on_resize(self) -> None:
        """What is drawn is as wide as the pane."""
        self._draw()

    def _draw(self) -> None:
        text = Content("\n").join(self._lines(max(10, self.scrollable_content_region.width)))
        if not text.is_same(self._drawn):
            self._drawn = text
            self.query_one(".models-text", Static).update(text)
