"""Leaving, in a real terminal: whatever ends the program, the terminal is itself again and nothing spins or hangs."""

import os
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from terminal import Terminal
from workspace import UNHURRIED, Steady, ask, configure, in_time, provider, saved, server, spoken
from xterm import Xterm

from tests.models import make_reciter

APP = """
import asyncio, os, sys, time
from pathlib import Path
from textual.widgets import Input, Static
from lama_tui.paths import Paths
from lama_tui.security.log import open_log
from lama_tui.ui.terminal.app import TerminalApp

HOME = Path(os.environ["HOME"])
PATHS = Paths.from_environment()

class Small(TerminalApp):
    BINDINGS = [("ctrl+z", "suspend_process"), ("f2", "crash"), ("f3", "block"), ("f4", "flood"), ("f6", "worker")]

    def __init__(self):
        super().__init__(PATHS.log)

    def compose(self):
        if "FAIL_EARLY" in os.environ:
            raise ValueError("it broke early")
        yield Static("", id="size", markup=False)
        yield Static("", id="count", markup=False)
        yield Input(id="input")

    def on_mount(self):
        self.ticks = 0
        self.set_interval(0.02, self.tick)
        self.query_one(Input).focus()

    def on_resize(self, event):
        self.query_one("#size").update(f"ready {event.size.width}x{event.size.height}")

    def tick(self):
        self.ticks += 1
        (HOME / "ticks").write_text(str(self.ticks))

    async def leave(self):
        await asyncio.sleep(float(os.environ.get("SLOW", 0)))
        (HOME / "saved").write_text("yes")
        self.exit()

    def action_crash(self):
        api_key = "sk-local-0123456789"
        raise ValueError(f"it broke \\x1b[31mred {api_key}")

    def action_worker(self):
        async def work():
            raise KeyError("in a worker [/nope]")
        self.run_worker(work())

    def action_block(self):
        (HOME / "blocked").touch()
        while True:
            time.sleep(0.1)

    def action_flood(self):
        (HOME / "flooding").touch()
        self.set_interval(0.01, self.flood)

    def flood(self):
        self.query_one("#count").styles.height = 20
        self.query_one("#count").update(f"{self.ticks:>6}" * 400)

log = open_log(PATHS)
app = Small()
app.run()
log.close()
sys.exit(app.return_code)
"""


def program(tmp_path: Path) -> list[str]:
    file = tmp_path / "small.py"
    file.write_text(APP)
    return [sys.executable, str(file)]


def gone_within(terminal: Terminal, seconds: float, since: float) -> int:
    status = terminal.wait_exit()
    assert time.monotonic() - since <= in_time(seconds)
    return status


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Terminal]:
    with Terminal(program(tmp_path), home=tmp_path) as terminal:
        terminal.wait_for("ready 100x30")
        yield terminal


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_saves_restores_and_ends(small: Terminal, tmp_path: Path, number: int) -> None:
    assert not small.echoes()
    since = time.monotonic()
    small.signal(number)
    assert gone_within(small, 1.0, since) == 0
    assert (tmp_path / "saved").exists()
    assert small.modes_restored()
    assert small.echoes()


def test_a_closed_terminal_saves_and_ends(small: Terminal, tmp_path: Path) -> None:
    since = time.monotonic()
    small.close_pty()
    assert gone_within(small, 1.0, since) == 0
    assert (tmp_path / "saved").exists()


def test_a_hang_up_of_which_no_signal_tells_saves_and_ends(tmp_path: Path) -> None:
    command = ["sh", "-c", 'trap \'\' HUP; exec "$0" "$1"', *program(tmp_path)]
    with Terminal(command, home=tmp_path) as terminal:
        terminal.wait_for("ready")
        since = time.monotonic()
        terminal.close_pty()
        assert gone_within(terminal, 1.0, since) == 0
    assert (tmp_path / "saved").exists()


def test_the_end_of_input_saves_restores_and_ends(tmp_path: Path) -> None:
    command = ["sh", "-c", '"$0" "$1" < /dev/null', *program(tmp_path)]
    with Terminal(command, home=tmp_path) as terminal:
        assert terminal.wait_exit() == 0
        assert terminal.modes_left_on() == []
    assert (tmp_path / "saved").exists()


def test_what_is_slow_to_save_is_ended_in_time_with_the_terminal_restored(tmp_path: Path) -> None:
    with Terminal(program(tmp_path), home=tmp_path, env={"SLOW": "30"}) as terminal:
        terminal.wait_for("ready")
        since = time.monotonic()
        terminal.signal(signal.SIGTERM)
        assert gone_within(terminal, 1.2, since) == 1
        assert terminal.modes_restored()
        assert terminal.echoes()


