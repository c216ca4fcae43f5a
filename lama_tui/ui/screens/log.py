"""What went wrong lately, newest first; the entry under the highlight is shown whole."""

import asyncio
import time
from collections.abc import Sequence

from textual import work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from lama_tui.paths import Paths
from lama_tui.security.gate import clean, clean_line
from lama_tui.security.redaction import redact
from lama_tui.ui.bindings import bindings, key_at
from lama_tui.ui.screens.above import Dialog
from lama_tui.ui.terminal.clipboard import copy
from lama_tui.ui.troubles import Trouble, Troubles
from lama_tui.ui.widgets.options import Options
from lama_tui.ui.widgets.page import Page

_LOOK = 1.0
"""Seconds between looks at whether more went wrong."""

_TAIL = 64 * 1024
"""Bytes of the log file that are read."""

_LINES = 300
"""Lines of it that are shown."""

_NOTHING = "Nothing went wrong since lama was opened."


class LogScreen(Dialog[None]):
    """The troubles of this run, and on demand the end of the log file."""

    CSS_PATH = ["../styles/dialogs.tcss", "../styles/log.tcss"]
    BINDINGS = [*bindings("log"), *bindings("dialog")]
    SCOPES = ("log", "dialog")
    AUTO_FOCUS = "#troubles"

    def __init__(self, troubles: Troubles, paths: Paths) -> None:
        super().__init__()
        self._troubles = troubles
        self._paths = paths
        self._shown: Sequence[Trouble] = ()
        self._count = -1
        self._tail: str | None = None  # the end of the file, while that is shown

    def compose(self) -> ComposeResult:
        """The list, and below it all of one entry."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Log"
            yield Options(id="troubles", markup=False)
            with Page(id="trouble"):
                yield Static("", id="trouble-text", markup=False)

    def on_mount(self) -> None:
        """Show what there is, and what comes."""
        self._look()
        self.set_interval(_LOOK, self._look)

    def _look(self) -> None:
        """Fill the list again when more went wrong; the highlight stays on its entry."""
        if self._count == self._troubles.count or not self.children:
            return
        self._count = self._troubles.count
        options = self.query_one("#troubles", Options)
        index = options.highlighted
        entry = self._shown[index] if index is not None and index < len(self._shown) else None
        self._shown = shown = self._troubles.newest_first
        options.set_options(Option(_line(trouble)) for trouble in shown)
        if shown:
            options.highlighted = shown.index(entry) if index and entry in shown else 0
        self._describe()
        self._show_subtitle()

    def _show_subtitle(self) -> None:
        copies, file, closes = (key_at(self, binding) for binding in ("log.copy", "log.file", "dialog.close"))
        copying = f"{copies} copies · " if self._tail is not None or self._shown else ""
        other = "back to the list" if self._tail is not None else "log file"
        dialog = self.query_one(".dialog")
        dialog.border_subtitle = Content(f"{copying}{file} {other} · {closes} closes")

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Show all of it."""
        self._describe()

    def _describe(self) -> None:
        if self._tail is not None:
            return
        entry = self._entry
        text = self.query_one("#trouble-text", Static)
        text.update(_whole(entry) if entry is not None else Content.styled(_NOTHING, "$foreground-muted"))
        self.query_one("#troubles").display = bool(self._shown)
        self.query_one("#trouble", Page).scroll_home(animate=False)

    @property
    def _entry(self) -> Trouble | None:
        index = self.query_one("#troubles", Options).highlighted
        return self._shown[index] if index is not None and index < len(self._shown) else None

    # --- actions -------------------------------------------------------------------

    @work(exclusive=True, group="copy")
    async def action_copy_entry(self) -> None:
        """Copy the entry, or the end of the file where that is shown."""
        text = self._tail if self._tail is not None else self._entry.text if self._entry else ""
        said = await copy(self.app, text, self._paths) if text else "There is nothing to copy."
        self.notify(said, markup=False)

    @work(exclusive=True, group="file")
    async def action_show_file(self) -> None:
        """Show the end of the log file, or the list again."""
        box, options = self.query_one("#trouble", Page), self.query_one("#troubles", Options)
        if self._tail is not None:
            self._tail = None
            self._describe()
            options.focus()
        else:
            self._tail = await asyncio.to_thread(_read_tail, self._paths)
            options.display = False
            self.query_one("#trouble-text", Static).update(Content(self._tail))
            box.focus()
            self.call_after_refresh(box.scroll_end, animate=False)
        self._show_subtitle()

    def action_close(self) -> None:
        """Back to where one was."""
        self.dismiss()


def _line(trouble: Trouble) -> Content:
    when = time.strftime("%H:%M:%S", time.localtime(trouble.at))
    mark = ("✕ ", "$error") if trouble.serious else ("! ", "$warning")
    return Content.assemble((f"{when}  ", "$foreground-muted"), mark, trouble.title)


def _whole(trouble: Trouble) -> Content:
    lines = [Content.styled(trouble.title, "bold $error" if trouble.serious else "bold $warning")]
    lines += [Content(trouble.detail)] if trouble.detail else []
    lines += [Content.assemble(("→ ", "$accent"), trouble.hint)] if trouble.hint else []
    return Content("\n").join(lines)


def _read_tail(paths: Paths) -> str:
    """The end of the log file, clean and without keys; why there is none, where it cannot be read."""
    try:
        with paths.log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL))
            data = file.read(_TAIL)
    except OSError as error:
        why = f"{clean_line(str(paths.log), 1000)} cannot be read: {error.strerror or type(error).__name__}."
        return f"{why}\n→ Give yourself access to it and to its folder, or set LAMA_HOME to a folder of your own."
    lines = clean(redact(data.decode("utf-8", "replace"))).splitlines()[-_LINES:]
    return "\n".join(lines) or f"{clean_line(str(paths.log), 1000)} is empty.\n→ lama --debug writes more."
