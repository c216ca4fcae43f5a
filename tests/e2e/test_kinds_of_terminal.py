"""Terminals that are not an xterm: the workspace opens there, can be read and used, and leaves nothing behind."""

import re
from pathlib import Path
from typing import Any

import pytest
from terminal import Terminal
from tmux import tmux
from workspace import COMMAND, READY, Steady, ask, configure, kill, provider, server
from xterm import ALTERNATE_SCREEN, Screen, Xterm

from lama_tui.ui.terminal.modes import enter, leave
from tests.sent import strangers


class OneScreen(Screen):
    """Has no alternate screen, as a console and a vt100 have none."""

    def set_mode(self, *modes: int, **flags: Any) -> None:
        if ALTERNATE_SCREEN not in modes:
            super().set_mode(*modes, **flags)

    def reset_mode(self, *modes: int, **flags: Any) -> None:
        if ALTERNATE_SCREEN not in modes:
            super().reset_mode(*modes, **flags)


class Console(Xterm):
    """A terminal with one screen, which answers no question."""

    def __init__(self, columns: int, rows: int) -> None:
        super().__init__(columns, rows)
        self.screen = OneScreen(columns, rows)
        self._stream = type(self._stream)(self.screen)

    def _answer(self, parameters: str, final: str) -> str | None:
        return None


@pytest.mark.parametrize(("term", "emulator"), [("linux", Console), ("vt100", Console), ("screen", Xterm)])
def test_it_opens_is_readable_and_leaves_nothing(tmp_path: Path, term: str, emulator: type[Xterm]) -> None:
    with server(Steady(rate=200, words=40)) as served:
        configure(tmp_path, provider(served.endpoint))
        env = {"TERM": term, "COLORTERM": "", "PS1": "shell> "}
        with Terminal(["sh", "-i"], home=tmp_path, size=(80, 24), env=env, emulator=emulator) as terminal:
            terminal.wait_for("shell>")
            terminal.send(" ".join(COMMAND) + "\r")
            terminal.wait_for(READY)
            ask(terminal, "Count")
            terminal.wait_for("w0.39")
            terminal.key("f1")
            terminal.wait_for("Help")
            terminal.key("escape")
            terminal.wait_for(READY)
            terminal.key("ctrl+q")
            text = terminal.wait_for(lambda text: text.rstrip().endswith("shell>"))
            assert "w0.39" not in text and "Ask" not in text and "─" not in text
            assert terminal.modes_left_on() == [] and terminal.echoes()
            assert not terminal.xterm.refused
            raw = bytes(terminal.raw)
    assert not re.search(rb"\x1b\[[0-9;]*[34]8;2;", raw)  # 24 bits, which nobody promised
    assert strangers(raw, moves="\r\n\b\a") == []


def test_killed_on_a_console_it_leaves_nothing_either(tmp_path: Path) -> None:
    with server(Steady(rate=200, words=40)) as served:
        configure(tmp_path, provider(served.endpoint))
        env = {"TERM": "linux", "COLORTERM": ""}
        with Terminal(COMMAND, home=tmp_path, size=(80, 24), env=env, emulator=Console) as terminal:
            terminal.wait_for(READY)
            ask(terminal, "Count")
            terminal.wait_for("w0.39")
            kill(terminal)
            text = terminal.screen_text()
            assert "any other key leaves" in text and "w0.39" not in text and "─" not in text


def test_a_scroll_that_was_cut_short_is_over() -> None:
    xterm = Xterm(80, 24)
    for sent in (enter(mouse=True, kitty_keys=True), "\x1b[3;20r\x1b[20H\n\x1b[1", "\x18\x1b\\" + leave({})):
        xterm.receive(sent.encode())
    assert xterm.screen.margins is None and xterm.modes.left_on() == []


@pytest.mark.parametrize("term", ["screen", "screen-256color"])
def test_in_tmux_under_the_names_of_screen(tmp_path: Path, term: str) -> None:
    with server(Steady(rate=200, words=40)) as served, tmux() as own:
        configure(tmp_path, provider(served.endpoint))
        begin = [*own, "start-server", ";", "set-option", "-g", "default-terminal", term, ";", "new-session", *COMMAND]
        with Terminal(begin, home=tmp_path, size=(80, 24)) as terminal:
            terminal.wait_for(READY)
            ask(terminal, "Count \u6f22\u5b57 \u05e9\u05dc\u05d5\u05dd")
            terminal.wait_for("w0.39")
            terminal.resize(60, 20)
            terminal.wait_for(lambda text: "w0.39" in text and "╯" in text)
            terminal.key("ctrl+q")
            assert terminal.wait_exit() == 0
            assert terminal.modes_left_on() == []
            assert "\u6f22\u5b57" in bytes(terminal.raw).decode()
