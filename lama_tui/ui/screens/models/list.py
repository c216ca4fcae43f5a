"""The list of models: a table whose columns depend on the room there is."""

from collections.abc import Sequence

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from lama_tui.ui.bindings import bindings
from lama_tui.ui.screens.models.columns import Row, columns, heading, line
from lama_tui.ui.screens.models.table import Column
from lama_tui.ui.widgets.options import Options


class _Lines(Options):
    """A click highlights; enter, or a second click on the same line, uses."""

    BINDINGS = [key for key in bindings("installed") if isinstance(key, Binding) and key.id == "models.use"]

    class UseRequested(Message):
        """The person wants the highlighted model."""

    def action_use(self) -> None:
        """Ask for the highlighted model to be used."""
        self.post_message(self.UseRequested())

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """A click only highlights."""
        event.stop()

    def on_click(self, event: events.Click) -> None:
        """A double click takes the line."""
        if event.chain == 2:
            self.action_use()


class ModelList(Vertical):
    """The heading and the lines. Shows `Row`s; knows nothing of what they stand for."""

    class Highlighted(Message):
        """Another model is highlighted."""

    UseRequested = _Lines.UseRequested

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - the name that Textual uses
        super().__init__(id=id)
        self._rows: Sequence[Row] = ()
        self._now = 0
        self._drawn: list[Content] = []
        self._titles: tuple[int, Sequence[Column[Row]]] = (0, ())

    def compose(self) -> ComposeResult:
        """The titles of the columns above the lines."""
        yield Static("", id="models-heading", markup=False)
        yield _Lines(id="models-lines", markup=False)

    @property
    def lines(self) -> Options:
        """What has the focus."""
        return self.query_one(_Lines)

    @property
    def highlighted(self) -> Row | None:
        """The model under the highlight."""
        index = self.lines.highlighted
        return self._rows[index] if index is not None and index < len(self._rows) else None

    def show(self, rows: Sequence[Row], now: int) -> None:
        """Show these rows; of the same models only lines that changed are drawn again. `now`: UTC milliseconds."""
        same = [row.model.reference for row in rows] == [row.model.reference for row in self._rows]
        kept = self.highlighted
        self._rows, self._now = rows, now
        self._draw(anew=not same)
        if not same and rows:
            wanted = kept.model.reference if kept else next((row.model.reference for row in rows if row.in_use), "")
            at = next((at for at, row in enumerate(rows) if row.model.reference == wanted), 0)
            self.lines.highlighted = at
        if not same:
            self.post_message(self.Highlighted())

    def on_resize(self) -> None:
        """Another width has room for other columns."""
        self._draw()

    def _draw(self, anew: bool = False) -> None:
        lines = self.lines
        width = max(1, lines.scrollable_content_region.width - 2 or self.size.width - 3)
        shown = columns(width, max((cell_len(row.model.name) for row in self._rows), default=0))
        if (width, shown) != self._titles:
            self._titles = (width, shown)
            self.query_one("#models-heading", Static).update(heading(shown, width))
        before, self._drawn = self._drawn, [line(row, shown, width, self._now) for row in self._rows]
        if anew or len(before) != len(self._drawn):
            lines.set_options(Option(content) for content in self._drawn)
            return
        for at, (old, new) in enumerate(zip(before, self._drawn, strict=True)):
            if not new.is_same(old):
                lines.replace_option_prompt_at_index(at, new)

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Tell the screen."""
        event.stop()
        self.post_message(self.Highlighted())
