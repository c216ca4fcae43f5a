"""Lending the terminal to another program, such as an editor, while the event loop goes on: answers that
stream are saved as always, only nothing is drawn."""

import asyncio
import contextlib
import os
import signal
import termios
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from lama_tui.ui.terminal.modes import restore_terminal

if TYPE_CHECKING:
    from textual.app import App

_END_SECONDS = 0.3  # how long a program that is told to end may take


class Borrower:
    """A program that has the terminal. `run` it once; `end` it from elsewhere when lama must leave."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._ended = asyncio.Event()

    async def run(self, app: "App[None]", command: Sequence[str]) -> int:
        """Give `command` the terminal until it ends, and take it back; its status as subprocess reports it.

        Raises `OSError` where it cannot be started, and `SuspendNotSupported` where there is no terminal to give.
        """
        try:
            with app.suspend():
                try:
                    return await self._lent(app, command)
                except OSError as error:  # raised in here, the app would never take the terminal back
                    problem = error
            raise problem
        finally:
            self._ended.set()

    async def end(self) -> None:
        """Tell the program to end, and see that it does."""
        if self._process is None or self._ended.is_set():
            return
        await self._kill()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), _END_SECONDS)

    async def _lent(self, app: "App[None]", command: Sequence[str]) -> int:
        with _keys_are_for_the_other(), _terminal(app) as terminal:
            self._process = await asyncio.create_subprocess_exec(
                *command, stdin=terminal, stdout=terminal, stderr=terminal
            )
            try:
                status = await self._process.wait()
            except asyncio.CancelledError:
                await self._kill()
                restore_terminal(terminal)
                raise
            if status < 0:  # it had no time to tidy up
                restore_terminal(terminal)
            return status

    async def _kill(self) -> None:
        if self._process is None:
            return
        for tell in (self._process.terminate, self._process.kill):
            with contextlib.suppress(ProcessLookupError, TimeoutError):
                tell()
                await asyncio.wait_for(self._process.wait(), _END_SECONDS)
                return


@contextlib.contextmanager
def _terminal(app: "App[None]") -> Iterator[int]:
    """The terminal itself, since stdout and stderr go to the log; its settings are put back afterwards."""
    source = getattr(app._driver, "fileno", 0)
    try:
        terminal = os.open(os.ttyname(source), os.O_RDWR | os.O_NOCTTY)
    except OSError:  # it has no name, or is another user's (`su`)
        terminal = os.dup(source)
    try:
        before = termios.tcgetattr(terminal)
    except termios.error:
        before = None
    try:
        yield terminal
    finally:
        if before is not None:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(terminal, termios.TCSANOW, before)
        os.close(terminal)


@contextlib.contextmanager
def _keys_are_for_the_other() -> Iterator[None]:
    """ctrl+c and ctrl+backslash reach everyone who has the terminal: they are meant for who shows something.

    Not ignored, because the other program would inherit that.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGQUIT)}
    for number in before:
        signal.signal(number, lambda *_: None)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
