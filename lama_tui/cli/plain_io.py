"""Lines in, lines out and ctrl+c, for plain lines: nothing here blocks the event loop.

The terminal's own line editing reads (one corrects a line before it is sent, nothing is drawn for that), and all that
is written is text and line feeds.
"""

import asyncio
import contextlib
import os
import select
import signal
from collections.abc import AsyncIterator, Awaitable, Iterator
from concurrent.futures import Future
from typing import TypeVar

from lama_tui.cli import output
from lama_tui.errors import LamaError
from lama_tui.security.hanging import begin

T = TypeVar("T")

NOTICED = 0.5
"""Seconds from which a wait is told of."""

_TAB = " " * 4


class Interrupted(Exception):
    """ctrl+c came first."""


class ToldToLeave(Exception):
    """A signal that ends programs came first; `number` is which."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Lines:
    """The lines of a terminal, a pipe or a file, read by a thread and only when they are asked for."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._waiting = b""
        self._reading: Future[str | None] | None = None

    async def next(self) -> str | None:
        """The next line without its end; None at the end of input. A cancelled call loses no line."""
        if self._reading is None:
            # a thread that reads for ever must not keep the program from ending
            self._reading = begin(self._read)
        line = await asyncio.shield(asyncio.wrap_future(self._reading))
        self._reading = None
        return line

    def _read(self) -> str | None:
        while b"\n" not in self._waiting:
            try:
                # not through sys.stdin: the interpreter would wait for its lock at exit
                data = os.read(self._descriptor, 65_536)
            except BlockingIOError:  # somebody shares the terminal and made it non-blocking
                select.select([self._descriptor], [], [])
                continue
            except OSError:  # it hung up
                data = b""
            if not data:
                rest, self._waiting = self._waiting, b""
                return rest.decode("utf-8", "replace") if rest else None
            self._waiting += data
        line, _, self._waiting = self._waiting.partition(b"\n")
        return line.decode("utf-8", "replace")


class Speech:
    """What is said, in order. `attended`: a person sits there, who wants to know what is going on."""

    def __init__(self, *, attended: bool) -> None:
        self.attended = attended
        self.at_start = True
        """Nothing stands on the line yet."""
        self._order = asyncio.Lock()
        self._writing: Future[None] | None = None

    @property
    def is_stuck(self) -> bool:
        """Something is being written that nobody reads."""
        return self._writing is not None and not self._writing.done()

    async def write(self, text: str) -> None:
        """Write a piece of text. Raises OSError where nobody can read it."""
        if text:
            self.at_start = text.endswith("\n")
            # goes on when whoever says it is stopped: what comes next must come after it
            await asyncio.shield(asyncio.create_task(self._put(text.replace("\t", _TAB))))

    async def line(self, text: str = "") -> None:
        """Write a line of its own."""
        await self.write(("" if self.at_start else "\n") + text + "\n")

    async def note(self, text: str) -> None:
        """Write a line for a person who sits there."""
        if self.attended:
            await self.line(text)

    async def remark(self, text: str) -> None:
        """Write a line that nobody may miss: beside the answers where these go into a pipe or a file."""
        if self.attended:
            await self.line(text)
            return
        async with self._order:
            await asyncio.to_thread(output.note, text)

    async def error(self, error: LamaError) -> None:
        """Write what went wrong, why, and what to do."""
        if not self.at_start:
            await self.write("\n")
        async with self._order:
            await asyncio.to_thread(output.error, str(error))

    @contextlib.asynccontextmanager
    async def during(self, what: str) -> AsyncIterator[None]:
        """Say what is waited for, should the block take long."""

        async def tell() -> None:
            await asyncio.sleep(NOTICED)
            await self.note(f"{what}… ctrl+c stops")

        telling = asyncio.create_task(tell())
        try:
            yield
        finally:
            telling.cancel()

    async def _put(self, text: str) -> None:
        async with self._order:
            self._writing = begin(lambda: output.write(text))
            await asyncio.wrap_future(self._writing)


class Interrupts:
    """ctrl+c and the signals that end programs, as something that work can lose a race against."""

    def __init__(self) -> None:
        self._pressed = asyncio.Event()
        self._told: int | None = None

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Take the signals for the block."""
        loop = asyncio.get_running_loop()
        taken = [
            number
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
            # ignored by whoever started us (nohup): stays so
            if signal.getsignal(number) is not signal.SIG_IGN
        ]
        for number in taken:
            loop.add_signal_handler(number, self._heard, number)
        try:
            yield
        finally:
            for number in taken:
                loop.remove_signal_handler(number)

    def _heard(self, number: int) -> None:
        if number != signal.SIGINT:
            self._told = number
        self._pressed.set()

    async def race(self, work: Awaitable[T]) -> T:
        """What `work` gives; it is cancelled where a signal comes first. Raises `Interrupted` or `ToldToLeave`."""
        working = asyncio.ensure_future(work)
        pressed = asyncio.create_task(self._pressed.wait())
        try:
            await asyncio.wait({working, pressed}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            pressed.cancel()
            if not working.done():
                working.cancel()
        if working.done():
            return working.result()
        with contextlib.suppress(asyncio.CancelledError):
            await working
        self._pressed.clear()
        if self._told is not None:
            raise ToldToLeave(self._told)
        raise Interrupted