def test_a_busy_loop_does_not_keep_the_program(small: Terminal, tmp_path: Path) -> None:
    small.key("f3")
    small.wait_for(lambda _: (tmp_path / "blocked").exists())
    since = time.monotonic()
    small.signal(signal.SIGTERM)
    assert gone_within(small, 1.2, since) == 1
    assert small.modes_restored()
    assert small.echoes()


def quit_to_a_sane_terminal(shell: Terminal) -> None:
    shell.key("ctrl+q")
    shell.wait_for(lambda text: text.rstrip().endswith("shell>"))  # sent sooner, keys would be the app's
    assert shell.modes_left_on() == []
    shell.send("clear; stty -a\r")
    shell.wait_for(lambda text: {"icanon", "echo", "isig", "ixon", "icrnl"} <= set(text.replace(";", " ").split()))


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Terminal]:
    """An interactive shell with the app running in it."""
    env = {"PS1": "shell> ", "HISTFILE": ""}
    with Terminal(["bash", "--norc", "--noprofile", "-i"], home=tmp_path, env=env) as terminal:
        terminal.wait_for("shell>")
        terminal.send("bind 'set enable-bracketed-paste off'\r")
        terminal.send(" ".join(program(tmp_path)) + "\r")
        terminal.wait_for("ready 100x30")
        yield terminal


def test_ctrl_z_and_fg(shell: Terminal, tmp_path: Path) -> None:
    app = psutil.Process(shell.pid).children()[0]
    for typed in ("one", "onetwo"):  # the second time shows that nothing was taken twice
        shell.send(typed[-3:])
        shell.wait_for(typed)
        modes = shell.modes_left_on()
        assert modes
        shell.key("ctrl+z")
        shell.wait_for("Stopped")
        assert shell.modes_left_on() == []
        before = ticks(tmp_path)
        shell.send("clear; echo still $((40 + 2))\r")
        shell.wait_for("still 42")
        assert ticks(tmp_path) == before
        shell.resize(90, 30)
        shell.send("bg\r")  # in the background it waits for its turn at the terminal
        shell.wait_for("&")
        shell.wait_for(lambda _: app.status() == psutil.STATUS_STOPPED)
        shell.send("fg\r")
        shell.wait_for("ready 90x30")
        shell.wait_for(typed)
        shell.wait_for(lambda _, modes=modes: shell.modes_left_on() == modes)
    quit_to_a_sane_terminal(shell)


def test_stopped_by_others_it_takes_the_terminal_back(shell: Terminal, tmp_path: Path) -> None:
    app = psutil.Process(shell.pid).children()[0]
    app.send_signal(signal.SIGSTOP)
    shell.wait_for("Stopped")
    shell.send("clear; echo away\r")
    shell.wait_for(lambda text: "away" in text and "ready" not in text)
    shell.send("fg\r")
    shell.wait_for("ready 100x30")
    shell.send("typed")
    shell.wait_for("typed")
    assert not shell.echoes()
    quit_to_a_sane_terminal(shell)


@pytest.mark.parametrize(
    ("key", "said"), [("f2", "ValueError: it broke ␛[31mred [redacted]"), ("f6", "KeyError: 'in a worker [/nope]'")]
)
def test_a_crash_tells_what_happened_and_nothing_of_its_insides(
    small: Terminal, tmp_path: Path, key: str, said: str
) -> None:
    small.key(key)
    assert small.wait_exit() == 1
    assert small.modes_restored()
    assert small.echoes()
    shown = small.screen_text()
    assert said in shown
    log = tmp_path / "lama" / "state" / "lama.log"
    assert str(log) in shown.replace("\n", "")
    assert "Traceback" in log.read_text()
    assert "sk-local" not in log.read_text()
    assert "sk-local" not in small.raw.decode()
    assert "api_key" not in small.raw.decode()
    assert "Traceback" not in shown


def test_a_crash_before_the_first_screen(tmp_path: Path) -> None:
    with Terminal(program(tmp_path), home=tmp_path, env={"FAIL_EARLY": "1"}) as terminal:
        assert terminal.wait_exit() == 1
        assert "ValueError: it broke early" in terminal.screen_text()
        assert terminal.modes_restored()
        assert terminal.echoes()


