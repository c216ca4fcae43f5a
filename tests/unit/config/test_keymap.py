"""The keymap and what `[keys]` may do to it."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lama_tui.config.key_problems import problems_of_keys
from lama_tui.config.keymap import KEYMAP, keys_of


def test_ids_are_unique_and_everything_has_a_tooltip() -> None:
    assert len({key.id for key in KEYMAP}) == len(KEYMAP)
    assert all(key.tooltip and key.label and key.action for key in KEYMAP)


def test_the_defaults_do_not_conflict() -> None:
    assert problems_of_keys({key.id: key.keys for key in KEYMAP}) == []


def test_overrides_apply_by_id() -> None:
    keys = {key.id: key.keys for key in keys_of("workspace", {"conversation.new": "f9", "focus.next": ""})}
    assert keys["conversation.new"] == "f9"
    assert keys["focus.next"] == ""
    assert keys["models.open"] == "ctrl+l"


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ({"conversation.nwe": "f9"}, "Did you mean `conversation.new`?"),
        ({"conversation.new": "ctrl+l"}, "models.open"),
        ({"transcript.next": "ctrl+n"}, "conversation.new"),
        ({"transcript.next": "k"}, "transcript.previous"),
        ({"transcript.fold": "["}, "transcript.older"),
        ({"transcript.copy": "ctrl+i"}, "Terminals send `ctrl+i` as `tab`"),
        ({"models.load": "ctrl+m"}, "as `enter`"),
        ({"models.load": "ctrl+h"}, "as `backspace`"),
        ({"models.load": "ctrl+["}, "as `escape`"),
        ({"models.load": "alt+f"}, "as `ctrl+right`"),
        ({"conversation.new": "ctrl+1"}, "Most terminals cannot send `ctrl+1`"),
        ({"conversation.new": "ctrl+shift+x"}, "cannot send `ctrl+shift+x`"),
        ({"composer.send": "ctrl+enter"}, "cannot send `ctrl+enter`"),
        ({"transcript.fold": "shift+space"}, "cannot send `shift+space`"),
        ({"transcript.fold": "super+f"}, "cannot send `super+f`"),
        ({"transcript.fold": "shift+1"}, "cannot send `shift+1`"),
        ({"conversation.new": "f13"}, "cannot send `f13`"),
        ({"composer.send": "shift+enter,alt+s"}, "cannot send `shift+enter`"),
        ({"palette.open": ""}, "needs a key"),
        ({"dialog.close": " , "}, "needs a key"),
        ({"dialog.close": "q"}, "typing"),
        ({"composer.left": "left,h"}, "typing"),
        ({"list.down": "ctrl+n"}, "conversation.new"),
        ({"transcript.copy": "shift+g"}, "transcript.last"),
        ({"dialog.close": "f1"}, "help.open"),
        ({"conversation.new": "contrl+n"}, "not a key"),
        ({"conversation.new": "ctrl+"}, "not a key"),
        ({"conversation.new": "ctrl+ctrl+n"}, "not a key"),
        ({"conversation.new": "pagedwn"}, "not a key"),
        ({"conversation.new": "n"}, "typing"),
    ],
)
def test_problems(overrides: Mapping[str, str], told: str) -> None:
    problems = problems_of_keys(overrides)
    assert problems
    assert told in " ".join(problems[0])


@pytest.mark.parametrize(
    "overrides",
    [
        {},
        {"conversation.new": "f12, ctrl+f12"},
        {"conversation.new": "ctrl+l", "models.open": "ctrl+n"},
        {"transcript.next": "n"},
        {"dialog.close": "ctrl+n"},
        {"transcript.older": "left_square_bracket,minus,+"},
        {"transcript.copy": ""},
        {"composer.newline": "shift+enter,ctrl+j"},
        {"conversation.new": "alt+n"},
        {"palette.open": "ctrl+p,colon"},
        {"dialog.close": "escape,q"},
        {"app.redraw": "ctrl+shift+f5"},
    ],
)
def test_what_is_fine(overrides: Mapping[str, str]) -> None:
    assert problems_of_keys(overrides) == []


@given(st.dictionaries(st.sampled_from([key.id for key in KEYMAP]), st.text("ctrl+shifa1,[ é\x1b"), max_size=3))
def test_any_text_is_judged(overrides: dict[str, str]) -> None:
    for name, why, hint in problems_of_keys(overrides):
        assert name in overrides
        assert why
        assert hint


def test_what_exports_names_both_formats() -> None:
    (tooltip,) = (key.tooltip for key in KEYMAP if key.command == "export")
    assert "Markdown" in tooltip and "JSON" in tooltip
