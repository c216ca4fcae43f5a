"""The harness itself: what it shows, sends and answers, and that it notices what programs leave behind."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from terminal import Terminal
from xterm import Xterm, key_bytes

EDITOR = """
import os
from textual.app import App
from textual.widgets import Static, TextArea

class Editor(App):
    BINDINGS = [("ctrl+n", "wipe", "Wipe"), ("ctrl+q", "quit", "Quit")]
    def compose(self):
        yield Static("", id="state")
        yield TextArea(id="text")
    def on_mount(self):
        self.query_one(TextArea).focus()
    def on_resize(self, event):
        self.query_one("#state").update(f"size {event.size.width}x{event.size.height}")
    def on_text_area_changed(self, event):
        with open(os.environ["SEEN"], "w") as seen:
            seen.write(event.text_area.text)
    def action_wipe(self):
        self.query_one(TextArea).clear()

Editor().run()
"""


@pytest.fixture
def editor(tmp_path: Path) -> Iterator[Terminal]:
    program = tmp_path / "editor.py"
    program.write_text(EDITOR)
    env = {"SEEN": str(tmp_path / "seen")}
    with Terminal([sys.executable, str(program)], home=tmp_path, size=(60, 12), env=env) as terminal:
        terminal.wait_for("size 60x12")
        yield terminal


def shell(tmp_path: Path, script: str, *, size: tuple[int, int] = (20, 5)) -> Terminal:
    return Terminal(["sh", "-c", script], home=tmp_path, size=size)


def printing(tmp_path: Path, output: bytes, *, size: tuple[int, int] = (20, 5)) -> Terminal:
    """A terminal on which `output` was written, byte for byte."""
    (tmp_path / "output").write_bytes(output)
    return shell(tmp_path, f"stty raw -echo; cat {tmp_path / 'output'}; printf DONE; sleep 60", size=size)


def test_a_full_screen_app_types_resizes_and_quits_clean(editor: Terminal, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    editor.send("Grüße 漢字")
    editor.wait_for("Grüße 漢字")
    editor.key("ctrl+n")
    editor.wait_for(lambda text: "Grüße" not in text)
    editor.paste("one\ntwo")
    editor.wait_for(lambda text: re.search(r"one\s.*\n.*two", text))
    editor.wait_for(lambda _: seen.read_text() == "one\ntwo")
    editor.key("up", "home", "delete")
    editor.wait_for(lambda _: seen.read_text() == "ne\ntwo")
    editor.resize(44, 9)
    editor.wait_for("size 44x9")
    assert len(editor.screen_text().split("\n")) == 9
    assert {"alternate screen (1049)", "mouse SGR encoding (1006)", "kitty keyboard"} <= set(editor.modes_left_on())
    assert not editor.echoes()
    assert editor.cpu_seconds() > 0
    editor.key("ctrl+q")
    assert editor.wait_exit() == 0
    assert editor.modes_left_on() == []
    assert editor.modes_restored()
    assert editor.echoes()
    assert "two" not in editor.screen_text()
    assert editor.xterm.refused == []


def test_a_textual_app_learns_that_there_is_no_synchronized_output(editor: Terminal) -> None:
    editor.send("x")
    editor.wait_for("x")
    assert b"\x1b[?2026$p" in editor.raw
    assert b"\x1b[?2026h" not in editor.raw


def test_a_killed_app_leaves_the_modes_on(editor: Terminal) -> None:
    editor.signal(signal.SIGKILL)
    assert editor.wait_exit() == -signal.SIGKILL
    assert not editor.modes_restored()
    assert "hidden cursor (25)" in editor.modes_left_on()


def test_hanging_up_ends_the_program(tmp_path: Path) -> None:
    with Terminal(["cat"], home=tmp_path) as terminal:
        terminal.send("hello\n")
        terminal.wait_for("hello\nhello")
        terminal.close_pty()
        assert terminal.wait_exit() == -signal.SIGHUP
        with pytest.raises(ValueError, match="closed"):
            terminal.send("more")


def test_close_kills_the_whole_session(tmp_path: Path) -> None:
    terminal = shell(tmp_path, "trap '' HUP TERM; sleep 60 & echo child $!; wait")
    text = terminal.wait_for(lambda text: re.search(r"child \d+", text))
    child = psutil.Process(int(text.split()[1]))
    terminal.close()
    gone = time.monotonic() + 60
    with suppress(psutil.NoSuchProcess):  # who waits for it may be quicker than we look
        while child.status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < gone
            time.sleep(0.01)
    terminal.close()


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Terminal([str(tmp_path / "nothing")], home=tmp_path)


def test_waiting_in_vain_shows_the_screen(tmp_path: Path) -> None:
    with Terminal(["cat"], home=tmp_path) as terminal:
        terminal.send("shown\n")
        terminal.wait_for("shown\nshown")
        with pytest.raises(AssertionError, match=r"(?s)0\.05 s passed.*shown"):
            terminal.wait_for("never", timeout=0.05)
        with pytest.raises(AssertionError, match=r"(?s)still running.*shown"):
            terminal.wait_exit(timeout=0.05)
        terminal.send(b"\x04")
        assert terminal.wait_exit() == 0
        with pytest.raises(AssertionError, match="the program ended"):
            terminal.wait_for("never", timeout=60)


def test_sending_does_not_wait_for_a_program_that_reads_nothing(tmp_path: Path) -> None:
    with shell(tmp_path, "stty raw -echo; printf ready; sleep 60") as terminal:
        terminal.wait_for("ready")
        terminal.send(b"x" * 1_000_000)
        assert terminal.screen_text().startswith("ready")


def test_a_large_paste_arrives_whole(tmp_path: Path) -> None:
    text = "line of text\n" * 20_000
    pasted = text.replace("\n", "\r").encode()
    checksum = subprocess.run(["cksum"], input=pasted, capture_output=True, check=True).stdout.decode().strip()
    script = f"stty raw -echo; printf ready; head -c {len(text)} | cksum; sleep 60"
    with shell(tmp_path, script, size=(60, 5)) as terminal:
        terminal.wait_for("ready")
        terminal.paste(text)
        terminal.wait_for(checksum)


def test_the_environment_is_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    with Terminal(["env"], home=tmp_path, size=(200, 40), env={"NO_COLOR": "1"}) as terminal:
        assert terminal.wait_exit() == 0
        lines = terminal.screen_text().split("\n")
    assert {f"LAMA_HOME={tmp_path}/lama", f"HF_HOME={tmp_path}/hub", "TERM=xterm-256color", "NO_COLOR=1"} <= set(lines)
    assert not any("secret" in line for line in lines)


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        (r"\033[c", r"^[[?64;1;2;6;9;15;16;17;18;21;22c"),
        (r"\033[>c", "^[[>41;390;0c"),
        (r"\033[5n", "^[[0n"),
        (r"\033[3;4H\033[6n", "^[[3;4R"),
        (r"\033[18t", "^[[8;5;60t"),
        (r"\033[?2026$p", "^[[?2026;0$y"),
        (r"\033[?2048$p", "^[[?2048;0$y"),
        (r"\033[?25$p", "^[[?25;1$y"),
        (r"\033[?1004h\033[?1004$p\033[?1004l", "^[[?1004;1$y"),
        (r"\033]11;?\033\\", "^[]11;rgb:0000/0000/0000^[\\"),
        (r"\033[?u\033[5n", "^[[0n"),  # no answer about the kitty keyboard
    ],
)
def test_queries_are_answered_as_by_an_xterm(tmp_path: Path, query: str, answer: str) -> None:
    # all that the program reads before the return typed after it
    script = f"stty -echo; printf '{query}'; IFS= read -r line; printf '\\033[H'; echo \"$line\" | cat -v; sleep 60"
    with shell(tmp_path, script, size=(60, 5)) as terminal:
        terminal.wait_for(lambda _: terminal.raw)
        terminal.key("enter")
        terminal.wait_for(lambda text: text.startswith(answer + "\n"))


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        (b"a\x1b[>31ub\x1b[<uc\x1b[=1;1ud\x1b[?2026$pe", "abcdeDONE"),
        (b"a\x1b[4:3mb\x1b[38:2::1:2:3mc\x1b[0md", "abcdDONE"),
        (b"a\x1b]52;c;aGk=\x07b\x1bP+q544e\x1b\\c\x1b_Gi=1;AAAA\x1b\\d\x1b]8;;http://x\x1b\\e", "abcdeDONE"),
        (b"\xe2\x9d\xa4\xef\xb8\x8f after", "\u2764 afterDONE"),  # a variation selector takes nothing along
        # half of a wide character overwritten: the other half goes, x stays in its column
        ("漢x\x1b[1;1Hy\x1b[1;4H".encode(), "y xDONE"),
        ("漢x\x1b[1;2Hy\x1b[1;4H".encode(), " yxDONE"),
        (b"first\x1b[?1049hsecond\x1b[?1049l", "firstDONE"),
        (b"\x1b[?1049h\x1b[?1049l\x1b[2J\x1b[HDONE\x1b[?25l", "DONEDONE"),
        (b"1\r\n2\r\n3\r\n4\x1b[2;3r\x1b[1S\x1b[r\x1b[5;1H", "1\n3\n\n4\nDONE"),
        (b"1\r\n2\r\n3\r\n4\x1b[2T\x1b[5;1H", "\n\n1\n2\nDONE"),
    ],
)
def test_the_emulator_shows_what_an_xterm_shows(tmp_path: Path, output: bytes, shown: str) -> None:
    with printing(tmp_path, output) as terminal:
        terminal.wait_for(lambda text: text.rstrip("\n") == shown)
        assert terminal.xterm.refused == []


def modes_on(raw: bytes) -> list[str]:
    xterm = Xterm(20, 5)
    xterm.receive(raw)
    return xterm.modes.left_on()


@given(
    st.lists(
        st.sampled_from([b"\x1b", b"]", b"[", b"P", b"\\", b"\x07", b"?", b"0", b"2", b"h", b"x", "漢".encode()])
    ).map(b"".join),
    st.integers(0, 60),
)
def test_it_does_not_matter_where_the_bytes_are_cut(noise: bytes, at: int) -> None:
    raw = b"\x1b[?1049h\x1b[2;3Ha\xc3\xbc" + noise + b"\x1b[5n"
    whole, cut = Xterm(20, 5), Xterm(20, 5)
    assert whole.receive(raw) == cut.receive(raw[:at]) + cut.receive(raw[at:])
    assert list(whole.screen.rows()) == list(cut.screen.rows())
    assert whole.modes.left_on() == cut.modes.left_on()


def test_modes_left_on() -> None:
    on = b"\x1b[?1049h\x1b[?1000;1003h\x1b[?25l\x1b[>31u\x1b[?7l\x1b[?2004h"
    assert len(modes_on(on)) == 7
    assert modes_on(on + b"\x1b[?2004l\x1b[?7h\x1b[<u\x1b[?1003;1000l\x1b[?1049l\x1b[?25h") == []
    # popped on the normal screen, the alternate screen's keyboard stays as it was
    assert modes_on(b"\x1b[?1049h\x1b[>1u\x1b[?1049l\x1b[<u") == ["kitty keyboard"]
    assert modes_on(b"\x1b]0;\x1b[?1000h\x07") == ["mouse clicks (1000)"]  # an escape breaks a title off
    assert modes_on(b"\x1bP[?1000h\x1b\\") == []


@given(st.lists(st.sampled_from([1000, 1002, 1003, 1004, 1006, 1049, 2004]), max_size=20))
def test_modes_switched_off_in_any_order_are_restored(modes: list[int]) -> None:
    on = b"".join(b"\x1b[?%dh" % mode for mode in modes)
    off = b"".join(b"\x1b[?%dl" % mode for mode in sorted(modes))
    assert len(modes_on(on)) == len(set(modes))
    assert modes_on(on + off) == []


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("a", b"a"),
        ("+", b"+"),
        ("ctrl+n", b"\x0e"),
        ("ctrl+underscore", b"\x1f"),
        ("ctrl+space", b"\x00"),
        ("shift+tab", b"\x1b[Z"),
        ("esc", b"\x1b"),
        ("enter", b"\r"),
        ("alt+x", b"\x1bx"),
        ("pgup", b"\x1b[5~"),
        ("ctrl+delete", b"\x1b[3;5~"),
        ("up", b"\x1b[A"),
        ("shift+up", b"\x1b[1;2A"),
        ("f1", b"\x1bOP"),
        ("f5", b"\x1b[15~"),
    ],
)
def test_keys(name: str, sent: bytes) -> None:
    assert key_bytes(name) == sent


def test_a_key_that_an_xterm_cannot_send() -> None:
    with pytest.raises(ValueError, match=r"shift\+enter"):
        key_bytes("shift+enter")
