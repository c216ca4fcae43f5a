"""Choose the model of a conversation: what is on this machine, and the configured servers."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.events import Key
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from lama_tui.ui.bindings import bindings
from lama_tui.ui.widgets.options import Options


@dataclass(frozen=True, slots=True)
class Choice:
    """A line of the picker. `problem` says why it cannot be used; empty: it can."""

    reference: str
    facts: str
    about: str
    problem: str = ""


class ModelPicker(ModalScreen[str | None]):
    """Type to narrow, enter to use. Returns the reference, or None."""

    BINDINGS = bindings("models")

    def __init__(self, current: str, find: Callable[[], Awaitable[Sequence[Choice]]]) -> None:
        super().__init__()
        self._current = current
        self._find = find
        self._choices: Sequence[Choice] = ()
        self._shown: Sequence[Choice] = ()

    def compose(self) -> ComposeResult:
        """A filter, the list, and what is known of the highlighted model."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Models"
            dialog.border_subtitle = "type to narrow · enter uses it here · esc closes"
            yield Input(placeholder="Narrow the list…", id="narrow")
            yield Options(id="models", markup=False)
            yield Static("Looking for models…", id="about", markup=False)

    def on_mount(self) -> None:
        """Look for models without holding up the picker."""
        if self.children:  # none: it was closed before it was open
            self._look()

    @work(exclusive=True)
    async def _look(self) -> None:
        self._choices = await self._find()
        self._fill("")

    @on(Input.Changed, "#narrow")
    def _narrow(self, event: Input.Changed) -> None:
        self._fill(event.value)

    @on(Input.Submitted, "#narrow")
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_use()

    def _fill(self, wanted: str) -> None:
        words = wanted.casefold().split()
        self._shown = shown = [
            c for c in self._choices if all(w in f"{c.reference} {c.facts}".casefold() for w in words)
        ]
        models = self.query_one("#models", Options)
        models.set_options(Option(self._line(choice)) for choice in shown)
        references = [choice.reference for choice in shown]
        if references:
            models.highlighted = references.index(self._current) if self._current in references else 0
        elif self._choices:
            self._say(Content(f"No model is called “{wanted}”. Clear the field to see all."))

    def _line(self, choice: Choice) -> Content:
        mark = "✕ " if choice.problem else "✓ " if choice.reference == self._current else "  "
        return Content(f"{mark}{choice.reference}   {choice.problem or choice.facts}")

    @on(OptionList.OptionHighlighted)
    def _describe(self, event: OptionList.OptionHighlighted) -> None:
        if event.option_index < len(self._shown):  # it may be of a list that was narrowed since
            self._say(Content(self._shown[event.option_index].about))

    def _say(self, text: Content) -> None:
        self.query_one("#about", Static).update(text)

    def action_use(self) -> None:
        """Use the highlighted model, if it can be used."""
        index = self.query_one("#models", Options).highlighted
        if index is None or index >= len(self._shown):
            return
        choice = self._shown[index]
        if choice.problem:
            self.app.bell()
            self._say(Content(choice.about))
            return
        self.dismiss(choice.reference)

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.action_use()

    def on_key(self, event: Key) -> None:
        """Arrows move in the list while the filter keeps the focus."""
        models = self.query_one("#models", Options)
        if models.has_focus:
            return
        match event.key:
            case "down":
                models.action_cursor_down()
            case "up":
                models.action_cursor_up()
            case "pagedown":
                models.action_page_down()
            case "pageup":
                models.action_page_up()

    def action_close(self) -> None:
        """Leave the model as it is."""
        self.dismiss(None)
