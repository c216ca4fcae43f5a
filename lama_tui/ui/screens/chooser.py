"""A list to choose from: type to narrow it, enter takes the highlighted line."""

from collections.abc import Sequence
from dataclasses import dataclass

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.events import Key
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from lama_tui.ui.bindings import bindings, key_at, move_at
from lama_tui.ui.screens.above import Dialog
from lama_tui.ui.widgets.filter import Filter
from lama_tui.ui.widgets.options import Options

FACTS_APART = " · "
"""Stands between facts."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A line to choose. `value` is what is returned for it; `problem` says why it cannot be chosen.

    `facts` are `FACTS_APART`, the most important first.
    """

    value: str
    name: str
    facts: str = ""
    about: str = ""
    problem: str = ""


class Chooser(Dialog[str | None]):
    """Returns the value of the chosen line, or None. Everything shown was cleaned by who made the choices."""

    BINDINGS = [*bindings("chooser"), *bindings("dialog")]
    SCOPES = ("chooser", "dialog")
    HEADING = ""
    PLACEHOLDER = "Narrow the list…"
    SEARCHING = "Looking…"
    NARROWS, TAKES = "type to narrow", "takes it"
    NOTHING = "There is nothing to choose from."

    def __init__(self, current: str = "") -> None:
        super().__init__()
        self.current = current
        """The value that is in use now: highlighted at first, and marked."""
        self.wanted = ""
        """What it is narrowed to at first."""
        self._choices: Sequence[Choice] = ()
        self._shown: Sequence[Choice] = ()

    @property
    def elsewhere(self) -> str:
        """Where else it may be, as a further sentence."""
        return ""

    async def find(self) -> Sequence[Choice]:
        """Everything there is to choose from."""
        raise NotImplementedError

    def matches(self, choice: Choice, words: Sequence[str]) -> bool:
        """Whether a line stays where one typed `words` (in lower case)."""
        line = f"{choice.name} {choice.facts}".casefold()
        return all(word in line for word in words)

    def highlighted(self, choice: Choice) -> None:
        """The highlight moved to a line: for a preview."""

    def compose(self) -> ComposeResult:
        """A filter, the list, and what is known of the highlighted line."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content(self.HEADING)
            take, close = key_at(self, "chooser.choose"), key_at(self, "dialog.close")
            dialog.border_subtitle = Content(f"{self.NARROWS} · {take} {self.TAKES} · {close} closes")
            yield Filter(self.wanted, placeholder=self.PLACEHOLDER, id="narrow", select_on_focus=False)
            yield Options(id="choices", markup=False)
            yield Static(self.SEARCHING, id="about", markup=False)

    def on_mount(self) -> None:
        """Look for choices without holding up the screen."""
        if self.children:  # none: it was closed before it was open
            self._look()

    @work(exclusive=True)
    async def _look(self) -> None:
        self._choices = await self.find()
        for field in self.query("#narrow").results(Input):  # none: it was closed meanwhile
            self._fill(field.value)

    @on(Input.Changed, "#narrow")
    def _narrow(self, event: Input.Changed) -> None:
        self._fill(event.value)

    @on(Input.Submitted, "#narrow")
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_choose()

    def _fill(self, wanted: str) -> None:
        words = wanted.casefold().split()
        found = [choice for choice in self._choices if self.matches(choice, words)]
        nothing = f"Nothing here is called “{wanted}”. Clear the field to see all.{self.elsewhere}"
        self.show_choices(found, nothing if self._choices else self.NOTHING)

    def show_choices(self, found: Sequence[Choice], nothing: str) -> None:
        """Put these into the list; where there are none, say `nothing`."""
        self._shown = shown = found
        choices = self.query_one("#choices", Options)
        choices.set_options(Option(self.line(choice)) for choice in shown)
        values = [choice.value for choice in shown]
        if values:
            choices.highlighted = values.index(self.current) if self.current in values else 0
        else:
            self._say(Content(nothing))

    def draw_again(self) -> None:
        """Draw the lines anew, at another width; the highlight stays."""
        if not self.children:
            return
        choices = self.query_one("#choices", Options)
        for index, choice in enumerate(self._shown):
            choices.replace_option_prompt_at_index(index, self.line(choice))

    def line(self, choice: Choice) -> Content:
        """A choice as the list shows it."""
        mark = "✕ " if choice.problem else "✓ " if choice.value == self.current else "  "
        facts = choice.problem or choice.facts
        return Content(f"{mark}{choice.name}   {facts}" if facts else f"{mark}{choice.name}")

    @on(OptionList.OptionHighlighted)
    def _describe(self, event: OptionList.OptionHighlighted) -> None:
        if event.option_index < len(self._shown):  # it may be of a list that was narrowed since
            choice = self._shown[event.option_index]
            self._say(Content(choice.about))
            self.highlighted(choice)

    def _say(self, text: Content) -> None:
        self.query_one("#about", Static).update(text)

    def action_choose(self) -> None:
        """Take the highlighted line, if it can be taken."""
        index = self.query_one("#choices", Options).highlighted
        if index is None or index >= len(self._shown):
            return
        choice = self._shown[index]
        if choice.problem:
            self.app.bell()
            self._say(Content(choice.about))
            return
        self.dismiss(choice.value)

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.action_choose()

    def on_key(self, event: Key) -> None:
        """Keys that move in lists do so while the filter keeps the focus."""
        choices = self.query_one("#choices", Options)
        if choices.has_focus or (move := move_at(self, event.key)) is None:
            return
        event.stop()
        event.prevent_default()
        getattr(choices, f"action_{move}")()

    def action_close(self) -> None:
        """Leave everything as it is."""
        self.dismiss(None)
