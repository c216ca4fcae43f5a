"""A window that says what something would do, and asks before it is done."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static
from textual.widgets.option_list import Option

from lama_tui.ui.bindings import bindings, key_at
from lama_tui.ui.screens.above import Dialog
from lama_tui.ui.widgets.options import Options
from lama_tui.ui.widgets.page import Page

Answer = tuple[str, str]
"""What is returned, and how it reads."""


class _Answers(Options):
    BINDINGS = bindings("chooser")

    def action_choose(self) -> None:
        """Take the highlighted answer."""
        self.action_select()


class Ask(Dialog[str | None]):
    """Returns the answer that was chosen; None where it was left. The first answer changes nothing."""

    CSS_PATH = ["../../styles/dialogs.tcss", "../../styles/models.tcss"]
    BINDINGS = bindings("dialog")
    SCOPES = ("dialog", "chooser")

    def __init__(self, title: str, text: Sequence[Content], answers: Sequence[Answer]) -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._answers = answers

    def compose(self) -> ComposeResult:
        """What would be done, and the answers."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content(self._title)
            with Page(can_focus=False):
                yield Static(Content("\n").join(self._text), classes="models-text", markup=False)
            yield _Answers(*(Option(Content(answer)) for _, answer in self._answers), markup=False)
            close = key_at(self, "dialog.close")
            yield Static(f"{key_at(self, 'chooser.choose')} takes the line · {close} changes nothing", classes="hint",
                         markup=False)  # fmt: skip

    def on_mount(self) -> None:
        """What changes nothing is highlighted."""
        answers = self.query_one(_Answers)
        answers.highlighted = 0
        answers.focus()

    def on_option_list_option_selected(self, event: Options.OptionSelected) -> None:
        """An answer was chosen."""
        event.stop()
        self.dismiss(self._answers[event.option_index][0])

    def action_choose(self) -> None:
        """Take the highlighted answer."""
        self.query_one(_Answers).action_select()

    def action_close(self) -> None:
        """Change nothing."""
        self.dismiss(None)
