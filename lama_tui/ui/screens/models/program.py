"""The program that a model brings: all of it to be read, and whether it may run. It may not before that."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.style import Style
from textual import work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static
from textual.widgets.option_list import Option

from lama_tui.security.gate import clean_line
from lama_tui.ui import figures
from lama_tui.ui.bindings import bindings, key_at
from lama_tui.ui.markdown.wrap import Span, wrap, wrap_hard
from lama_tui.ui.screens.above import Dialog
from lama_tui.ui.screens.models.section import named
from lama_tui.ui.widgets.long_list import LongList
from lama_tui.ui.widgets.options import Options

if TYPE_CHECKING:
    from textual.app import App

    from lama_tui.engine.model_code import CodeFile, ModelCode
    from lama_tui.library.installed import InstalledModel
    from lama_tui.ui.screens.models.catalogue import Catalogue

_TAB = 4
_NUMBER = 5
"""Cells of a line's number."""


async def ask(app: "App[object]", catalogue: "Catalogue", model: "InstalledModel", *, anew: bool = False) -> bool:
    """Whether the program of `model` may run; who has not said so is asked, who has only `anew`.

    Raises `ModelError`, `StoreError`.
    """
    code, agreed = await catalogue.program(model)
    if code is None or (agreed and not anew):
        return True
    answer = await app.push_screen_wait(ProgramDialog(model, code, agreed=agreed))
    if answer == "trust":
        await catalogue.trust(model, code)
        return True
    if answer == "withdraw":
        await catalogue.withdraw(model)
        return False
    return agreed


class _Answers(Options):
    """Page keys scroll the code: there are only two answers."""

    BINDINGS = bindings("chooser")

    def action_choose(self) -> None:
        """Take the highlighted answer."""
        self.action_select()

    def action_page_down(self) -> None:
        """Read on."""
        self.screen.query_one(Code).action_page_down()

    def action_page_up(self) -> None:
        """Read back."""
        self.screen.query_one(Code).action_page_up()


class Code(LongList):
    """What would run, and all of it with numbers; lines that are too long go on below, so that nothing is beside."""

    def __init__(self, code: "ModelCode") -> None:
        super().__init__(lambda at, _: [self._lines[at]], id="code")
        self._code = code
        self._lines: list[Content] = []

    def on_resize(self) -> None:
        """As wide as there is room."""
        super().on_resize()
        self._wrap()

    @work(exclusive=True, group="wrap")
    async def _wrap(self) -> None:
        self._lines = await asyncio.to_thread(self._all, self.room)
        self.show(len(self._lines), self.highlighted)

    def _all(self, width: int) -> list[Content]:
        return [*_told(self._code, width), *_lines(self._code.files, width)]


class ProgramDialog(Dialog[str | None]):
    """Returns `trust` or `withdraw`; None where nothing is to change, which is the first answer."""

    CSS_PATH = ["../../styles/dialogs.tcss", "../../styles/models.tcss"]
    BINDINGS = bindings("dialog")
    SCOPES = ("dialog", "chooser")

    def __init__(self, model: "InstalledModel", code: "ModelCode", *, agreed: bool) -> None:
        super().__init__()
        self._model = model
        self._code = code
        self._choices = [("", "Do not run it"), ("trust", "I have read it: run it from now on, until it changes")]
        if agreed:
            self._choices = [("", "Leave it: it may run"), ("withdraw", "Do not run it any more")]

    def compose(self) -> ComposeResult:
        """What would run, what that means, and the answers."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content(f"The program of {named(self._model.ref)}")
            yield Code(self._code)
            yield _Answers(*(Option(Content(answer)) for _, answer in self._choices), markup=False)
            keys = f"{key_at(self, 'list.page_down')} {key_at(self, 'list.page_up')}"
            hint = f"{keys} scroll · {key_at(self, 'chooser.choose')} takes the line"
            yield Static(f"{hint} · {key_at(self, 'dialog.close')} changes nothing", classes="hint", markup=False)

    def on_mount(self) -> None:
        """What changes nothing is highlighted."""
        answers = self.query_one(_Answers)
        answers.highlighted = 0
        answers.focus()

    def on_option_list_option_selected(self, event: Options.OptionSelected) -> None:
        """An answer was chosen."""
        event.stop()
        self.dismiss(self._choices[event.option_index][0] or None)

    def action_choose(self) -> None:
        """Take the highlighted answer."""
        self.query_one(_Answers).action_select()

    def action_close(self) -> None:
        """Change nothing."""
        self.dismiss(None)


def _told(code: "ModelCode", width: int) -> Iterator[Content]:
    """What would run, and what that means."""
    first, *others = code.files
    revision = f" of revision {clean_line(code.revision, 12)}" if code.revision else ""
    besides = f"; it could load {len(others)} more files, shown below it" if others else ""
    can = "It can then do everything that you can do: read, change, delete and send your files."
    for text, style in (
        (f"Loading it runs {first.name}{revision}{besides}.", ""),
        (can, "$warning"),
        (f"SHA-256 {code.digest}", "$foreground-muted"),
    ):
        for line in wrap([Span(text, Style())], width):
            yield Content.styled("".join(part.text for part in line), style)


def _lines(files: "Sequence[CodeFile]", width: int) -> Iterator[Content]:
    room, plain = max(8, width - _NUMBER - 1), Style()
    for file in files:
        yield Content.styled(f"──── {clean_line(file.name)}, {figures.size(len(file.data))}", "bold")
        if file.text is None:
            yield Content.styled("compiled: it cannot be read", "$error")
            continue
        for number, line in enumerate(file.text.split("\n"), 1):
            pieces = wrap_hard([Span(line.expandtabs(_TAB), plain)], room)
            for at, piece in enumerate(pieces):
                beside = f"{number:>{_NUMBER}} " if not at else " " * (_NUMBER + 1)
                yield Content.assemble((beside, "$foreground-muted"), "".join(part.text for part in piece))