def test_it_draws_on_the_terminal_wherever_errors_go(tmp_path: Path) -> None:
    with Terminal(["sh", "-c", '"$0" "$1" 2> /dev/null', *program(tmp_path)], home=tmp_path) as terminal:
        terminal.wait_for("ready 100x30")
        terminal.key("ctrl+q")
        assert terminal.wait_exit() == 0
        assert terminal.modes_restored()


class Stalled:
    """A terminal that reads only when it is told to."""

    def __init__(self, tmp_path: Path) -> None:
        self.master, slave = os.openpty()
        termios.tcsetwinsize(slave, (40, 120))
        env = os.environ | {"HOME": str(tmp_path), "TERM": "xterm-256color"}
        self.process = subprocess.Popen(program(tmp_path), stdin=slave, stdout=slave, stderr=slave, env=env)
        os.close(slave)
        self.xterm = Xterm(120, 40)

    def text(self) -> str:
        return "\n".join(self.xterm.screen.rows())

    def read_until(self, holds: Callable[[str], object], timeout: float = 60.0) -> int:
        """Read until the screen is as asked for; the bytes that this took."""
        deadline, read = time.monotonic() + timeout, 0
        while not holds(self.text()):
            assert time.monotonic() < deadline, f"it never came:\n{self.text()}"
            if select.select([self.master], [], [], 0.1)[0]:
                data = os.read(self.master, 4096)
                read += len(data)
                self.xterm.receive(data)
        return read

    def rest(self) -> bytes:
        """What is left to read once the program has ended."""
        rest = b""
        while select.select([self.master], [], [], 0)[0]:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                break
            if not data:
                break
            rest += data
        return rest


@pytest.fixture
def stalled(tmp_path: Path) -> Iterator[Stalled]:
    terminal = Stalled(tmp_path)
    try:
        terminal.read_until(lambda text: "ready 120x40" in text)
        os.write(terminal.master, b"\x1bOS")  # f4: draw much, often
        wait_until((tmp_path / "flooding").exists, 60)
        yield terminal
    finally:
        terminal.process.kill()
        terminal.process.wait()
        os.close(terminal.master)


def ticks(tmp_path: Path) -> int:
    written = tmp_path / "ticks"  # not there before the first one
    return int(written.read_text() or 0) if written.exists() else 0


def wait_until(holds: Callable[[], bool], within: float) -> None:
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


@pytest.mark.slow
def test_a_terminal_that_does_not_read_stops_nothing(stalled: Stalled, tmp_path: Path) -> None:
    before = ticks(tmp_path)
    wait_until(lambda: ticks(tmp_path) > before + 150, 60)  # 3 s when nothing is in the way
    newest = ticks(tmp_path)
    # it reads again: what was under way, and then the newest frame, not those in between
    read = stalled.read_until(lambda text: max(map(int, re.findall(r"\b\d+\b(?!x)", text)), default=0) >= newest)
    assert read < 100_000
    before = ticks(tmp_path)
    wait_until(lambda: ticks(tmp_path) > before + 150, 60)
    since = time.monotonic()
    stalled.process.send_signal(signal.SIGTERM)
    assert stalled.process.wait(60) == 0
    assert time.monotonic() - since <= in_time(1.0)
    assert (tmp_path / "saved").exists()
    # the terminal was given back although it did not read: what it had not read made room for that
    stalled.xterm.receive(stalled.rest())
    assert stalled.xterm.modes.left_on() == []


LAMA = [sys.executable, "-m", "lama_tui"]


@pytest.fixture
def lama(tmp_path: Path) -> Iterator[Terminal]:
    with Terminal(LAMA, home=tmp_path) as terminal:
        terminal.wait_for("Ask something")
        yield terminal


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_lama_leaves_on_a_signal(lama: Terminal, tmp_path: Path, number: signal.Signals) -> None:
    since = time.monotonic()
    lama.signal(number)
    assert gone_within(lama, 1.0, since) == 0
    assert lama.modes_restored()
    assert lama.echoes()
    log = (tmp_path / "lama" / "state" / "lama.log").read_text()
    assert log.index(f"leaving: {number.name}") < log.index("lama ends")


@pytest.mark.parametrize("prefix", [[], ["sh", "-c", "trap '' HUP; exec \"$@\"", "sh"]], ids=["told", "under nohup"])
def test_lama_leaves_when_the_terminal_is_closed(tmp_path: Path, prefix: list[str]) -> None:
    with Terminal([*prefix, *LAMA], home=tmp_path) as terminal:
        terminal.wait_for("Ask something")
        since = time.monotonic()
        terminal.close_pty()
        assert gone_within(terminal, 1.0, since) == 0


