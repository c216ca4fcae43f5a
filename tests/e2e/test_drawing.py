"""What is drawn on a real terminal: all that changed, whoever else wrote on it, in thin frames or in Textual's."""

import sys
import time
from pathlib import Path

import pytest
from terminal import Terminal
from workspace import READY, Steady, ask, configure, in_time, lama, leave, provider, reached, saved, server, wait_saved

BOTH = """
import sys
from lama_tui.cli.main import main
from lama_tui.ui.terminal import drawing
if sys.argv.pop(1) == "stock":
    drawing.obstacle = lambda: "a test asks for it"
sys.exit(main(sys.argv[1:]))
"""


def cells(terminal: Terminal) -> list[list[tuple[object, ...]]]:
    """Every cell with its colours."""
    screen = terminal.xterm.screen
    with terminal._changed:
        rows = [[screen.buffer[y][x] for x in range(screen.columns)] for y in range(screen.lines)]
        return [[tuple(cell) if cell.data.strip() else (cell.bg, cell.reverse) for cell in row] for row in rows]


def redrawn(terminal: Terminal) -> list[list[tuple[object, ...]]]:
    """What is on the screen when every cell was drawn anew."""
    garbled = b"\x1b[H" + b"\x1b[45mgarbled\r\n" * (terminal.xterm.screen.lines - 1) + b"\x1b[m"
    with terminal._changed:
        terminal.xterm.receive(garbled)
    terminal.key("f5")
    terminal.wait_for(lambda text: "garbled" not in text)
    quiet(terminal)  # of a frame that comes in pieces the last row may hold half of the word
    return cells(terminal)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(20, 5), (80, 24), (200, 60)])
def test_a_redraw_changes_nothing_but_what_others_wrote(tmp_path: Path, size: tuple[int, int]) -> None:
    with server(Steady(rate=200, words=120)) as served:
        configure(tmp_path, provider(served.endpoint) + '[workspace]\nmonitor = "off"\n')
        with Terminal([sys.executable, "-m", "lama_tui"], home=tmp_path, size=size) as terminal:
            terminal.wait_for(lambda _: b"\x1b[?1049h" in terminal.raw)
            terminal.send("漢字 naïve 🦙")
            quiet(terminal)
            terminal.key("enter")
            wait_saved(tmp_path, lambda found: bool(found) and found[-1].state == "complete")
            for keys in ("", "f1", "escape", "ctrl+s", "pageup"):
                if keys:
                    terminal.key(keys)
                quiet(terminal)
                before = cells(terminal)
                assert redrawn(terminal) == before, keys
            terminal.key("escape")
            leave(terminal)


def quiet(terminal: Terminal) -> None:
    """Wait until nothing more is drawn."""
    deadline, count, still = time.monotonic() + 60, -1, 0
    while still < 4:
        assert time.monotonic() < deadline, "it never stops to draw"
        time.sleep(0.1)
        before, count = count, len(terminal.raw)
        still = still + 1 if before == count and terminal.rests() else 0


@pytest.mark.parametrize("way", ["thin", "stock"])
def test_both_ways_of_drawing_show_a_conversation(tmp_path: Path, way: str) -> None:
    file = tmp_path / "both.py"
    file.write_text(BOTH)
    with server(Steady(rate=200, words=60)) as served:
        configure(tmp_path, provider(served.endpoint))
        with Terminal([sys.executable, str(file), way], home=tmp_path) as terminal:
            terminal.wait_for(READY)
            ask(terminal, "Count")
            terminal.wait_for("w0.59")
            terminal.resize(60, 20)
            terminal.wait_for(lambda text: "w0.59" in text and READY in text)
            leave(terminal)
    log = (tmp_path / "lama" / "state" / "lama.log").read_text()
    assert ("drawing as Textual does" in log) == (way == "stock")
    assert "Traceback" not in log


@pytest.mark.slow
def test_ten_seconds_unread_cost_one_frame(tmp_path: Path) -> None:
    steady = Steady(rate=100, words=2000)
    with server(steady) as served:
        configure(tmp_path, provider(served.endpoint))
        with lama(tmp_path, size=(120, 40)) as terminal:
            ask(terminal, "Count")
            terminal.wait_for("w0.5 ")
            with terminal.not_reading():
                ends = time.monotonic() + 10
                while time.monotonic() < ends:
                    by_now = time.monotonic() - in_time(0.5)  # one moment for all of them
                    sent = "".join(word for when, word in steady.sent[0] if when < by_now)
                    assert saved(tmp_path)[-1].text.startswith(sent)
                    time.sleep(0.2)
                before, newest = len(terminal.raw), steady.sent[0][-1][1].strip()
            terminal.wait_for(reached(newest))
            # what the line held already, and one frame of at most a screen
            assert len(terminal.raw) - before < 64 * 1024
            leave(terminal)
