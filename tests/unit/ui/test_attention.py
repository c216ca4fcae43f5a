"""What is written to the terminal when a long answer ends elsewhere."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lama_tui.types import ConversationId
from lama_tui.ui.terminal.attention import Attention, note
from tests.naughty import NAUGHTY
from tests.sent import strangers

ONE, OTHER = ConversationId(1), ConversationId(2)


def test_only_long_answers_are_told_of() -> None:
    now = 0.0
    attention = Attention(lambda: now)
    attention.began(ONE)
    now = 5
    attention.began(OTHER)
    now = 10
    assert attention.ended(ONE, 10)
    assert not attention.ended(OTHER, 10)
    assert not attention.ended(ONE, 0)  # it is over


@pytest.mark.parametrize(
    ("how", "environment", "written"),
    [
        ("off", {}, ""),
        ("bell", {"TMUX": "/tmp/x"}, "\a"),
        ("osc", {}, "\x1b]9;lama: an answer is there: Trip\a"),
        ("osc", {"TERM": "xterm-kitty"}, "\x1b]9;lama: an answer is there: Trip\a"),
        ("osc", {"TERM": "foot"}, "\x1b]777;notify;lama;lama: an answer is there: Trip\a"),
        ("osc", {"VTE_VERSION": "7600"}, "\x1b]777;notify;lama;lama: an answer is there: Trip\a"),
        ("osc", {"TMUX": "/tmp/x"}, "\x1bPtmux;\x1b\x1b]9;lama: an answer is there: Trip\a\x1b\\\a"),
        ("osc", {"STY": "1.pts"}, "\a"),
    ],
)
def test_what_is_written(how, environment: dict[str, str], written: str) -> None:  # type: ignore[no-untyped-def]
    assert note(how, "Trip", "an answer is there", environment) == written


@given(st.text(max_size=300))
def test_no_title_gets_out_of_its_place(title: str) -> None:
    for environment in ({}, {"TERM": "foot"}):
        written = note("osc", title, "an answer is there", environment)
        assert written.count("\x1b") == written.count("\a") == 1
        assert not [c for c in written[1:-1] if unicodedata.category(c) == "Cc"]
        assert written.count(";") == (1 if not environment else 3)
        assert len(written) < 150


@pytest.mark.parametrize("title", NAUGHTY.values(), ids=NAUGHTY)
def test_a_naughty_title_is_told_in_characters(title: str) -> None:
    for environment in ({}, {"TERM": "foot"}):
        assert strangers(note("osc", title, "an answer is there", environment), moves="") == []
    assert note("osc", title, "x", {"TMUX": "/tmp/x"}).count("\x1b") == 4  # the frame, and the note in it