def test_lama_suspends_and_returns(tmp_path: Path) -> None:
    with Terminal(["bash", "--norc", "--noprofile", "-i"], home=tmp_path, env={"PS1": "shell> "}) as shell:
        shell.wait_for("shell>")
        shell.send("bind 'set enable-bracketed-paste off'\r" + " ".join(LAMA) + "\r")
        shell.wait_for("Ask something")
        shell.send("half a thought")
        shell.wait_for("half a thought")
        shell.key("ctrl+z")
        shell.wait_for("Stopped")
        assert shell.modes_left_on() == []
        shell.send("fg\r")
        shell.wait_for("half a thought")
        quit_to_a_sane_terminal(shell)


def closes_the_terminal(terminal: Terminal) -> None:
    terminal.close_pty()


def terminates(terminal: Terminal) -> None:
    terminal.signal(signal.SIGTERM)


def hangs_up(terminal: Terminal) -> None:
    terminal.signal(signal.SIGHUP)


def quits(terminal: Terminal) -> None:
    terminal.key("ctrl+q")


ENDS = [closes_the_terminal, terminates, hangs_up, quits]


def others(end: Callable[[Terminal], None]) -> list[object]:
    """The other ways to leave: they take their time."""
    return [pytest.param(other, marks=pytest.mark.slow) for other in ENDS if other is not end]


def left_well(terminal: Terminal, end: Callable[[Terminal], None]) -> None:
    """It is gone within a second, in peace, and the terminal, where there still is one, is itself again."""
    since = time.monotonic()
    end(terminal)
    assert gone_within(terminal, 1.0, since) == 0
    if end is not closes_the_terminal:
        assert terminal.modes_restored()
        assert terminal.echoes()


@pytest.mark.parametrize("end", [closes_the_terminal, *others(closes_the_terminal)])
def test_lama_leaves_while_a_server_answers(tmp_path: Path, end: Callable[[Terminal], None]) -> None:
    steady = Steady(rate=50)
    with server(steady) as served:
        configure(tmp_path, provider(served.endpoint))
        with Terminal(LAMA, home=tmp_path) as terminal:
            terminal.wait_for("Ask something")
            ask(terminal, "Count")
            text = terminal.wait_for("w0.20 ")
            shown = next(number for number in reversed(range(len(steady.sent[0]))) if f"w0.{number} " in text)
            may_miss = time.monotonic() - in_time(0.1)  # the newest may be on their way
            left_well(terminal, end)
            before = "".join(
                word for number, (when, word) in enumerate(steady.sent[0]) if number <= shown or when < may_miss
            )
    question, answer = saved(tmp_path)
    assert (question.text, answer.state) == ("Count", "interrupted")
    assert answer.text.startswith(before)


@pytest.fixture(scope="module")
def reciter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_reciter(tmp_path_factory.mktemp("models") / "reciter", [f"word{number} " for number in range(900)])


@pytest.mark.parametrize("end", [quits, *others(quits)])
def test_lama_leaves_while_a_model_on_this_machine_answers(
    tmp_path: Path, reciter: Path, end: Callable[[Terminal], None]
) -> None:
    with Terminal([sys.executable, "-c", UNHURRIED, "--model", str(reciter)], home=tmp_path) as terminal:
        terminal.wait_for("Ask something")
        ask(terminal, "Recite")
        terminal.wait_for(spoken(20))
        left_well(terminal, end)
    question, answer = saved(tmp_path)
    assert (question.text, answer.state) == ("Recite", "interrupted")
    assert answer.text.startswith("word0 word1 ") and "word20 " in answer.text


LOADS = """
import sys, time
import lama_tui.cli.entry as entry
from lama_tui.engine.mlx_backend import MlxBackend
load = MlxBackend.load
def slowly(self, *given):
    model = load(self, *given)
    time.sleep(60)
    return model
MlxBackend.load = slowly
sys.exit(entry.main())
"""
"""A `lama` in which a model takes its time, and is not there before anybody looked."""


@pytest.mark.parametrize("end", [terminates, *others(terminates)])
def test_lama_leaves_while_a_model_loads(tmp_path: Path, reciter: Path, end: Callable[[Terminal], None]) -> None:
    with Terminal([sys.executable, "-c", LOADS, "--model", str(reciter)], home=tmp_path) as terminal:
        terminal.wait_for("Ask something")
        ask(terminal, "Recite")
        terminal.wait_for("loading reciter")
        left_well(terminal, end)
    question, answer = saved(tmp_path)
    assert (question.text, answer.state, answer.text) == ("Recite", "interrupted", "")
