"""Keys, clicks and pastes out of what a terminal sends, in any pieces; nothing that it sends ends the reading."""

from collections.abc import Iterable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from textual import events
from textual.message import Message

from lama_tui.ui.terminal.keys import KeyParser


class Clock:
    """Stands still until it is moved."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def said(messages: Iterable[Message]) -> list[str]:
    """Keys by name, pastes in brackets, everything else by what it is."""
    return [
        message.key
        if isinstance(message, events.Key)
        else f"[{message.text}]"
        if isinstance(message, events.Paste)
        else type(message).__name__
        for message in messages
    ]


def read(*pieces: str, pauses: bool = False) -> list[str]:
    clock = Clock()
    parser = KeyParser(clock=clock)
    found: list[str] = []
    for piece in pieces:
        found += said(parser.feed(piece))
        if pauses:
            clock.now += 1
            found += said(parser.tick())
    clock.now += 1
    return found + said(parser.tick())


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("\x1b", ["escape"]),
        ("\x1b\x11", ["escape", "ctrl+q"]),
        ("\x1b\x1b\x11", ["escape", "escape", "ctrl+q"]),
        ("\x0c\x1b\x0ehi\x1b", ["ctrl+l", "escape", "ctrl+n", "h", "i", "escape"]),
        ("\x1bx\x1b", ["alt+x", "escape"]),  # nothing else can be known of it
        ("\x1bx" + "y" * 40, ["alt+x", *"y" * 40]),
        ("\x1b\r", ["enter"]),  # alt+enter
        ("\x1b\t", ["shift+tab"]),
        ("\x1b\x7f", ["ctrl+w"]),
        ("\x1b[A\x1b[1;2A\x1bOP", ["up", "shift+up", "f1"]),
        ("\x1b[<0;3;4M\x1b[<0;3;4m", ["MouseDown", "MouseUp"]),
        ("\x1b[I\x1b[O", ["AppFocus", "AppBlur"]),
        ("\x1b\x1b[200~a\x1b[201~", ["escape", "[a]"]),
        ("a\x1b[200~b\rc\x1b[201~d", ["a", "[b\rc]", "d"]),
        ("\x1b[200~\x1b\r\x1b[31mx\x00\x1b\x11\x1b[201~", ["[\x1b\r\x1b[31mx\x1b\x11]"]),  # no key comes out of it
        ("\x1b[200~a\x1b[201~\x1b[200~\x1b[201~\x1b", ["[a]", "[]", "escape"]),
    ],
)
def test_what_comes_in_one_go_or_character_by_character(text: str, keys: list[str]) -> None:
    assert read(text) == keys
    assert read(*text) == keys


def test_a_pause_after_an_escape_makes_it_a_key() -> None:
    assert read("\x1b", "x", pauses=True) == ["escape", "x"]
    assert read("\x1b", "[", "A", pauses=True)[0] == "escape"


@pytest.mark.parametrize("text", ["\x1b[99999999999u", "\x1b[97:65;2u", "\x1b[1114112;1u", "\x1b[:u", "\x1b[9;:9u"])
def test_numbers_that_are_no_character_are_no_end(text: str) -> None:
    found = read(f"{text}\x1b[<0;3;4My")
    assert found[-2:] == ["MouseDown", "y"]


def test_a_paste_whose_end_was_lost_does_not_keep_the_keys_for_good() -> None:
    clock = Clock()
    parser = KeyParser(clock=clock)
    assert said(parser.feed("\x1b[200~half")) == []
    assert said(parser.feed("\x11")) == []  # it may be of the paste
    clock.now += 3
    assert said(parser.feed("\r")) == [] and said(parser.feed("word")) == []
    clock.now += 3
    assert said(parser.feed("\x11")) == ["[half\x11\rword]", "ctrl+q"]


BYTES = st.sampled_from(
    [*"\x1b[<;:01~uMmtR?-AIOP]\\x漢\x11\r\x00\x7f²٣", "200", "201", "9" * 12, "55296", "$y", "48", "2048", "\x1b[200~"]
)


@settings(max_examples=500, deadline=None)
@given(st.lists(st.lists(BYTES, max_size=8).map("".join), max_size=6))
@example(["\x1b[1114112", "u"])
def test_nothing_ends_the_reading(pieces: list[str]) -> None:
    clock = Clock()
    parser = KeyParser(clock=clock)
    for piece in pieces:
        list(parser.feed(piece))
        clock.now += 0.05
        list(parser.tick())
    clock.now += 5
    list(parser.tick())
    found = said(parser.feed("\x11"))
    clock.now += 1
    assert "ctrl+q" in found + said(parser.tick())
