"""Asks where to write a conversation to."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from textual import work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Label, OptionList
from textual.widgets.option_list import Option

from lama_tui.conversations.export import free
from lama_tui.errors import StoreError
from lama_tui.security.gate import clean_line
from lama_tui.ui.bindings import bindings, key_at
from lama_tui.ui.screens.above import Dialog
from lama_tui.ui.screens.outliving import outliving
from lama_tui.ui.widgets.line_input import LineInput
from lama_tui.ui.widgets.options import Options

_LONGEST_PATH = 4096

Write = Callable[[Path, bool], None]
"""Writes the file, the second argument is whether to replace one; on a thread. As `export.write`."""


class ExportDialog(Dialog[Path | None]):
    """Asks for a path and writes there; the path that was written, None when it was left."""

    BINDINGS = bindings("dialog")

    def __init__(self, suggested: Path, write: Write, wanted: str = "") -> None:
        """`wanted` is written to at once; the dialog is there for when that cannot be done."""
        super().__init__()
        self._wanted = wanted
        self._suggested = suggested
        self._write = write
        self._taken: Path | None = None  # where something is already

    def compose(self) -> ComposeResult:
        """A field with a path in it; below it what to do where something is there."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Export this conversation"
            path = clean_line(self._wanted or _short(self._suggested), _LONGEST_PATH)
            yield LineInput(path, select_on_focus=False, max_length=_LONGEST_PATH)
            yield Options(id="taken", markup=False)
            keys = f"enter writes the file · {key_at(self, 'dialog.close')} leaves it"  # enter is the field's own
            hint = f"Markdown; a name with .json keeps all branches and figures.\n{keys}"
            yield Label(hint, id="about-export", classes="hint", markup=False)

    def on_mount(self) -> None:
        """The choice shows only when there is one."""
        self.query_one(OptionList).display = False
        if self._wanted.strip():
            self._try(_path(self._wanted), replace=False)

    def action_close(self) -> None:
        """Write nothing."""
        self.dismiss(None)

    def on_input_changed(self) -> None:
        """Another path: what was said of the last one is over."""
        self.query_one(OptionList).display = False

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Write there."""
        event.stop()
        if event.value.strip():
            self._try(_path(event.value), replace=False)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Write to the other name, or in place of what is there."""
        event.stop()
        if self._taken is not None:
            if event.option.id == "replace":
                self._try(self._taken, replace=True)
            else:
                self._try_free(self._taken)

    @work(exclusive=True, group="export")
    async def _try_free(self, taken: Path) -> None:
        self._try(await asyncio.to_thread(free, taken), replace=False)

    @work(exclusive=True, group="export")
    async def _try(self, path: Path, replace: bool) -> None:
        try:
            writing = asyncio.to_thread(self._write, path, replace)
            await outliving(self.app, writing, lambda _: f"Written to {path}", _why_not)
        except FileExistsError:
            other = await asyncio.to_thread(free, path)
            self._ask(path, other)
        except StoreError as error:
            self._say(f"{error.detail.rstrip('.')}. {error.hint}")
        else:
            self.dismiss(path)

    def _ask(self, path: Path, other: Path) -> None:
        """Something is there: ask which name to take."""
        self._taken = path
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options(
            [
                Option(f"Write to {clean_line(other.name)} instead", id="other"),
                Option(f"Replace {clean_line(path.name)}", id="replace"),
            ]
        )
        options.display = True
        options.highlighted = 0
        options.focus()
        self._say("There is such a file already: it is not replaced unless you choose so.")

    def _say(self, text: str) -> None:
        self.query_one("#about-export", Label).update(clean_line(text, 600))


def _why_not(error: Exception) -> str:
    """What is said of a file that was not written where nobody is there to choose another name."""
    return "" if isinstance(error, FileExistsError) else str(error)


def _path(text: str) -> Path:
    """A path as people write it: `~` is the home, and where nothing else is said, paths begin there."""
    try:
        path = Path(text.strip()).expanduser()
    except RuntimeError:  # a home that nobody has
        path = Path(text.strip())
    return path if path.is_absolute() else Path.home() / path


def _short(path: Path) -> str:
    """A path with `~` for the home."""
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
