"""Any size from 20x5 to 400x120, at random while an answer streams: what is shown is what drawing it anew shows."""

import random
import time
from pathlib import Path

import pytest
from terminal import Terminal
from workspace import READY, Steady, ask, configure, in_time, lama, leave, provider, saved, server, wait_saved

from tests.chance import seeds

SMALLEST, LARGEST = (20, 5), (400, 120)


def quiet(terminal: Terminal, least: float = 0.4) -> None:
    """Wait until nothing more is written for a while."""
    length, since, deadline = -1, time.monotonic(), time.monotonic() + 60
    while time.monotonic() - since < in_time(least):
        assert time.monotonic() < deadline, "it never stops drawing"
        if len(terminal.raw) != length or not terminal.rests():
            length, since = len(terminal.raw), time.monotonic()
        time.sleep(0.05)


def cells(terminal: Terminal) -> list[list[tuple[object, ...]]]:
    """Every cell of the screen: its text, its colours and its attributes."""
    screen = terminal.xterm.screen
    return [[tuple(screen.buffer[y][x]) for x in range(screen.columns)] for y in range(screen.lines)]


@pytest.mark.slow
@pytest.mark.parametrize("seed", seeds(2))
def test_resizes_at_random_leave_what_a_fresh_drawing_shows(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)

    def anything() -> tuple[int, int]:
        return chance.randint(SMALLEST[0], LARGEST[0]), chance.randint(SMALLEST[1], LARGEST[1])

    with server(Steady(rate=100, words=300)) as served:
        # the monitor changes by itself
        configure(tmp_path, provider(served.endpoint) + '[workspace]\nmonitor = "off"\n')
        with lama(tmp_path) as terminal:
            ask(terminal, "Count")
            wait_saved(tmp_path, len)
            while saved(tmp_path)[-1].state == "streaming":
                terminal.resize(*chance.choice([anything(), anything(), SMALLEST, LARGEST, (80, 24), (120, 40)]))
                terminal.key(chance.choice(["pageup", "pagedown"]))
                time.sleep(chance.choice([0, 0.01, 0.1]))
            wait_saved(tmp_path, lambda rows: rows[-1].state == "complete")
            for size in (SMALLEST, anything(), LARGEST, anything(), (100, 30)):
                length = len(terminal.raw)
                terminal.resize(*size)
                terminal.wait_for(lambda _, length=length: len(terminal.raw) > length)
                quiet(terminal)
                before, length = cells(terminal), len(terminal.raw)
                terminal.key("f5")
                terminal.wait_for(lambda _, length=length: len(terminal.raw) > length)
                quiet(terminal)
                after = cells(terminal)
                differ = [
                    (y, x, before[y][x], cell)
                    for y, row in enumerate(after)
                    for x, cell in enumerate(row)
                    if before[y][x] != cell
                ]
                assert not differ, f"of {size}, {len(differ)} cells such as {differ[:3]}"
            terminal.key(*["pagedown"] * 5)
            terminal.wait_for(lambda text: "w0.299" in text and READY in text)
            leave(terminal)
    assert terminal.xterm.refused == []
