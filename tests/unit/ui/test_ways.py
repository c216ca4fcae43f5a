"""The way that a copy takes, by what is between lama and the terminal, and the bytes that are sent on it."""

import base64
import re

import pytest

from lama_tui.ui.terminal.tmux import Tmux
from lama_tui.ui.terminal.ways import LONGEST, sequence, way_of

OSC = "\x1b]52;c;{}\x07"


@pytest.mark.parametrize(
    ("environment", "tmux", "how"),
    [
        ({"TERM": "xterm-256color"}, None, "terminal"),
        ({"TERM": "tmux-256color"}, None, "terminal"),  # tmux on the other side of an SSH connection
        ({"TERM": "linux"}, None, "file"),
        ({"TERM": "vt220"}, None, "file"),
        ({"TERM": "dumb"}, None, "file"),
        ({}, None, "file"),
        ({"TERM": "screen", "STY": "1.x"}, None, "screen"),
        ({"TERM": "screen", "STY": "1.x"}, Tmux("3.4", "on"), "terminal"),
        ({"TERM": "screen"}, Tmux(), "terminal"),  # it did not say
        ({"TERM": "screen"}, Tmux("3.4", "on", None, "on"), "terminal"),
        ({"TERM": "screen"}, Tmux("3.4", "external", None, "on"), "passthrough"),
        ({"TERM": "screen"}, Tmux("3.4", "off", None, "all"), "passthrough"),
        ({"TERM": "screen"}, Tmux("3.4", "external", None, "off"), "tmux"),
        ({"TERM": "screen"}, Tmux("next-3.6", "external", None, "off"), "tmux"),
        ({"TERM": "screen"}, Tmux("3.1c", "external"), "file"),
        ({"TERM": "screen"}, Tmux("openbsd", "external"), "file"),
        ({"TERM": "screen"}, Tmux("3.4", "off", None, "off"), "file"),
    ],
)
def test_the_way_by_what_is_between(environment: dict[str, str], tmux: Tmux | None, how: str) -> None:
    way = way_of(environment, tmux)
    assert way.how == how
    assert bool(way.why) == (how == "file")
    assert bool(way.hint) == (how == "file" and tmux is not None)


@pytest.mark.parametrize("text", ["", "one\nzwei ü", "x" * LONGEST, "\ud800"])
def test_what_is_sent(text: str) -> None:
    plain = OSC.format(base64.b64encode(text.encode("utf-8", "replace")).decode())
    assert len(plain) <= 100_000 + 8
    assert sequence(text, "terminal") == plain
    assert sequence(text, "passthrough") == f"\x1bPtmux;\x1b{plain}\x1b\\"
    pieces = re.findall(r"\x1bP(.*?)\x1b\\", sequence(text, "screen"), re.DOTALL)
    assert "".join(pieces) == plain and max(map(len, pieces)) < 256
    assert sequence(text, "screen") == "".join(f"\x1bP{piece}\x1b\\" for piece in pieces)
    assert sequence(text, "file") == sequence(text, "tmux") == ""
