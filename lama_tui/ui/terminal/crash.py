"""What a crash shows: what happened in a line, that nothing is lost, and where to read more.

Textual prints the locals of every frame, and keys and conversations with them. Here the traceback goes
to the log, without locals and redacted.
"""

import contextlib
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType
from textual._context import active_message_pump
from textual.app import App, ScreenStackError
from textual.css.query import NoMatches
from textual.dom import DOMNode
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.worker import WorkerFailed, get_current_worker

from lama_tui.errors import LamaError
from lama_tui.security.gate import clean, clean_line
from lama_tui.security.redaction import redact
from lama_tui.ui.terminal.gate import plain_text

if TYPE_CHECKING:
    from textual.driver import Driver

_log = logging.getLogger(__name__)


def describe(error: BaseException, log_file: Path) -> str:
    """Return what to tell a person about `error`, with nothing that a terminal obeys and no key."""
    if isinstance(error, WorkerFailed):
        error = error.error
    name = type(error).__name__
    why = str(error) if isinstance(error, LamaError) else f"{name}: {error}" if str(error) else name
    return (
        f"lama stopped because of a fault: {clean_line(redact(why), 300)}\n"
        "What was said until then is saved; `lama` opens it again.\n"
        f"The log says more: {clean_line(str(log_file), 1000)}\n"
    )


class CrashReport(App[None]):
    """An app that keeps its insides to itself when it fails. `log_file` is what the person is pointed to."""

    log_file: Path

    def __init__(self, driver_class: "type[Driver] | None" = None) -> None:
        super().__init__(driver_class=driver_class)
        self.faults: list[BaseException] = []
        """What failed in tasks of the screen and was told instead of ending the app."""

    def task_failed(self, error: BaseException) -> bool:
        """Tell that a task in the background failed; False where nobody can be told, so that the app ends."""
        return False

    def _handle_exception(self, error: Exception) -> None:
        """Keep the screen when only a task failed: what it shows and what was said are untouched by that."""
        at = get_current_worker().node if isinstance(error, WorkerFailed) else active_message_pump.get(self)
        cause = error.error if isinstance(error, WorkerFailed) else error
        if isinstance(cause, NoMatches | ScreenStackError) and _is_closed(at):
            _log.info("Something outlived its screen, and missed a widget there: %s", cause)
        elif isinstance(error, WorkerFailed) and self.task_failed(error.error):
            _log.error("A task of the screen failed", exc_info=error.error)
            self.faults.append(error.error)
        else:
            super()._handle_exception(error)

    def _fatal_error(self) -> None:
        """Say what happened and end with status 1; called by Textual for every exception nobody handled."""
        error = sys.exc_info()[1] or self._exception
        if error is not None:
            self._report(error)
        self._close_messages_no_wait()

    def panic(self, *renderables: RenderableType) -> None:
        """Say `renderables` as plain text and end."""
        for renderable in renderables:
            if isinstance(renderable, BaseException):
                self._report(renderable)
            else:
                self._exit_renderables.append(_plain(renderable))
        self._close_messages_no_wait()

    def _report(self, error: BaseException) -> None:
        _log.critical("The workspace failed", exc_info=error)
        self._exit_renderables.append(describe(error, self.log_file))

    def _print_error_renderables(self) -> None:
        """Print what was kept for the end, once the terminal is itself again. A terminal that is gone is no error."""
        texts = dict.fromkeys(clean(redact(_plain(renderable))) for renderable in self._exit_renderables)
        self._exit_renderables.clear()
        if sys.__stderr__ is None:
            return
        for text in texts:
            # not through the stream: what stays in its buffer when the terminal is gone spoils the exit status
            with contextlib.suppress(OSError):
                os.write(sys.__stderr__.fileno(), (text.rstrip("\n") + "\n").encode("utf-8", "replace"))


def _is_closed(node: MessagePump) -> bool:
    """Whether a widget or screen was removed, or is about to be: it may have lost its widgets already."""
    if not (node.is_attached and node.is_running):
        return True
    ancestors = node.ancestors_with_self if isinstance(node, DOMNode) else []
    return any(isinstance(each, Screen) and each not in node.app.screen_stack for each in ancestors)


def _plain(renderable: RenderableType) -> str:
    """Return the text of a Rich renderable; of a string the string itself, never read as markup."""
    if isinstance(renderable, str):
        return renderable
    console = Console(width=100, color_system=None, markup=False, highlight=False, emoji=False)
    return plain_text(list(console.render(renderable)))
