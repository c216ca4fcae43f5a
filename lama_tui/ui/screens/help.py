"""Every key, from the keymap itself, so that it is never out of date."""

from collections.abc import Mapping

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from lama_tui.config.keymap import KEYMAP, Scope
from lama_tui.ui.bindings import bindings, key_name

_HEADINGS: dict[Scope, str] = {
    "composer": "While you write",
    "workspace": "In the workspace",
    "app": "Everywhere",
    "transcript": "In the transcript (esc goes there, i comes back)",
    "conversations": "In the list of conversations",
    "models": "In the list of models",
}


class HelpScreen(ModalScreen[None]):
    """The keys of every pane, as they are bound now."""

    BINDINGS = bindings("help")

    def __init__(self, overrides: Mapping[str, str]) -> None:
        super().__init__()
        self._overrides = overrides

    def compose(self) -> ComposeResult:
        """One scrolling page."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Keys"
            dialog.border_subtitle = "esc closes · arrows scroll"
            with VerticalScroll():
                yield Static(self._text(), id="help-text", markup=False)

    def on_mount(self) -> None:
        """Arrow keys scroll at once."""
        self.query_one(VerticalScroll).focus()

    def action_close(self) -> None:
        """Back to the workspace."""
        self.dismiss()

    def _text(self) -> Content:
        lines: list[Content] = []
        for scope, heading in _HEADINGS.items():
            lines += [Content.styled(heading, "bold $primary")]
            for key in KEYMAP:
                if key.scope != scope:
                    continue
                keys = self._overrides.get(key.id, key.keys)
                names = " ".join(key_name(name) for name in keys.split(","))
                lines.append(Content.assemble((f"  {names:<20}", "bold $accent"), key.tooltip))
            lines.append(Content.empty())
        return Content("\n").join(lines)
