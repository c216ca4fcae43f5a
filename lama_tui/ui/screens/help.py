"""Every key, from the keymap itself, so that it is never out of date."""

from collections.abc import Mapping

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from lama_tui.config.keymap import KEYMAP, Scope
from lama_tui.ui.bindings import bindings, key_name
from lama_tui.ui.palette import Palette

_HEADINGS: Mapping[Scope, str] = {
    "composer": "While you write",
    "workspace": "In the workspace",
    "app": "Everywhere",
    "transcript": "In the transcript",
    "conversations": "In the list of conversations",
    "models": "In the model browser",
    "chooser": "In lists to choose from",
    "settings": "In the settings",
    "log": "In the log",
    "dialog": "In everything that opens above the workspace",
}


class HelpScreen(ModalScreen[None]):
    """The keys of every pane, as they are bound now."""

    BINDINGS = bindings("dialog")
    AUTO_FOCUS = "VerticalScroll"  # arrow keys scroll at once

    def __init__(self, overrides: Mapping[str, str], palette: Palette) -> None:
        super().__init__()
        self._palette = palette
        self._overrides = overrides

    def compose(self) -> ComposeResult:
        """One scrolling page."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Keys"
            dialog.border_subtitle = "esc closes · arrows scroll"
            with VerticalScroll():
                yield Static(self._table(), id="help-text", markup=False)

    def action_close(self) -> None:
        """Back to the workspace."""
        self.dismiss()

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True)
        table.add_column()
        for scope, heading in _HEADINGS.items():
            table.add_row(Text(""))
            table.add_row(Text(""), Text(heading, self._palette.assistant))
            for key in KEYMAP:
                if key.scope == scope:
                    keys = self._overrides.get(key.id, key.keys)
                    names = " ".join(key_name(name) for name in keys.split(","))
                    table.add_row(Text(names, self._palette.marker), Text(key.tooltip, self._palette.text))
        return table
