"""The real `lama` over a real SSH connection, which comes and goes; and in tmux there, where it goes on."""

import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from ssh import Remote, machine
from tmux import tmux
from workspace import COMMAND, READY, Saved, Steady, ask, configure, in_time, provider, reached, server, wait_saved
from xterm import Xterm

from tests.sent import strangers

CONFIG = '[workspace]\nmonitor = "off"\n'


def until(holds: Callable[[], object], within: float) -> None:
    """Wait for it; then it must have come in so many seconds of a machine that serves."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < 60, "it did not come to be"
        time.sleep(0.005)
    assert time.monotonic() - began <= in_time(within)


def settled(answer: Saved, steady: Steady, dropped: float) -> None:
    """An answer that was cut short: saved to the last, as interrupted."""
    assert (answer.role, answer.state) == ("assistant", "interrupted")
    said = "".join(word for _, word in steady.sent[0])
    assert said.startswith(answer.text)
    by_then = dropped - in_time(0.1)
    must = "".join(word for when, word in steady.sent[0] if when < by_then)
    assert answer.text.startswith(must), "what came before the drop is missing"


def test_a_dropped_connection_ends_it_and_the_next_one_continues(tmp_path: Path) -> None:
    steady = Steady(rate=50)
    with server(steady) as served, machine(tmp_path) as there:
        configure(tmp_path, provider(served.endpoint) + CONFIG)
        with there.login(COMMAND) as window:
            window.wait_for(READY)
            ask(window, "Count")
            window.wait_for("w0.20 ")
            window.resize(70, 20)
            window.wait_for(lambda text: "╯" in text and READY in text)  # its right edge was cut off
            assert max(map(len, window.screen_text().split("\n"))) <= 70
            assert len(there.running()) == 2  # the guard, and what it guards
            window.drop()
            dropped = time.monotonic()
            until(lambda: not there.running(), 1.0)
        _, answer = wait_saved(tmp_path, lambda found: len(found) == 2)
        settled(answer, steady, dropped)
        steady.words = 10
        last = answer.text.split()[-1]
        with there.login(COMMAND) as window:
            window.wait_for(lambda text: "interrupted · esc, then c continues it" in text and last in text)
            window.key("escape")
            window.wait_for("Continue")
            window.send("c")
            window.wait_for(lambda text: "w1.9" in text and "interrupted" not in text)
            done = wait_saved(tmp_path, lambda found: found[-1].state == "complete")[-1]
            assert done.text.startswith(answer.text) and done.text.endswith("w1.9 ")
            window.key("ctrl+q")
            window.wait_end()
            assert window.modes_restored()
        until(lambda: not there.running(), 1.0)
    assert strangers(bytes(window.raw)) == []
    assert b"\x1b[38;2" not in window.raw  # the terminal's name promises 256 colours


@pytest.mark.slow
def test_a_remote_screen_is_drawn_ten_times_a_second(tmp_path: Path) -> None:
    steady = Steady(rate=100)
    with server(steady) as served, machine(tmp_path) as there:
        configure(tmp_path, provider(served.endpoint) + CONFIG)
        with there.login(COMMAND) as window:
            window.wait_for(READY)
            ask(window, "Count")
            window.wait_for("w0.60 ")
            began, first = time.monotonic(), len(window.arrivals)
            while len(drawn := frames(window, first)) <= 10:
                more = len(window.arrivals) + 11 - len(drawn)
                window.wait_for(lambda _, more=more: len(window.arrivals) >= more)
            seconds, newest = in_time(2), steady.sent[0][-1][1]
            assert drawn[10][0] - began <= seconds, drawn  # at least five a second
            # at most ten, by when their words were sent: they may come late, and then all at once
            begin, end = (steady.sent[0][number][0] for number in (drawn[0][1], drawn[-1][1]))
            assert len(drawn) <= 3 + 10 * (end - begin), drawn
            since = time.monotonic()
            window.wait_for(reached(newest))
            assert time.monotonic() - since <= in_time(2)


def frames(window: Remote, first: int) -> list[tuple[float, int]]:
    """When something new of an answer could be read, and the number of its newest word, from the `first` arrival on."""
    xterm, newest, done = Xterm(100, 30), -1, 0
    found: list[tuple[float, int]] = []
    for number, (when, length) in enumerate(list(window.arrivals)):
        xterm.receive(bytes(window.raw[done:length]))
        done = length
        if number >= first:
            words = re.findall(r"(?<![\d.])0\.(\d+)(?![\d.])", "\n".join(xterm.screen.rows()))
            if (last := max(map(int, words), default=-1)) > newest:
                newest = last
                found.append((when, newest))
    return found


@pytest.mark.slow
def test_in_tmux_there_it_goes_on_without_a_connection(tmp_path: Path) -> None:
    steady = Steady(rate=50)
    with server(steady) as served, machine(tmp_path) as there, tmux() as own:
        configure(tmp_path, provider(served.endpoint) + CONFIG)
        with there.login([*own, "new-session", "-s", "here", *COMMAND]) as window:
            window.wait_for(READY)
            ask(window, "Count")
            window.wait_for("w0.20 ")
            pane = subprocess.run([*own, "list-panes", "-aF", "#{pane_pid}"], capture_output=True, text=True)
            inside = psutil.Process(int(pane.stdout))
            window.drop()
            until(lambda: not there.running(), 1.0)  # the client of tmux
        shown = int(max(word for word in window.screen_text().split() if word.startswith("w0.")).split(".")[1])
        wait_saved(tmp_path, lambda found: f"w0.{shown + 50} " in found[-1].text)
        assert inside.is_running()
        with there.login([*own, "attach"], size=(80, 24)) as window:
            window.wait_for(reached(steady.sent[0][-1][1]))
            window.wait_for(lambda text: "╯" in text and "esc stops" in text)
            window.key("escape")
            window.wait_for("stopped")
            window.key("ctrl+q")
            window.wait_end()
            assert not window.modes_left_on()
        until(lambda: not inside.is_running(), 2.0)
    _, answer = wait_saved(tmp_path, lambda found: len(found) == 2)
    assert (answer.role, answer.state) == ("assistant", "stopped")
    assert "".join(word for _, word in steady.sent[0]).startswith(answer.text)
