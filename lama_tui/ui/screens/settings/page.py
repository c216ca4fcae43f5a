"""What all screens of settings are: a list to narrow, what the highlighted row is about, and its field."""

from collections.abc import Sequence

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.events import Key
from textual.widgets import Input, OptionList, Static

from lama_tui.errors import LamaError
from lama_tui.ui.bindings import bindings, key_at, move_at
from lama_tui.ui.screens.above import Above
from lama_tui.ui.screens.outliving import outliving
from lama_tui.ui.screens.settings.fields import Field
from lama_tui.ui.screens.settings.list import SettingList
from lama_tui.ui.screens.settings.rows import Row, narrowed
from lama_tui.ui.widgets.filter import Filter
from lama_tui.ui.widgets.key_line import KeyLine


class SettingsPage(Above[None]):
    """Everything is saved when it is changed, off the event loop; what cannot be is said beside the field."""

    CSS_PATH = "../../styles/settings.tcss"
    BINDINGS = [*bindings("settings"), *bindings("dialog")]
    SCOPES = ("settings", "dialog")
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (96, "-wide")]
    AUTO_FOCUS = "#settings"
    HEADING = "Settings"

    def __init__(self) -> None:
        super().__init__()
        self._rows: Sequence[Row] = ()
        self._described: Row | None = None
        self._told: tuple[str, bool] = ("", False)
        self._wrong = ""  # the row that it says something of which is to be read: until something else is done
        self._late = False  # what was found is not listed yet, because somebody types

    # --- what each screen of settings says of itself ----------------------------------

    @property
    def known(self) -> Sequence[Row]:
        """The settings as they were last read: what the screen opens with, for it is nearly always right."""
        return ()

    async def find(self) -> Sequence[Row]:
        """Every setting as it is now. Raises a `LamaError`."""
        raise NotImplementedError

    async def save(self, row: Row, text: str | None) -> None:
        """Set it to what was entered; None is the default. Raises `ValueError` saying what is expected, `LamaError`."""
        raise NotImplementedError

    async def change_elsewhere(self, row: Row) -> None:
        """Change a setting that has a window of its own."""

    async def edit_outside(self, row: Row | None) -> None:
        """Change things in the person's own editor. Raises a `LamaError`."""

    @property
    def problem(self) -> LamaError | None:
        """What keeps everything here from being changed."""
        return None

    @property
    def typed_prose(self) -> str:
        """What is typed of a text of several lines; empty while none is."""
        field = self.query_one(Field)
        return field.text if field.row is not None and field.row.kind == "prose" else ""

    # --- what is on screen -------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """The list, and beside or below it what the highlighted row is about."""
        # else everything is styled and laid out twice to begin with
        self.add_class(*self._get_breakpoint_classes(self.app.size.width, self.HORIZONTAL_BREAKPOINTS))
        yield Static(self.HEADING, id="settings-heading", markup=False)
        problem = Static("", id="settings-problem", markup=False)
        wanted = Filter(placeholder="Narrow: a name, a value, a word of what it does…", id="settings-filter")
        problem.display = wanted.display = False
        yield problem
        yield wanted
        with Container(id="settings-body"):
            yield SettingList(id="settings")
            with VerticalScroll(id="setting", can_focus=False):
                yield Static("", id="setting-about", markup=False)
                yield Field(id="setting-field")
                yield Static("", id="setting-told", markup=False)
        yield KeyLine(id="keys")

    def on_mount(self) -> None:
        """Look at the settings without holding up the screen."""
        if self.children:  # none: it was closed before it was open
            self._rows = self.known
            self._narrow()
            self._look()

    @work(exclusive=True, group="look")
    async def _look(self) -> None:
        await self._fill()

    async def _fill(self, changed: bool = False) -> None:
        """Show everything as it is now; `changed`: something was, here."""
        before, trouble = self._rows, ""
        try:
            self._rows = await self.find()
        except LamaError as error:
            trouble = str(error)
        if not self.is_attached:
            return
        problem = self.query_one("#settings-problem", Static)
        problem.display = self.problem is not None
        if self.problem is not None:
            problem.update(_said(self.problem))
        if changed or self._rows != before:
            self._late = self.query_one(Field).row is not None
            if not self._late:
                self._narrow()
        if trouble:
            self._tell(trouble)

    def _narrow(self) -> None:
        wanted = self.query_one("#settings-filter", Input).value
        rows = narrowed(self._rows, wanted)
        self.query_one(SettingList).show(rows)
        if not rows:
            text = f"No setting here has to do with “{wanted}”." if self._rows else ""
            self._described = None
            self.query_one("#setting-about", Static).update(Content(text))
        else:
            self._describe()

    @on(Input.Changed, "#settings-filter")
    def _filter_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._narrow()

    @on(Input.Submitted, "#settings-filter")
    def _filter_entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.query_one(SettingList).focus()

    @on(OptionList.OptionHighlighted, "#settings")
    def _highlighted(self) -> None:
        if self.query_one(SettingList).row != self._described:  # else the list was filled again, and this comes late
            self._leave_field()
            self._describe()

    @on(OptionList.OptionSelected, "#settings")
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.action_edit()

    def _describe(self) -> None:
        if (row := self.query_one(SettingList).row) is None:
            return
        if row != self._described:
            self._described = row
            self.query_one("#setting-about", Static).update(_about(row))
        if row.id != self._wrong:
            self._tell(self._way(row), muted=True)

    def _way(self, row: Row) -> str:
        """How it is changed."""
        change, reset = key_at(self, "settings.edit"), key_at(self, "settings.reset")
        if row.kind == "fixed":
            return ""
        verb = "turns it over" if row.kind == "switch" else "changes it"
        return f"{change} {verb} · {reset} goes back to the default" if row.resets else f"{change} {verb}"

    def _tell(self, text: str, muted: bool = False, stays: bool = False) -> None:
        """Say it below the highlighted row. What is not muted, or `stays`, is not said over by what comes late."""
        row = self.query_one(SettingList).row
        self._wrong = row.id if row is not None and (stays or not muted) else ""
        if (text, muted) != self._told:
            self._told = text, muted
            told = self.query_one("#setting-told", Static)
            told.update(Content.styled(text, "$foreground-muted" if muted else "$error"))
        if not muted:
            self.query_one("#setting", VerticalScroll).scroll_end(animate=False)

    # --- changing ----------------------------------------------------------------------

    def action_edit(self) -> None:
        """Change the highlighted setting."""
        row = self.query_one(SettingList).row
        if row is None:
            return
        if self.problem is not None:
            self._tell(f"Nothing can be changed here yet: {key_at(self, 'settings.editor')} opens the file.")
            return
        match row.kind:
            case "fixed":
                self.app.bell()
            case "switch":
                self._keep(row, "false" if row.written == "true" else "true")
            case "elsewhere":
                self._elsewhere(row)
            case _:
                self._describe()  # that it was highlighted may be told late, and would close the field
                field = self.query_one(Field)
                field.open(row)
                self.add_class("-editing")
                self._tell(field.hint, muted=True)
                self.call_after_refresh(self.query_one("#setting", VerticalScroll).scroll_end, animate=False)

    def action_reset(self) -> None:
        """Let the highlighted setting be the default again."""
        row = self.query_one(SettingList).row
        if row is None or row.kind == "fixed":
            return
        if self.problem is not None:
            self.action_edit()  # says why not
        elif row.resets:
            self._keep(row, None)
        else:
            self._tell("Nothing is set here.", muted=True, stays=True)

    def action_filter(self) -> None:
        """Narrow the list."""
        self._leave_field()
        wanted = self.query_one("#settings-filter", Input)
        wanted.display = True
        wanted.focus()

    @work(exclusive=True, group="editor")
    async def action_open_editor(self) -> None:
        """Write in one's own editor what is too long for here."""
        row = self.query_one(SettingList).row
        try:
            await self.edit_outside(row)
        except LamaError as error:
            self._tell(str(error))
            return
        self._leave_field()
        self._wrong = ""
        await self._fill(changed=True)

    def action_close(self) -> None:
        """Leave the field, then the filter, then the settings."""
        wanted = self.query_one("#settings-filter", Input)
        if self.query_one(Field).row is not None:
            self._leave_field()
            self._wrong = ""
            self._describe()
        elif wanted.display:
            wanted.value, wanted.display = "", False
            self.query_one(SettingList).focus()
        else:
            self.dismiss()

    @on(Field.Entered)
    def _entered(self, event: Field.Entered) -> None:
        event.stop()
        self._keep(event.row, event.text)

    @work(exclusive=True, group="keep")
    async def _keep(self, row: Row, text: str | None) -> None:
        try:
            await outliving(self.app, self.save(row, text), failed=lambda error: f"{row.label}: expected {error}.")
        except ValueError as error:
            self._tell(f"Expected {error}.")
        except LamaError as error:
            self._tell(str(error))
        else:
            if (edited := self.query_one(Field).row) is not None and edited.id == row.id:
                self._leave_field()
            if self._wrong == row.id:
                self._wrong = ""
            await self._fill(changed=True)

    @work(exclusive=True, group="keep")
    async def _elsewhere(self, row: Row) -> None:
        try:
            await self.change_elsewhere(row)
        except LamaError as error:
            self._tell(str(error))
        else:
            await self._fill(changed=True)

    def _leave_field(self) -> None:
        field = self.query_one(Field)
        if field.row is not None:
            field.close()
            self.remove_class("-editing")
            self.query_one(SettingList).focus()
            if self._late:
                self._late = False
                self._narrow()

    def on_key(self, event: Key) -> None:
        """Arrows and page keys move in the list while one types in the filter."""
        if not self.query_one("#settings-filter").has_focus or (move := move_at(self, event.key)) is None:
            return
        event.stop()
        getattr(self.query_one(SettingList), f"action_{move}")()


def _about(row: Row) -> Content:
    lines = [Content.styled(row.label, "bold"), _in_force(row), Content(""), Content(row.about)]
    lines += [Content.styled(row.note, "$foreground-muted")] if row.note else []
    lines += [Content.styled(row.problem, "$error")] if row.problem else []
    return Content("\n").join(lines)


def _in_force(row: Row) -> Content:
    mark = ("● ", "$accent") if row.differs else ""
    return Content.assemble(mark, (row.value, "bold" if row.differs else ""), (f"   {row.source}", "$foreground-muted"))


def _said(error: LamaError) -> Content:
    lines = [Content.styled(error.title, "bold $error")]
    lines += [Content(error.detail)] if error.detail else []
    lines += [Content.assemble(("→ ", "$accent"), error.hint)] if error.hint else []
    return Content("\n").join(lines)
