"""Asks what to import, and how; what is wrong is said at its field while one types."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from textual import events, on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.suggester import Suggester
from textual.widgets import Input, Label, OptionList, Static
from textual.widgets.option_list import Option

from lama_tui.errors import LamaError
from lama_tui.library.downloads.job import JobId
from lama_tui.security.gate import clean_line
from lama_tui.ui.bindings import bindings, key_at
from lama_tui.ui.screens.above import Dialog
from lama_tui.ui.screens.models.import_source import (
    NOTHING_YET,
    Seen,
    Way,
    check_hash,
    check_name,
    completions,
    look,
    said,
    source_of,
)
from lama_tui.ui.screens.outliving import outliving
from lama_tui.ui.widgets.line_input import LineInput
from lama_tui.ui.widgets.options import Options
from lama_tui.ui.widgets.page import Page

_LONGEST = 4096
_FIELDS = {"source": "From", "name": "Name", "sha256": "SHA-256"}
_WAYS: Mapping[Way, Sequence[str]] = {
    "copy": ("Copy it: what is there stays as it is", "Link to it: it takes no room, and must stay there"),
    "http": ("Not over http: nothing is fetched", "Over http all the same: I trust the way"),
}


class Adds(Protocol):
    """Adds the import to the queue. Raises `LamaError`."""

    async def __call__(
        self, source: str, *, name: str = "", sha256: str = "", link: bool = False, insecure_http: bool = False
    ) -> JobId:
        """The job."""


class _Paths(Suggester):
    """How a path goes on, as the disk says."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        """The first way to go on."""
        found = await asyncio.to_thread(completions, value)
        begun = value.rpartition("/")[2]
        return value[: len(value) - len(begun)] + found[0] if found and found[0] != begun else None


class _Field(LineInput):
    """Tab takes what is suggested; where nothing is, it goes on to the next field, as up and down always do."""

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "tab" and self._suggestion and self.cursor_at_end:
            self.action_cursor_right()
        elif event.key in ("down", "up"):
            self.screen.focus_next() if event.key == "down" else self.screen.focus_previous()
        else:
            return
        event.stop()
        event.prevent_default()


class _Choice(Options):
    """One of two ways; the highlighted one is taken."""

    BINDINGS = bindings("chooser")

    def action_choose(self) -> None:
        """Both are chosen by then: go on."""
        if isinstance(self.screen, ImportDialog):
            self.screen.action_choose()


class _Pressed(Static):
    """A key and what it does; a click does it too."""

    def __init__(self, key: str, does: str, action: str) -> None:
        super().__init__(Content.assemble((key, "bold $primary"), f" {does}"), classes="import-key", markup=False)
        self._action = action

    async def on_click(self) -> None:
        """As the key."""
        await self.run_action(f"screen.{self._action}")


class ImportDialog(Dialog[JobId | None]):
    """Returns the job that was added, or None."""

    CSS_PATH = ["../../styles/dialogs.tcss", "../../styles/models.tcss"]
    BINDINGS = bindings("dialog")
    SCOPES = ("dialog", "chooser")

    def __init__(self, models: Path, add: Adds, source: str = "") -> None:
        """`models` is the folder that is imported into; `source` is in the field at first."""
        super().__init__()
        self._models = models
        self._add = add
        self._first = clean_line(source, _LONGEST)
        self._seen = Seen()
        self._derived = ""
        self._offered: Way = ""
        self._is_adding = False
        self._is_named = False  # by the person, not after the source

    def compose(self) -> ComposeResult:
        """The fields, what is said of each below it, the ways that there are, and the keys."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Import a model"
            with Page(can_focus=False):
                for field, label in _FIELDS.items():
                    with Horizontal(classes="import-field"):
                        yield Label(label, markup=False)
                        yield _Field(
                            self._first if field == "source" else "",
                            placeholder={"name": "after its source", "sha256": "none: it is not compared"}.get(
                                field, "path or https address"
                            ),
                            suggester=_Paths() if field == "source" else None,
                            id=f"import-{field}",
                            max_length=_LONGEST,
                            select_on_focus=False,
                        )
                    yield Static("", id=f"import-{field}-said", classes="import-said", markup=False)
                yield _Choice(id="import-way", markup=False)
            with Horizontal(id="import-keys"):
                close = key_at(self, "dialog.close")
                yield _Pressed("enter", "imports", "choose")  # it is the fields' own
                yield _Pressed("tab", "completes, goes on", "focus_next")
                yield _Pressed(close, "gives up", "close")

    def on_mount(self) -> None:
        """Say what can be written; with a source, what is there."""
        if not self.children:
            return
        self._show_choice("")
        self._say("source", NOTHING_YET)
        self._field("source").focus()
        self._look()

    def _field(self, name: str) -> Input:
        return self.query_one(f"#import-{name}", Input)

    @property
    def _takes_second(self) -> bool:
        """Whether the second of the ways is chosen."""
        choice = self.query_one(_Choice)
        return choice.display and choice.highlighted == 1

    # --- what is said --------------------------------------------------------------

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if event.input.id == "import-name":
            self._is_named = bool(event.value.strip()) and event.value != self._derived
        self._look()

    @work(exclusive=True, group="look")
    async def _look(self) -> None:
        """Look what is there, and what is wrong, as it stands in the fields now."""
        await self._check()

    async def _check(self) -> str:
        """The name of the first field that is wrong, empty where none is; what is said of each is shown."""
        text = self._field("source").value
        self._seen = seen = await asyncio.to_thread(look, text, self._models)
        field = self._field("name")
        if not self._is_named and not field.has_focus and field.value != seen.name:
            self._derived = seen.name
            with field.prevent(Input.Changed):
                field.value, field.cursor_position = seen.name, len(seen.name)
        name, sha256 = field.value.strip(), self._field("sha256").value.strip()
        wrong_name = await asyncio.to_thread(check_name, name, self._models) if name else ""
        if seen.way and not (name or seen.name):
            wrong_name = "Its source gives it no name: write one."
        wrong_hash = await asyncio.to_thread(check_hash, sha256, seen.way, source_of(text)) if sha256 else ""
        self._show_choice(seen.way)
        self._say("source", seen.problem or seen.about, bool(seen.problem))
        self._say("name", wrong_name, True)
        self._say("sha256", wrong_hash, True)
        wrong = {"source": bool(seen.problem) or not seen.way, "name": bool(wrong_name), "sha256": bool(wrong_hash)}
        return next((field for field, is_wrong in wrong.items() if is_wrong), "")

    def _say(self, field: str, text: str, is_problem: bool = False) -> None:
        below = self.query_one(f"#import-{field}-said", Static)
        below.display = bool(text)
        below.update(Content.assemble(("✕ " if is_problem else "", "bold"), text))
        below.set_class(is_problem, "-wrong")

    # --- the ways ------------------------------------------------------------------

    def _show_choice(self, way: Way) -> None:
        """Let a person choose where there are two ways; another kind of source begins with the first."""
        choice, ways = self.query_one(_Choice), _WAYS.get(way, ())
        choice.display = bool(ways)
        changed, self._offered = self._offered != way, way
        if ways and changed:
            choice.set_options(Option(self._line(text, at == 0)) for at, text in enumerate(ways))
            choice.highlighted = 0

    @staticmethod
    def _line(text: str, is_taken: bool) -> Content:
        return Content(f"({'•' if is_taken else ' '}) {text}")

    @on(OptionList.OptionHighlighted)
    def _mark(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        choice = self.query_one(_Choice)
        for at, text in enumerate(_WAYS.get(self._seen.way, ())):
            if at < choice.option_count:
                choice.replace_option_prompt_at_index(at, self._line(text, at == event.option_index))

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        event.stop()  # a click moved the mark there

    # --- actions -------------------------------------------------------------------

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_choose()

    def action_choose(self) -> None:
        """Import what the fields say, if nothing is wrong with it; not twice."""
        if not self._is_adding:
            self._is_adding = True
            self._import()

    @work(group="import")
    async def _import(self) -> None:
        try:
            await self._try()
        finally:
            self._is_adding = False

    async def _try(self) -> None:
        self.workers.cancel_group(self, "look")  # what is said now is not to be said over
        if wrong := await self._check():
            self.app.bell()
            self._field(wrong).focus()
            return
        way, second = self._seen.way, self._takes_second
        if way == "http" and not second:
            self.app.bell()
            self._say("source", f"{self._seen.about} Choose that below, or write https instead.", is_problem=True)
            self.query_one(_Choice).focus()
            return
        add = partial(self._add, link=way == "copy" and second, insecure_http=way == "http" and second)
        try:
            adding = add(
                source_of(self._field("source").value),
                name=self._field("name").value.strip(),
                sha256=self._field("sha256").value.strip(),
            )
            begun = f"The import had begun already: {key_at(self, 'downloads.open')} shows it."
            job = await outliving(self.app, adding, lambda _: begun)
        except LamaError as error:
            self._say("source", said(error), is_problem=True)
            self._field("source").focus()
        else:
            self.dismiss(job)

    def action_close(self) -> None:
        """Import nothing."""
        self.dismiss(None)
