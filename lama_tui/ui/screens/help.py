"""Every key and slash command, from the keymap itself, so that it is never out of date."""

from collections.abc import Mapping, Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.events import Key
from textual.widgets import Input, Static

from lama_tui.config.keymap import Scope
from lama_tui.ui.bindings import bindings, key_of, move_at
from lama_tui.ui.commands.help import Section, page, sections
from lama_tui.ui.screens.above import Dialog
from lama_tui.ui.widgets.filter import Filter
from lama_tui.ui.widgets.page import Page


class HelpScreen(Dialog[None]):
    """The keys as they are bound now, those of the place one comes from first; typing narrows them."""

    CSS_PATH = ["../styles/dialogs.tcss", "../styles/commands.tcss"]
    BINDINGS = bindings("dialog")

    def __init__(self, overrides: Mapping[str, str], here: Sequence[Scope], config_file: str) -> None:
        super().__init__()
        self._overrides = overrides
        self._sections: Sequence[Section] = sections(overrides, here)
        self._config_file = config_file

    def compose(self) -> ComposeResult:
        """A field and one scrolling page."""
        with Vertical(classes="dialog help") as dialog:
            dialog.border_title = "Help"
            up, down, close = (key_of(id_, self._overrides) for id_ in ("list.up", "list.down", "dialog.close"))
            dialog.border_subtitle = Content(f"type to narrow · {up} {down} scroll · {close} closes")
            yield Filter(placeholder="Narrow: a key, or what it does…", id="wanted")
            with Page(can_focus=False):
                yield Static("", id="help-text", markup=False)
            yield Static(
                Content.assemble(
                    ("Another key: ", "$foreground-muted"),
                    f"[keys] in {self._config_file}",
                    (" · ids: ", "$foreground-muted"),
                    "lama config keys",
                ),
                id="help-foot",
                markup=False,
            )

    def on_resize(self) -> None:
        """Lay the page out for this width."""
        if self.children:  # none: it was closed before it was open
            self.call_after_refresh(self._show)

    @on(Input.Changed, "#wanted")
    def _narrow(self, event: Input.Changed) -> None:
        event.stop()
        self._show()
        self.query_one(Page).scroll_home(animate=False)

    def _show(self) -> None:
        if not self.is_attached:
            return
        text = self.query_one("#help-text", Static)
        text.update(page(self._sections, self.query_one("#wanted", Input).value, text.size.width))

    def on_key(self, event: Key) -> None:
        """Arrows and page keys scroll while one types."""
        if (move := move_at(self, event.key)) is not None:
            event.stop()
            getattr(self.query_one(Page), f"action_{move}")()

    def action_close(self) -> None:
        """Back to where one was."""
        self.dismiss()
