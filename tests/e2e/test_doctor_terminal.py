"""`lama doctor` asks the terminal: one that answers all, one that knows little, a silent one, a late one, none."""

import json
import os
import sys
from pathlib import Path

import pytest
from terminal import Terminal
from xterm import Xterm

from lama_tui.cli.terminal_answers import ANSWERS, LATE, Answers, read_answers

AFTERWARDS = "; echo; echo READY; IFS= read -r line; printf 'GOT[%s]\\n' \"$line\""
"""What a shell then reads: exactly what is typed, where no answer of the terminal is left over."""

PATIENT = """
import sys
from lama_tui.cli import main, terminal_answers as asked
asked.ANSWERS, asked.LATE = {}, {}
read_away = asked._read_away
def tells(*given):
    print("LAST LOOK", flush=True)
    read_away(*given)
asked._read_away = tells
sys.exit(main.main(["doctor", "--json"]))
"""
"""Doctor with seconds of its own for answers in time and late ones: a busy machine is slow to answer."""


class Modern(Xterm):
    """Knows everything that is asked."""

    def receive(self, data: bytes) -> bytes:
        answers = super().receive(data)
        if b"\x1b[?u" not in data:
            return answers
        return (
            b"\x1bP>|kitty(0.32.1)\x1b\\\x1b[?0u\x1b[?2026;2$y\x1bP1$r0;48:2:1:2:3m\x1b\\"
            b"\x1bP1+r4d73=5C455D35323B25703125733B25703225735C303037\x1b\\\x1b[?62;52;c"
        )


class Silent(Xterm):
    """Answers nothing."""

    def receive(self, data: bytes) -> bytes:
        super().receive(data)
        return b""


def doctor(
    home: Path,
    emulator: type[Xterm] = Xterm,
    after: str = AFTERWARDS,
    *,
    answers: float = 60.0,
    late: float = 60.0,
) -> Terminal:
    """Doctor in a shell that reads a line when it is done."""
    command = ["sh", "-c", f'{sys.executable} -c "$0"{after}', PATIENT.format(answers, late)]
    return Terminal(command, home=home, size=(300, 300), emulator=emulator)


def report(terminal: Terminal) -> tuple[dict[str, dict[str, str]], dict[str, object]]:
    """The checks by id and the terminal's facts, when the shell reads a line that is typed and nothing else."""
    text = terminal.wait_for("READY", 60)
    assert terminal.echoes()
    terminal.send("typed\r")
    terminal.wait_for("GOT[typed]")
    whole = json.loads(text[text.index("{") : text.rindex("}") + 1])
    return {check["id"]: check for check in whole["checks"]}, whole["terminal"]


def test_a_terminal_that_knows_everything(tmp_path: Path) -> None:
    with doctor(tmp_path, Modern) as terminal:
        checks, facts = report(terminal)
    assert facts == {
        "asked": True,
        "answered": True,
        "name": "kitty(0.32.1)",
        "true_colour": True,
        "kitty_keys": True,
        "synchronized_output": True,
        "clipboard": True,
        "tmux": None,
    }
    assert checks["terminal"]["value"].startswith("kitty(0.32.1), TERM=xterm-256color")
    assert checks["clipboard"]["value"] == "the terminal takes it from programs (OSC 52)"


def test_an_xterm_knows_less(tmp_path: Path) -> None:
    with doctor(tmp_path) as terminal:
        checks, facts = report(terminal)
    assert (facts["asked"], facts["answered"], facts["name"]) == (True, True, "XTerm(390)")
    assert (facts["kitty_keys"], facts["synchronized_output"]) == (False, False)
    assert (facts["true_colour"], facts["clipboard"]) == (None, None)  # it did not say
    assert "ctrl+j starts a new line where shift+enter does not arrive" in checks["kitty_keys"]["hint"]


@pytest.mark.slow
def test_a_silent_terminal_is_given_up_and_not_left_without_echo(tmp_path: Path) -> None:
    with doctor(tmp_path, Silent, answers=ANSWERS, late=LATE) as terminal:
        checks, facts = report(terminal)
    assert (facts["asked"], facts["answered"]) == (True, False)
    assert all(
        facts[name] is None for name in ("name", "kitty_keys", "true_colour", "synchronized_output", "clipboard")
    )
    assert "did not answer" in checks["kitty_keys"]["value"]
    assert checks["kitty_keys"]["status"] == "ok"


