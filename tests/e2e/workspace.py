"""The real `lama` in a terminal, a server that it can ask, and what it saved."""

import asyncio
import re
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from busy import in_time as in_time
from terminal import Terminal

from tests.providers.server import DONE, Handler, LoopbackServer, Request, delta, head, serving

COMMAND = [sys.executable, "-m", "lama_tui"]
READY = "Ask something"
"""What the empty composer says; it takes keys then."""


_HELD = """
import os, sys, time
import lama_tui.cli.entry as entry
go = sys.argv.pop()
class Held:
    def find_spec(self, name, path, target=None):
        while name == "lama_tui.ui.app" and not os.path.exists(go):
            time.sleep(0.01)
sys.meta_path.insert(0, Held())
sys.exit(entry.main())
"""


def held(go: Path) -> Sequence[str]:
    """The command of a `lama` whose app is not there before this file is."""
    return [sys.executable, "-c", _HELD, str(go)]


@contextmanager
def lama(
    home: Path, *arguments: str | Path, size: tuple[int, int] = (100, 30), env: Mapping[str, str] = {}
) -> Iterator[Terminal]:
    """`lama` with these arguments, until it is ready; killed at the end of the block."""
    with Terminal([*COMMAND, *map(str, arguments)], home=home, size=size, env=env) as terminal:
        terminal.wait_for(READY)
        yield terminal


def ask(terminal: Terminal, text: str) -> None:
    """Type a message and send it; returns when the composer handed it over."""
    terminal.wait_for(READY)
    terminal.send(text)
    terminal.wait_for(lambda screen: text in screen and READY not in screen)
    terminal.key("enter")
    terminal.wait_for(READY)


def app(terminal: Terminal) -> psutil.Process:
    """The workspace itself. The program that was started is its guard, of which it is the only child."""
    (child,) = psutil.Process(terminal.pid).children()
    return child


KILLED = 128 + signal.SIGKILL
"""The exit status of the guard of a workspace that was killed."""


def kill(terminal: Terminal) -> str:
    """kill -9 of the workspace. What it showed to the last; the guard has restored the terminal, and has ended."""
    guard, workspace = psutil.Process(terminal.pid), app(terminal)
    guard.suspend()
    workspace.kill()
    while workspace.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.002)
    shown = terminal.screen_text()
    guard.resume()
    terminal.wait_for("any other key leaves")
    assert terminal.modes_restored()
    terminal.send("q")
    assert terminal.wait_exit() == KILLED
    assert terminal.echoes()
    return shown


def leave(terminal: Terminal) -> None:
    """Quit as people do."""
    terminal.key("ctrl+q")
    assert terminal.wait_exit() == 0
    assert terminal.modes_restored()
    assert terminal.echoes()


@dataclass(frozen=True)
class Saved:
    """A message in the database."""

    conversation: str
    role: str
    state: str
    text: str


def saved(home: Path) -> list[Saved]:
    """Every message in the order of writing, read by SQLite itself; none before there is a database."""
    file = home / "lama" / "data" / "lama.db"
    if not file.exists():
        return []
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'messages'").fetchall():
            return []
        rows = connection.execute(
            "SELECT c.title, m.role, m.state, coalesce(group_concat(p.text, ''), '') FROM messages m"
            " JOIN conversations c ON c.id = m.conversation_id LEFT JOIN parts p ON p.message_id = m.id"
            " GROUP BY m.id ORDER BY m.id"
        )
        return [Saved(*row) for row in rows]


