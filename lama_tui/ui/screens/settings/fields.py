"""Where a setting is changed: a line, a text of several lines, or a few choices; one of them at a time."""

from textual import events, on
from textual.containers import Vertical
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, OptionList, TextArea
from textual.widgets.option_list import Option

from lama_tui.config.keymap import keys_of
from lama_tui.security.gate import clean
from lama_tui.ui.bindings import key_at, names_of, overrides_at
from lama_tui.ui.screens.settings.rows import Row
from lama_tui.ui.widgets.cutting import Cutting
from lama_tui.ui.widgets.line_input import LineInput
from lama_tui.ui.widgets.options import Options

_LONGEST_LINE = 4096
"""Characters, as config values may have."""


class Field(Vertical):
    """Opens for a row, and tells what was entered. Nothing is kept here."""

    class Entered(Message):
        """The person wants this setting to be `text`."""

        def __init__(self, row: Row, text: str) -> None:
            super().__init__()
            self.row = row
            self.text = text

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - the name that Textual uses
        super().__init__(id=id)
        self._row: Row | None = None
        self._line = LineInput(id="setting-line", max_length=_LONGEST_LINE, select_on_focus=False)
        self._prose = Prose(id="setting-prose", soft_wrap=True, compact=True, highlight_cursor_line=False)
        self._choices = Options(id="setting-choices", markup=False)
        self.display = False

    @property
    def row(self) -> Row | None:
        """The one that is being changed; None while nothing is."""
        return self._row

    @property
    def hint(self) -> str:
        """Which keys end it."""
        takes, back = key_at(self, "chooser.choose"), key_at(self, "dialog.close")
        if self._row is not None and self._row.kind == "prose":
            return f"enter keeps it · {key_at(self, 'composer.newline')} new line · {back} leaves it as it was"
        return f"{takes} keeps it · {back} leaves it as it was"

    @property
    def text(self) -> str:
        """What is typed of a text of several lines."""
        return self._prose.text

    def open(self, row: Row) -> None:
        """Let this be changed."""
        self._row = row
        shown: Widget
        match row.kind:
            case "line":
                shown = line = self._line
                line.value, line.cursor_position = row.written, len(row.written)
            case "prose":
                shown = prose = self._prose
                prose.text = row.written
                prose.move_cursor(prose.document.end)
            case _:
                shown = choices = self._choices
                choices.set_options(Option(name) for _, name in row.choices)
                values = [value for value, _ in row.choices]
                choices.highlighted = values.index(row.written) if row.written in values else 0
        for widget in self.children:
            widget.display = widget is shown
        if not shown.is_attached:  # the first of its kind: few of those who look at settings change any
            self.mount(shown)
        self.display = True
        shown.focus()

    def close(self) -> None:
        """Nothing is changed any more."""
        self._row = None
        self.display = False

    @on(Input.Submitted)
    def _line_entered(self, event: Input.Submitted) -> None:
        event.stop()
        self._enter(event.value.strip())

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if self._row is not None and event.option_index < len(self._row.choices):
            self._enter(self._row.choices[event.option_index][0])

    def _enter(self, text: str) -> None:
        if self._row is not None:
            self.post_message(self.Entered(self._row, text))

    @on(Input.Changed)
    @on(TextArea.Changed)
    @on(OptionList.OptionHighlighted)
    def _is_own(self, event: Message) -> None:
        event.stop()  # of no interest to the page, whose own list says the same

    def entered_prose(self, text: str) -> None:
        """A text of several lines was entered."""
        self._enter(text)


class Prose(Cutting):
    """A text of several lines: enter hands it over, as in the composer, and other keys start a new line."""

    async def _on_key(self, event: events.Key) -> None:
        """Take the keys of the composer that end a text or a line."""
        newline = [name for key in keys_of("composer", overrides_at(self)) if key.id == "composer.newline"
                   for name in names_of(key.keys)]  # fmt: skip
        if event.key == "enter":
            event.stop()
            event.prevent_default()
            if isinstance(self.parent, Field):
                self.parent.entered_prose(self.text)
        elif event.key in newline:
            event.stop()
            event.prevent_default()
            self._replace_via_keyboard("\n", *self.selection)

    async def _on_paste(self, event: events.Paste) -> None:
        """Insert what was pasted, cleaned, with its lines."""
        event.stop()
        event.prevent_default()
        text = clean(event.text.replace("\r\n", "\n").replace("\r", "\n"))
        if result := self._replace_via_keyboard(text, *self.selection):
            self.move_cursor(result.end_location)
