"""Plain lines in a real terminal that can only print: no control sequences, and ctrl+c, ctrl+d and ctrl+s as ever."""

import asyncio
import signal
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
from terminal import Terminal
from workspace import COMMAND, Steady, configure, provider, reached, server, wait_saved
from xterm import Xterm

from tests.providers.server import Request

LEAVES = "ctrl+d leaves"
"""The end of the line that is said when one can write."""


def plain(home: Path, *arguments: str, env: Mapping[str, str] = {}, **options: object) -> Terminal:
    return Terminal([*COMMAND, *arguments], home=home, env={"TERM": "dumb", **env}, **options)


def no_control_bytes(terminal: Terminal) -> None:
    """Only text and line feeds came; the terminal's own line editing adds returns, and `^C` for ctrl+c."""
    raw = bytes(terminal.raw).replace(b"\r\n", b"\n")
    assert not [byte for byte in raw if (byte < 0x20 and byte != 0x0A) or byte == 0x7F], raw


def asks(text: str) -> bool:
    """Whether it waits for what one writes."""
    return text.rstrip().endswith("You:")


def test_a_dumb_terminal_gets_plain_lines_and_keeps_what_was_said(tmp_path: Path) -> None:
    steady = Steady(rate=50)
    with server(steady) as served:
        configure(tmp_path, provider(served.endpoint))
        with plain(tmp_path) as terminal:
            terminal.wait_for(LEAVES)
            terminal.wait_for("TERM=dumb")
            terminal.send("Count \\\nfor me\n")
            terminal.wait_for("here:steady: w0.0 w0.1 ")
            terminal.key("ctrl+c")
            terminal.wait_for("Stopped: what is there of the answer is kept.")
            terminal.wait_for(asks)
            (question, answer) = wait_saved(tmp_path, lambda rows: rows[-1].state == "stopped")
            assert question.text == "Count \nfor me"
            assert answer.text.startswith("w0.0 w0.1 ")
            terminal.key("ctrl+c")
            terminal.wait_for("ctrl+c again, or ctrl+d, leaves")
            terminal.send("/conversations\n")  # what ctrl+c began is over
            terminal.wait_for("1. Count for me (just now, open here)")
            terminal.key("ctrl+d")
            assert terminal.wait_exit() == 0
            no_control_bytes(terminal)
            assert terminal.echoes() and not terminal.modes_left_on()
        with plain(tmp_path, "--plain", env={"TERM": "xterm-256color"}) as terminal:
            terminal.wait_for(LEAVES)
            terminal.wait_for("You: Count")
            terminal.wait_for(asks)  # before that ctrl+c leaves at once
            terminal.key("ctrl+c")
            terminal.wait_for("ctrl+c again")
            terminal.key("ctrl+c")
            assert terminal.wait_exit() == 130
            no_control_bytes(terminal)


def test_a_terminal_without_a_size_gets_plain_lines(tmp_path: Path) -> None:
    with plain(tmp_path, size=(0, 0), env={"TERM": "xterm"}, emulator=lambda columns, rows: Xterm(120, 24)) as terminal:
        terminal.wait_for("does not say how large it is")
        terminal.wait_for(LEAVES)
        terminal.send("/quit\n")
        assert terminal.wait_exit() == 0
        no_control_bytes(terminal)


def test_what_is_waited_for_is_said_and_can_be_stopped(tmp_path: Path) -> None:
    async def silent(request: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    with server(silent) as served:
        configure(tmp_path, provider(served.endpoint))
        with plain(tmp_path) as terminal:
            terminal.wait_for(LEAVES)
            terminal.send("Hello\n")
            terminal.wait_for("; ctrl+c stops)")
            terminal.key("ctrl+c")
            terminal.wait_for("Stopped")
            terminal.key("ctrl+d")
            assert terminal.wait_exit() == 0


@pytest.mark.parametrize(
    "how", ["hang-up", *(pytest.param(how, marks=pytest.mark.slow) for how in ("SIGTERM", "SIGHUP", "unread"))]
)
def test_leaving_in_the_middle_saves_the_answer(tmp_path: Path, how: str) -> None:
    with server(Steady(rate=2000 if how == "unread" else 50)) as served:
        configure(tmp_path, provider(served.endpoint))
        with plain(tmp_path) as terminal:
            terminal.wait_for(LEAVES)
            terminal.send("Count\n")
            terminal.wait_for(reached("w0.9"))
            if how == "hang-up":
                terminal.close_pty()
            elif how == "unread":
                with terminal.not_reading():
                    wait_saved(tmp_path, lambda rows: rows and "w0.9000 " in rows[-1].text)  # more than a pty holds
                    terminal.signal(signal.SIGTERM)
                    assert terminal.wait_exit() == 128 + signal.SIGTERM
            else:
                terminal.signal(signal.Signals[how])
                assert terminal.wait_exit() == 128 + signal.Signals[how]
            answer = wait_saved(tmp_path, lambda rows: rows[-1].state == "interrupted")[-1]
            assert answer.text.startswith("w0.0 w0.1 ")


@pytest.mark.slow
def test_a_summary_can_be_stopped_and_nothing_of_it_is_kept(tmp_path: Path) -> None:
    steady = Steady(rate=12, words=12)  # fewer than a line holds: the terminal breaks lines within words
    with server(steady) as served:
        configure(tmp_path, provider(served.endpoint))
        with plain(tmp_path) as terminal:
            terminal.wait_for(LEAVES)
            for number in range(2):
                terminal.send("Count\n")
                terminal.wait_for(lambda screen, number=number: f"w{number}.11" in screen and asks(screen))
            steady.held = stopped = threading.Event()
            terminal.send("/compact\n")
            terminal.wait_for("summarizing 2 messages")
            terminal.wait_for("; ctrl+c stops)")
            terminal.key("ctrl+c")
            terminal.wait_for("(Stopped: nothing was summarized.)")
            stopped.set()
            terminal.wait_for(asks)
            terminal.send("/compact\n")
            terminal.wait_for("Summary of 2 messages by here:steady: w3.0 w3.1")
            terminal.wait_for(asks)
            terminal.key("ctrl+d")
            assert terminal.wait_exit() == 0
            no_control_bytes(terminal)
