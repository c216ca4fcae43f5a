"""One's own editor in a real terminal: it gets the terminal and gives it back, whatever becomes of it."""

import shlex
import signal
import sys
import time
from pathlib import Path

import pytest
from terminal import Terminal
from workspace import READY, Steady, ask, configure, drafts, in_time, lama, leave, provider, saved, server

EDITOR = r"""
import os, signal, stat, sys, termios, tty
assert sys.argv[1] == "--wait", sys.argv
what, path = sys.argv[2], sys.argv[-1]
text = open(path).read()
signal.signal(signal.SIGINT, lambda *_: os.write(1, b"INTERRUPTED\n"))
mode = oct(stat.S_IMODE(os.stat(path).st_mode))
if what == "raw":
    tty.setraw(0)
sys.stdout.write("\x1b[?1049h\x1b[?1000h\x1b[2J\x1b[H" + f"EDITOR HAS {text!r} {mode} {os.path.basename(path)}\r\n")
sys.stdout.flush()
if what == "partly":
    open(path, "w").write(text + " saved so far")
    print("SAVED", flush=True)
line = sys.stdin.readline()
if what in ("append", "partly"):
    open(path, "w").write(text + " and more\n")
elif what == "latin":
    open(path, "wb").write(b"caf\xe9")
elif what == "raw":
    os.kill(os.getpid(), signal.SIGKILL)
sys.stdout.write("\x1b[?1000l\x1b[?1049l")
sys.exit(3 if what == "fail" else 0)
"""


def editor(home: Path, what: str) -> dict[str, str]:
    script = home / "my editor.py"
    script.write_text(EDITOR)
    return {"VISUAL": shlex.join([sys.executable, str(script), "--wait", what]), "TMPDIR": str(home)}


def opened(terminal: Terminal, text: str) -> None:
    """Type a text and open the editor."""
    terminal.send(text)
    terminal.wait_for(text)
    terminal.key("ctrl+o")
    terminal.wait_for(lambda screen: f"EDITOR HAS '{text}" in screen and "0o600 message.md" in screen)


def typed_and_kept(home: Path, terminal: Terminal, text: str) -> None:
    """Type a text and wait until it is saved: then the store is open."""
    terminal.send(text)
    deadline = time.monotonic() + 60
    while drafts(home) != {0: text}:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def leftovers(home: Path) -> list[Path]:
    return list(home.glob("lama-*"))


def test_what_was_saved_is_in_the_composer(home: Path) -> None:
    with lama(home, "--new", env=editor(home, "append")) as terminal:
        opened(terminal, "hello")
        terminal.key("ctrl+c")  # meant for the editor
        terminal.wait_for("INTERRUPTED")
        terminal.send("go\r")
        terminal.wait_for(lambda screen: "hello and more" in screen and "EDITOR" not in screen)
        terminal.send("!")
        terminal.wait_for("hello and more!")
        assert leftovers(home) == []
        leave(terminal)


@pytest.mark.parametrize(
    ("what", "told"),
    [("fail", "It ended with status 3."), ("latin", "is no text in UTF-8"), ("raw", "It was ended by SIGKILL.")],
)
def test_what_fails_leaves_the_text_as_it_was(home: Path, what: str, told: str) -> None:
    with lama(home, "--new", env=editor(home, what)) as terminal:
        opened(terminal, "hello")
        terminal.send("go\n" if what == "raw" else "go\r")
        terminal.wait_for(lambda screen: told in screen and "hello" in screen)
        terminal.key("escape")
        terminal.wait_for(lambda screen: told not in screen)
        terminal.send("!")
        terminal.wait_for("hello!")
        assert leftovers(home) == []
        leave(terminal)


def test_one_that_is_not_there_is_said(home: Path) -> None:
    with lama(home, "--new", env={"VISUAL": "no-such-editor --wait"}) as terminal:
        terminal.send("hello")
        terminal.key("ctrl+o")
        terminal.wait_for("Your editor was not found")
        terminal.send("!")
        terminal.wait_for("hello!")
        leave(terminal)


def test_one_that_cannot_be_started_gives_the_terminal_back(home: Path) -> None:
    broken = home / "editor"
    broken.write_text("#!/no/such/interpreter\n")
    broken.chmod(0o700)
    with lama(home, "--new", env={"VISUAL": str(broken)}) as terminal:
        terminal.send("hello")
        terminal.key("ctrl+o")
        terminal.wait_for("The editor could not be started")
        terminal.send("!")
        terminal.wait_for("hello!")
        leave(terminal)


@pytest.mark.slow
def test_the_answer_goes_on_and_is_saved(home: Path) -> None:
    steady = Steady(50.0, words=150)
    with server(steady) as served:
        configure(home, provider(served.endpoint))
        with lama(home, "--new", env=editor(home, "append")) as terminal:
            ask(terminal, "count")
            terminal.wait_for("w0.5 ")
            opened(terminal, "hello")
            deadline = time.monotonic() + 60
            while saved(home)[-1].state != "complete":
                assert time.monotonic() < deadline
                time.sleep(0.05)
            assert saved(home)[-1].text.split()[-1] == "w0.149"
            assert "EDITOR HAS" in terminal.screen_text()  # nothing was drawn over it
            terminal.send("go\r")
            terminal.wait_for(lambda screen: "hello and more" in screen and "w0.149" in screen)
            leave(terminal)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_both_and_keeps_what_was_saved(home: Path, number: int) -> None:
    with lama(home, "--new", env=editor(home, "partly")) as terminal:
        typed_and_kept(home, terminal, "hello")
        opened(terminal, "")
        terminal.wait_for("SAVED")
        began = time.monotonic()
        terminal.signal(number)
        assert terminal.wait_exit() == 0
        assert time.monotonic() - began < in_time(3)
        assert terminal.modes_restored()
        assert terminal.echoes()
        assert leftovers(home) == []
        assert drafts(home) == {0: "hello saved so far"}
    with lama_with(home, "hello saved so far") as terminal:
        leave(terminal)


def test_a_terminal_that_is_closed_ends_both(home: Path) -> None:
    with lama(home, "--new", env=editor(home, "partly")) as terminal:
        typed_and_kept(home, terminal, "hello")
        opened(terminal, "")
        terminal.wait_for("SAVED")
        terminal.close_pty()
        terminal.wait_exit()
        assert drafts(home)[0].startswith("hello")


def lama_with(home: Path, text: str) -> Terminal:
    """`lama` that opens with a draft: its composer is not empty."""
    from workspace import COMMAND

    terminal = Terminal(COMMAND, home=home, size=(100, 30))
    terminal.wait_for(text)
    assert READY not in terminal.screen_text()
    return terminal
