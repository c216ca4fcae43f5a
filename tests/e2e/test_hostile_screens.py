"""Every screen above the workspace, when the program is told to end or to stop just then."""

import functools
import signal
import time
from pathlib import Path

import pytest
from terminal import Terminal
from workspace import COMMAND, READY, drafts, in_time, lama

SCREENS = {
    "f1": "─ Help ─",
    "f3": "Settings of this conversation",
    "f4": "idle_unload",
    "f6": "─ Model",
    "f7": "─ Theme ─",
    "f8": "─ Log ─",
    "ctrl+p": "What do you want",
    "ctrl+f": "Search in all",
    "ctrl+l": "Installed",
    "ctrl+r": "─ What you wrote",
}
"""Keys that open a screen, and a text that is on it."""
OPEN = "guide · CPU"
"""Where the model runs is known when the store is open."""


def lacks(text: str, screen: str) -> bool:
    return text not in screen


@pytest.mark.slow
@pytest.mark.parametrize("key", SCREENS)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_keeps_what_was_typed_below(tmp_path: Path, key: str, number: int) -> None:
    with lama(tmp_path) as terminal:
        terminal.send("half a thought")
        terminal.wait_for(lambda text: "half a thought" in text and OPEN in text)
        terminal.key(key)
        if number == signal.SIGTERM:  # the other one comes while it opens
            terminal.wait_for(SCREENS[key])
        since = time.monotonic()
        terminal.signal(number)
        assert terminal.wait_exit() == 0
        assert time.monotonic() - since < in_time(1.2)
        assert terminal.modes_restored() and terminal.echoes()
    assert drafts(tmp_path) == {0: "half a thought"}


@pytest.mark.slow
def test_each_screen_is_there_again_after_ctrl_z(tmp_path: Path) -> None:
    with Terminal(["bash", "--norc", "--noprofile", "-i"], home=tmp_path, env={"PS1": "shell> "}) as shell:
        shell.wait_for("shell>")
        shell.send("bind 'set enable-bracketed-paste off'\r" + " ".join(COMMAND) + "\r")
        shell.wait_for(OPEN)
        for key, shown in SCREENS.items():
            shell.key(key)
            shell.wait_for(shown)
            shell.key("ctrl+z")
            shell.wait_for("Stopped")
            assert shell.modes_left_on() == [], key
            shell.send("clear\r")
            shell.wait_for(functools.partial(lacks, shown))
            shell.send("fg\r")
            shell.wait_for(shown)
            shell.key("escape")
            shell.wait_for(functools.partial(lacks, shown))
            shell.wait_for(READY)
        shell.key("ctrl+q")
        shell.wait_for(lambda text: text.rstrip().endswith("shell>"))
        assert shell.modes_left_on() == []