def test_late_answers_do_not_end_up_on_the_shells_line(tmp_path: Path) -> None:
    held: list[bytes] = []

    class Late(Modern):
        def receive(self, data: bytes) -> bytes:
            if answers := super().receive(data):
                held.append(answers)
            return b""

    with doctor(tmp_path, Late, answers=0.2) as terminal:
        terminal.wait_for("LAST LOOK", 60)  # it has given up, and looks until the answers are there
        assert held and not terminal.echoes()
        terminal.send(b"".join(held))
        _, facts = report(terminal)
        assert facts["answered"] is False
        assert "^[" not in terminal.screen_text() and "2026;" not in terminal.screen_text()


def test_nobody_is_asked_over_a_pipe(tmp_path: Path) -> None:
    with doctor(tmp_path, Modern, after=" | cat" + AFTERWARDS) as terminal:
        checks, facts = report(terminal)
        assert b"\x1b[c" not in terminal.raw
    assert facts["asked"] is False and facts["answered"] is None and facts["kitty_keys"] is None
    assert "was not asked" in checks["colours"]["value"]


def test_nobody_is_asked_from_the_background(tmp_path: Path) -> None:
    """A job that is not in front would be stopped for changing the terminal's modes."""
    command = f"set -m; {sys.executable} -m lama_tui doctor --json > /dev/tty & wait; echo READY"
    with Terminal(["sh", "-c", command], home=tmp_path, size=(300, 300)) as terminal:
        text = terminal.wait_for("READY", 60)
        assert b"\x1b[c" not in terminal.raw
    assert '"asked": false' in text


def test_ctrl_c_gives_the_terminal_back(tmp_path: Path) -> None:
    command = ["sh", "-c", f"trap : INT; {sys.executable} -m lama_tui doctor; echo READY; read line; echo $line"]
    with Terminal(command, home=tmp_path, emulator=Silent) as terminal:
        terminal.wait_for(lambda _: b"\x1b[c" in terminal.raw)
        assert not terminal.echoes()
        terminal.key("ctrl+c")
        terminal.wait_for("READY")
        assert terminal.echoes()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", Answers(asked=True)),
        (b"\x1b[?0u", Answers(asked=True)),  # the last answer is missing: it may be about to come
        (b"\x1b[?62c", Answers(True, True, None, False, False, None, None)),
        (b"\x1b[?2026;0$y\x1b[?62c", Answers(True, True, None, False, False, None, None)),
        (b"\x1b[?2026;4$y\x1b[?62c", Answers(True, True, None, False, False, None, None)),
        (b"\x1b[?2026;1$y\x1b[?62c", Answers(True, True, None, False, True, None, None)),
        (b"\x1b[?1u\x1b[?62;4;52c", Answers(True, True, None, True, False, None, True)),
        (b"\x1bP1$r0;48;2;1;2;3m\x1b\\\x1b[?6c", Answers(True, True, None, False, False, True, None)),
        (b"\x1bP1$r0;48:2::1:2:3m\x1b\\\x1b[?6c", Answers(True, True, None, False, False, True, None)),
        (b"\x1bP1$r0;48:5:16m\x1b\\\x1b[?6c", Answers(True, True, None, False, False, False, None)),
        (b"\x1bP0$r\x1b\\\x1bP0+r4d73\x1b\\\x1b[?6c", Answers(True, True, None, False, False, None, None)),
        (b"typed ahead\x1bP>|tmux 3.5a\x1b\\\x1b[?1;2c", Answers(True, True, "tmux 3.5a", False, False, None, None)),
    ],
)
def test_answers(data: bytes, expected: Answers) -> None:
    assert read_answers(data) == expected


def test_the_answers_of_random_bytes_are_answers() -> None:
    for _ in range(2000):
        assert read_answers(os.urandom(200) + b"\x1b[?62c").answered