def drafts(home: Path) -> dict[int, str]:
    """What was typed and not sent, by conversation; none before there is a database."""
    file = home / "lama" / "data" / "lama.db"
    if not file.exists():
        return {}
    with closing(sqlite3.connect(file)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'drafts'").fetchall():
            return {}
        return dict(connection.execute("SELECT conversation_id, text FROM drafts"))


def forget_drafts(home: Path) -> None:
    """Let the next composer be empty."""
    if drafts(home):
        with closing(sqlite3.connect(home / "lama" / "data" / "lama.db")) as connection:
            connection.execute("DELETE FROM drafts")
            connection.commit()


def wait_saved(home: Path, wanted: Callable[[list[Saved]], object], timeout: float = 60) -> list[Saved]:
    """Wait until what is saved fulfils `wanted`."""
    deadline = time.monotonic() + timeout
    while True:
        found = saved(home)
        if wanted(found):
            return found
        assert time.monotonic() < deadline, f"after {timeout:g} s this is saved: {found}"
        time.sleep(0.05)


def configure(home: Path, text: str) -> Path:
    """Write `config.toml`."""
    file = home / "lama" / "config" / "config.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def provider(endpoint: str, **settings: object) -> str:
    """The lines of config.toml that make `here:steady` answer by default."""
    more = "\n".join(f"{name} = {value!r}" for name, value in settings.items())
    return (
        f'model = "here:steady"\n[providers.here]\nkind = "openai"\nendpoint = "{endpoint}"\nmodel = "steady"\n{more}\n'
    )


@contextmanager
def server(handler: Handler) -> Iterator[LoopbackServer]:
    """A server on loopback whose event loop runs in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="server")
    thread.start()

    async def close(serve: "contextmanager[LoopbackServer]") -> None:
        await serve.__aexit__(None, None, None)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    running = serving(handler)
    served = asyncio.run_coroutine_threadsafe(running.__aenter__(), loop).result(60)
    try:
        yield served
    finally:
        asyncio.run_coroutine_threadsafe(close(running), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@dataclass
class Steady:
    """Answers every question with numbered words at a steady pace, and keeps what it sent when (monotonic s).

    They are "w0.0 w0.1 …": without the letter a figure of the monitor, "20.5 GiB free", was taken for a word.
    With `held` it keeps the last word of every answer back until that is set.
    """

    rate: float
    words: int = 100_000
    sent: list[list[tuple[float, str]]] = field(default_factory=list)
    held: threading.Event | None = None

    async def __call__(self, request: Request, writer: asyncio.StreamWriter) -> None:
        sent: list[tuple[float, str]] = []
        answer = len(self.sent)
        self.sent.append(sent)
        writer.write(head())
        began = time.monotonic()
        for number in range(self.words):
            await asyncio.sleep(began + number / self.rate - time.monotonic())
            if self.held is not None and number == self.words - 1:
                await asyncio.to_thread(self.held.wait, 60)
            word = f"w{answer}.{number} "
            sent.append((time.monotonic(), word))
            writer.write(delta(content=word))
            await writer.drain()
        writer.write(delta("stop") + DONE)
        await writer.drain()


def reached(word: str) -> Callable[[str], bool]:
    """Whether a screen shows this word of a `Steady` answer or one that comes after it: this may have scrolled by."""
    answer, number = word.strip().split(".")
    shown = re.compile(rf"\b{answer}\.(\d+)\b")
    return lambda text: any(int(found) >= int(number) for found in shown.findall(text))


UNHURRIED = """
import sys, time
import lama_tui.cli.entry as entry
from lama_tui.engine.mlx_backend import MlxBackend
step = MlxBackend.step
def unhurried(self):
    time.sleep(0.02)
    return step(self)
MlxBackend.step = unhurried
sys.exit(entry.main())
"""
"""A `lama` whose models say at most fifty tokens a second, so that they still speak when somebody looks."""


def spoken(least: int) -> Callable[[str], bool]:
    """Whether a screen shows the word `word…` of this number or one that comes after it, and a space behind it."""
    return lambda text: any(int(found) >= least for found in re.findall(r"word(\d+) ", text))


def pieces_of(text: str) -> Sequence[str]:
    """The words of a text as pieces for `make_reciter`."""
    return [word + " " for word in text.split()]
