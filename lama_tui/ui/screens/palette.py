"""The palette: any action by a few letters of its name."""

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.events import Key
from textual.widgets import Input, Static

from lama_tui.ui.bindings import bindings, key_at
from lama_tui.ui.commands.entries import Entry
from lama_tui.ui.commands.ranking import rank, without_many
from lama_tui.ui.screens.above import Dialog
from lama_tui.ui.widgets.command_list import CommandList
from lama_tui.ui.widgets.filter import Filter


class PaletteScreen(Dialog[str | None]):
    """Returns the id of the chosen entry, or None."""

    CSS_PATH = ["../styles/commands.tcss"]
    BINDINGS = [*bindings("chooser"), *bindings("dialog")]

    def __init__(self, entries: Sequence[Entry], recent: Sequence[str]) -> None:
        super().__init__()
        self._entries = entries
        self._recent = recent

    def compose(self) -> ComposeResult:
        """A field, and the actions that it means."""
        with Vertical(classes="palette") as frame:
            does, closes = key_at(self, "chooser.choose"), key_at(self, "dialog.close")
            frame.border_subtitle = Content(f"{does} does it · {closes} closes")
            yield Filter(placeholder="What do you want to do?", id="wanted")
            yield CommandList(id="commands")
            yield Static("", id="none", markup=False)

    def on_mount(self) -> None:
        """All actions, those used last on top."""
        if self.children:  # none: it was closed before it was open
            self._show("")

    @on(Input.Changed, "#wanted")
    def _narrow(self, event: Input.Changed) -> None:
        event.stop()
        self._show(event.value)

    def _show(self, wanted: str) -> None:
        found, more = without_many(rank(self._entries, wanted, self._recent))
        self.query_one(CommandList).show(found)
        lists = key_at(self, "conversation.list")
        self.query_one(".palette").border_title = Content(
            f"{more:,} more conversations: {lists} lists all" if more else ""
        )
        nothing = self.query_one("#none", Static)
        if nothing.set_class(not found, "-shown").has_class("-shown"):
            nothing.update(f"Nothing that lama does is called “{wanted.strip()}”.")

    @on(Input.Submitted, "#wanted")
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_choose()

    def action_choose(self) -> None:
        """Take the highlighted line."""
        if (found := self.query_one(CommandList).highlighted) is not None:
            self.dismiss(found.entry.id)

    @on(CommandList.Chosen)
    def _clicked(self, event: CommandList.Chosen) -> None:
        event.stop()
        self.dismiss(event.id)

    def on_key(self, event: Key) -> None:
        """Arrows and page keys move in the list while one types."""
        if self.query_one(CommandList).steer(event.key):
            event.stop()

    def action_close(self) -> None:
        """Do nothing."""
        self.dismiss(None)
