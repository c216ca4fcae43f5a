"""The guard of the workspace: the first sign of life, and what is left when the app is killed or crashes."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from terminal import Terminal
from workspace import (
    COMMAND,
    KILLED,
    READY,
    Steady,
    app,
    ask,
    configure,
    held,
    in_time,
    lama,
    leave,
    provider,
    saved,
    server,
    wait_saved,
)
from xterm import Xterm

from lama_tui.cli.entry import FLAGS, VALUED, opens_workspace
from lama_tui.cli.main import build_parser
from lama_tui.ui.terminal.early import place

ASKED = "any other key leaves"


def wait_until(holds: Callable[[], object], within: float = 60) -> None:
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)


def is_gone(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE  # nobody in the test's container may wait for it
    except psutil.NoSuchProcess:
        return True


def rests(terminal: Terminal) -> bool:
    """Whether the app is idle: a report of where threads are is whole only if none of them moves."""
    process = app(terminal)
    before, still = sum(process.cpu_times()[:2]), terminal.rests()
    time.sleep(0.3)
    return still and terminal.rests() and sum(process.cpu_times()[:2]) - before < 0.02


def is_taken(terminal: Terminal) -> Callable[[], bool]:
    return lambda: b"\x1b[?1049h" in terminal.raw


def logged(home: Path) -> str:
    return (home / "lama" / "state" / "lama.log").read_text()


# the first sign of life


def slow(value: object) -> object:
    """A case that runs with the soaks: others show most of it."""
    return pytest.param(value, marks=pytest.mark.slow)


@pytest.mark.parametrize("size", [(80, 24), *map(slow, [(120, 40), (60, 20), (200, 60), (40, 12)])])
def test_the_name_is_there_first_and_stays_where_it_is(tmp_path: Path, size: tuple[int, int]) -> None:
    with lama(tmp_path, size=size) as terminal:
        raw = bytes(terminal.raw)
    first = Xterm(*size)
    first.receive(raw[: raw.index(b"lama") + 4])
    column, row = place(*size)
    assert [*first.screen.rows()][row] == " " * column + "lama"
    frame = Xterm(*size)
    frame.receive(raw[: raw.index(b"Opening")])  # of the app, which draws from top to bottom
    assert [*frame.screen.rows()][row][column : column + 4] == "lama"
    assert raw.count(b"\x1b[?1049h") == raw.count(b"\x1b[2J") == 1  # the app clears nothing


def test_what_is_typed_from_the_first_byte_on_is_in_the_composer(tmp_path: Path) -> None:
    go = tmp_path / "go"
    with Terminal(held(go), home=tmp_path) as terminal:
        wait_until(is_taken(terminal))
        assert "conversations" not in terminal.screen_text().lower()  # the app is not there yet
        assert not terminal.echoes()
        for number in range(60):
            terminal.send(f"{number} ")
            time.sleep(0.005)
            if number == 20:
                go.touch()
        terminal.wait_for("58 59")
        typed = "".join(f"{number} " for number in range(60))
        assert "".join(typed.split()) in "".join(c for c in terminal.screen_text() if c.isdigit())
        leave(terminal)


def test_ctrl_c_before_the_app_is_there(tmp_path: Path) -> None:
    with Terminal(held(tmp_path / "never"), home=tmp_path) as terminal:
        wait_until(is_taken(terminal))
        terminal.key("ctrl+c")
        assert terminal.wait_exit() == 130
        assert terminal.modes_restored()
        assert terminal.echoes()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_before_the_app_is_there(tmp_path: Path, number: signal.Signals) -> None:
    with Terminal(held(tmp_path / "never"), home=tmp_path) as terminal:
        wait_until(is_taken(terminal))
        since = time.monotonic()
        terminal.signal(number)
        assert terminal.wait_exit() == 128 + number
        assert time.monotonic() - since < in_time(2)
        assert terminal.modes_restored()
        assert terminal.echoes()


def test_what_goes_wrong_before_the_app_is_there_can_be_read(tmp_path: Path) -> None:
    code = (
        "import lama_tui.ui.options, lama_tui.cli.entry as entry, sys\n"
        "sys.modules['lama_tui.ui.app'] = None\n"  # what is broken cannot be imported
        "sys.argv[1:] = []; sys.exit(entry.main())"
    )
    with Terminal([COMMAND[0], "-c", code], home=tmp_path) as terminal:
        assert terminal.wait_exit() == 1
        assert "This is a fault in lama" in terminal.screen_text()
        assert terminal.modes_restored()
        assert terminal.echoes()


# which command lines


@pytest.mark.parametrize(
    "line", ["", "--new", "-c here", "-chere", "--model guide", "--theme=nord --debug", "--no-mouse -c 3 --model x"]
)
def test_command_lines_that_open_the_workspace(line: str) -> None:
    assert opens_workspace(line.split())
    build_parser().parse_args(line.split())


@pytest.mark.parametrize(
    "line", ["ls", "--help", "--version", "--debug ls", "--new -c here", "--model", "-c --new", "--mod x", "--", "-x"]
)
def test_command_lines_that_are_not_sure_to(line: str) -> None:
    assert not opens_workspace(line.split())


def test_the_flags_are_those_of_the_parser() -> None:
    options = {action.option_strings[0]: action for action in build_parser()._actions if action.option_strings}
    assert set(options) >= FLAGS | VALUED
    assert {name for name in FLAGS | VALUED if options[name].nargs != 0} == VALUED


# what is left


def test_killed_while_an_answer_streams_it_can_be_opened_again(tmp_path: Path) -> None:
    steady = Steady(rate=50)
    with server(steady) as served:
        configure(tmp_path, provider(served.endpoint))
        with lama(tmp_path, "--new") as terminal:
            ask(terminal, "Count")
            terminal.wait_for("w0.20 ")
            wait_saved(tmp_path, lambda saved: "w0.10 " in saved[-1].text)  # a tenth of a second may be missing
            app(terminal).kill()
            text = terminal.wait_for(ASKED)
            assert "SIGKILL" in text and "is saved" in text and "lama.log" in text.replace("\n", "")
            assert "crash report" not in text  # nothing could write one
            assert terminal.modes_restored()
            terminal.key("enter")
            shown = ("interrupted · esc, then c continues it", "Count", "w0.10")
            terminal.wait_for(lambda text: all(each in text for each in shown))
            leave(terminal)
    assert [message.state for message in saved(tmp_path)] == ["complete", "interrupted"]


@pytest.mark.parametrize("number", [signal.SIGSEGV, *map(slow, [signal.SIGABRT, signal.SIGBUS, signal.SIGILL])])
def test_a_native_crash_leaves_a_report(tmp_path: Path, number: signal.Signals) -> None:
    with lama(tmp_path) as terminal:
        wait_until(lambda: rests(terminal))
        app(terminal).send_signal(number)
        text = terminal.wait_for(ASKED)
        (report,) = (tmp_path / "lama" / "state").glob("crash-*.txt")
        assert number.name in text and str(report) in text.replace("\n", "")
        said = report.read_text()
        assert number.name in said and "most recent call first" in said and "run_workspace" in said
        assert report.stat().st_mode & 0o777 == 0o600
        terminal.send("\x1b[A")  # an arrow is no answer, nor is what a terminal says late
        time.sleep(0.1)
        assert psutil.Process(terminal.pid).status() != psutil.STATUS_ZOMBIE
        # what is read with the arrow goes with it
        wait_until(lambda: terminal.send("n") or is_gone(psutil.Process(terminal.pid)))
        assert terminal.wait_exit() == 128 + number
        assert terminal.modes_restored()
        assert terminal.echoes()


def test_what_native_code_says_before_it_aborts_is_told(tmp_path: Path) -> None:
    code = (
        "import ctypes, lama_tui.cli.entry as entry, lama_tui.ui.widgets.composer as composer, sys\n"
        "def mount(self):\n"
        "    libc = ctypes.CDLL(None)\n"
        "    libc.dprintf(2, b'terminating: \\033[31mout of memory, key sk-ant-api03-abcdefghijklmnop')\n"
        "    libc.abort()\n"
        "composer.Composer.on_mount = mount\n"
        "sys.argv[1:] = []; sys.exit(entry.main())"
    )
    with Terminal([COMMAND[0], "-c", code], home=tmp_path, size=(200, 30)) as terminal:
        text = terminal.wait_for(ASKED)
        assert "It said: terminating: ␛[31mout of memory" in text and "sk-ant" not in text
        (report,) = (tmp_path / "lama" / "state").glob("crash-*.txt")
        assert "terminating" in report.read_text() and "sk-ant" not in report.read_text()


def test_reports_are_not_kept_for_ever(tmp_path: Path) -> None:
    state = tmp_path / "lama" / "state"
    state.mkdir(parents=True)
    for number in range(20):
        (state / f"crash-20200101-0000{number:02}-1.txt").touch()
    with lama(tmp_path) as terminal:
        app(terminal).send_signal(signal.SIGSEGV)
        terminal.wait_for(ASKED)
    kept = sorted(file.name for file in state.glob("crash-*.txt"))
    assert len(kept) == 10 and kept[-1] > "crash-2021"


def test_an_editor_does_not_outlive_the_app(tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nprintf '\\033[?1049hEDITING'\nexec sleep 60\n")
    editor.chmod(0o755)
    with lama(tmp_path, env={"EDITOR": str(editor)}) as terminal:
        terminal.key("ctrl+o")
        terminal.wait_for("EDITING")
        (editing,) = app(terminal).children()
        app(terminal).kill()
        terminal.wait_for(ASKED)
        wait_until(lambda: is_gone(editing))
        assert terminal.modes_left_on() == []
        terminal.send("n")
        assert terminal.wait_exit() == KILLED
        assert terminal.echoes()


def test_a_signal_while_it_asks_leaves(tmp_path: Path) -> None:
    with lama(tmp_path) as terminal:
        app(terminal).kill()
        terminal.wait_for(ASKED)
        terminal.signal(signal.SIGTERM)
        assert terminal.wait_exit() == 128 + signal.SIGTERM
        assert terminal.echoes()


def test_a_terminal_that_is_closed_while_it_asks(tmp_path: Path) -> None:
    with lama(tmp_path) as terminal:
        app(terminal).kill()
        terminal.wait_for(ASKED)
        terminal.close_pty()
        assert terminal.wait_exit() in (KILLED, 128 + signal.SIGHUP)


def test_what_cannot_end_is_killed(tmp_path: Path) -> None:
    with lama(tmp_path) as terminal:
        app(terminal).suspend()  # as if it hung in native code: nothing of ours runs
        since = time.monotonic()
        terminal.signal(signal.SIGTERM)
        assert terminal.wait_exit() == 1
        assert time.monotonic() - since < in_time(3)
        assert terminal.modes_restored()
        assert terminal.echoes()


# the guard is gone


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Terminal]:
    env = {"PS1": "shell> ", "HISTFILE": ""}
    with Terminal(["bash", "--norc", "--noprofile", "-i"], home=tmp_path, env=env) as terminal:
        terminal.wait_for("shell>")
        terminal.send("bind 'set enable-bracketed-paste off'\r")
        yield terminal


def test_without_its_guard_the_app_leaves_well(shell: Terminal, tmp_path: Path) -> None:
    steady = Steady(rate=50)
    with server(steady) as served:
        configure(tmp_path, provider(served.endpoint))
        shell.send(" ".join(COMMAND) + "\r")
        ask(shell, "Count")
        shell.wait_for("w0.20 ")
        (guard,) = psutil.Process(shell.pid).children()
        (workspace,) = guard.children()
        since = time.monotonic()
        guard.kill()
        wait_until(lambda: is_gone(workspace))
        assert time.monotonic() - since <= in_time(1.0)
    wait_until(lambda: not shell.modes_left_on())
    shell.send("\rclear; stty -a\r")
    shell.wait_for(lambda text: {"icanon", "echo", "isig", "icrnl"} <= set(text.replace(";", " ").split()))
    question, answer = saved(tmp_path)
    assert (question.text, answer.state) == ("Count", "interrupted")
    assert "w0.20 " in answer.text
    assert "the process that guards it is gone" in logged(tmp_path)


def test_without_its_guard_before_it_is_there(shell: Terminal) -> None:
    shell.send(" ".join(COMMAND) + "\r")
    wait_until(is_taken(shell))
    (guard,) = psutil.Process(shell.pid).children()
    wait_until(guard.children)
    (workspace,) = guard.children()
    guard.kill()
    wait_until(lambda: is_gone(workspace))
    wait_until(lambda: not shell.modes_left_on())


# job control, and the status


@pytest.mark.slow
def test_suspended_while_an_answer_streams(shell: Terminal, tmp_path: Path) -> None:
    steady = Steady(rate=50, words=150)
    with server(steady) as served:
        configure(tmp_path, provider(served.endpoint))
        shell.send(" ".join(COMMAND) + "\r")
        ask(shell, "Count")
        shell.wait_for("w0.20 ")
        guard = psutil.Process(shell.pid).children()[0]
        both = [guard, *guard.children()]
        shell.key("ctrl+z")
        shell.wait_for("Stopped")
        assert [process.status() for process in both] == [psutil.STATUS_STOPPED] * 2
        assert shell.modes_left_on() == []
        shell.send("clear; echo $((40 + 2))\r")
        shell.wait_for("42")
        shell.send("fg\r")
        shell.wait_for("w0.149")
        shell.key("ctrl+q")
        shell.wait_for(lambda text: text.rstrip().endswith("shell>"))
        assert shell.modes_left_on() == []
    assert saved(tmp_path)[-1].state == "complete"


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGTSTP])
@pytest.mark.parametrize("whom", ["all", slow("app")])
def test_stopped_by_others(shell: Terminal, number: signal.Signals, whom: str) -> None:
    shell.send(" ".join(COMMAND) + "\r")
    shell.wait_for(READY)
    guard = psutil.Process(shell.pid).children()[0]
    modes = sorted(shell.modes_left_on())
    if whom == "all":
        os.killpg(guard.pid, number)
    else:
        guard.children()[0].send_signal(number)
    shell.wait_for("Stopped")
    if whom == "app" or number == signal.SIGTSTP:  # nobody is left who could
        assert shell.modes_left_on() == []
    shell.send("clear; echo away\r")
    shell.wait_for(lambda text: "away" in text and READY not in text)
    shell.send("printf '\\033[?2004l\\033[?1049l'; fg\r")  # as shells do before they run what was typed
    shell.wait_for(READY)
    wait_until(lambda: not shell.echoes())
    wait_until(lambda: sorted(shell.modes_left_on()) == modes)
    shell.send("typed")
    shell.wait_for("typed")
    shell.key("ctrl+q")
    shell.wait_for(lambda text: text.rstrip().endswith("shell>"))
    assert shell.modes_left_on() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, slow(signal.SIGHUP)])
def test_told_to_end_while_it_is_suspended(shell: Terminal, tmp_path: Path, number: signal.Signals) -> None:
    steady = Steady(rate=50)
    with server(steady) as served:
        configure(tmp_path, provider(served.endpoint))
        shell.send(" ".join(COMMAND) + "\r")
        ask(shell, "Count")
        shell.wait_for("w0.20 ")
        guard = psutil.Process(shell.pid).children()[0]
        both = [guard, *guard.children()]
        shell.key("ctrl+z")
        shell.wait_for("Stopped")
        since = time.monotonic()
        shell.send(f"kill -{number.value} %1\r")  # which continues it
        wait_until(lambda: all(map(is_gone, both)))
        assert time.monotonic() - since < in_time(2.5)
        assert shell.modes_left_on() == []
    assert saved(tmp_path)[-1].state == "interrupted"


def test_killed_while_it_is_suspended(shell: Terminal, tmp_path: Path) -> None:
    shell.send(" ".join(COMMAND) + "\r")
    shell.wait_for(READY)
    guard = psutil.Process(shell.pid).children()[0]
    workspace = guard.children()[0]
    shell.key("ctrl+z")
    shell.wait_for("Stopped")
    workspace.kill()
    shell.send("clear; echo one; echo two; fg\r")
    text = shell.wait_for(ASKED)
    assert text.index("two") < text.index("was ended by SIGKILL")  # where the shell was, not where lama began
    assert shell.modes_left_on() == []
    shell.send("q")
    shell.wait_for(lambda text: text.rstrip().endswith("shell>"))


def test_under_nohup_a_closed_terminal_saves_and_ends(tmp_path: Path) -> None:
    steady = Steady(rate=50)
    with server(steady) as served:
        configure(tmp_path, provider(served.endpoint))
        with Terminal(["sh", "-c", "trap '' HUP; exec \"$@\"", "sh", *COMMAND], home=tmp_path) as terminal:
            ask(terminal, "Count")
            terminal.wait_for("w0.20 ")
            workspace = app(terminal)
            since = time.monotonic()
            terminal.close_pty()
            assert terminal.wait_exit() == 0
            assert time.monotonic() - since <= in_time(1.0)
            assert is_gone(workspace)
    assert saved(tmp_path)[-1].state == "interrupted"


def test_a_theme_that_is_not_there_is_told_in_the_workspace_and_the_status_is_that_of_the_app(tmp_path: Path) -> None:
    with lama(tmp_path, "--theme", "nosuch") as terminal:
        leave(terminal)
