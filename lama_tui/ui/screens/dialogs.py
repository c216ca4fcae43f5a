"""Small windows that ask for one thing."""

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Label

from lama_tui.security.gate import clean_line
from lama_tui.ui.bindings import bindings, key_at
from lama_tui.ui.screens.above import Dialog
from lama_tui.ui.widgets.line_input import LineInput

LONGEST_TITLE = 200


class RenameDialog(Dialog[str | None]):
    """Asks for a title; None when it was left."""

    BINDINGS = bindings("dialog")

    def __init__(self, title: str) -> None:
        super().__init__()
        self._before = title

    def compose(self) -> ComposeResult:
        """A field with the title in it."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Rename"
            yield LineInput(self._before, max_length=LONGEST_TITLE, select_on_focus=False)
            hint = f"enter keeps it · {key_at(self, 'dialog.close')} leaves it as it was"  # enter is the field's own
            yield Label(hint, classes="hint", markup=False)

    def action_close(self) -> None:
        """Leave the title as it is."""
        self.dismiss(None)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Hand the title over."""
        event.stop()
        self.dismiss(clean_line(event.value, LONGEST_TITLE).strip() or None)
