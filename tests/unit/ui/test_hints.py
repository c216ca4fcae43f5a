"""The line of keys: what matters now comes first, nothing is cut, and help and quitting are always there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lama_tui.config.keymap import KEYMAP, Scope
from lama_tui.ui.commands.entries import BY_ID, PLACES
from lama_tui.ui.commands.hints import ALWAYS, Hint, fitting, hint_of, hints
from lama_tui.ui.commands.obstacle import Now

OPEN = Now(is_open=True)


def line(places: list[Scope], now: Now | None, **overrides: str) -> list[str]:
    return [
        str(hint) for hint in hints(places, now, {name.replace("__", "."): keys for name, keys in overrides.items()})
    ]


def test_while_an_answer_is_written_stopping_it_comes_first() -> None:
    running = Now(is_open=True, messages=2, is_running=True, typed=True)
    assert line(["composer", "workspace", "app"], running)[:2] == ["esc Stop", "enter Queue"]
    assert line(["transcript", "workspace", "app"], running)[0] == "esc Stop"
    pasted = Now(is_open=True, typed=True, pasted=True)
    assert line(["composer", "workspace", "app"], pasted)[:2] == ["enter Send", "f9 Open paste"]


def test_what_waits_can_be_edited_and_sent() -> None:
    waiting = Now(is_open=True, messages=2, queued=1)
    assert line(["composer", "workspace", "app"], waiting)[:2] == ["up Edit queued", "enter Send queued"]


def test_the_pane_that_has_the_focus_comes_before_the_rest() -> None:
    talk = Now(is_open=True, messages=2)
    assert line(["transcript", "workspace", "app"], talk)[:2] == ["y Copy", "r Regenerate"]
    cut = Now(is_open=True, messages=2, cut_short=True)
    assert line(["transcript", "workspace", "app"], cut)[0] == "c Continue"
    others = Now(is_open=True, messages=2, conversations=1)
    assert line(["conversations", "workspace", "app"], others)[:2] == ["esc Back", "enter Open"]
    assert line(["conversations", "workspace", "app"], OPEN)[:3] == ["esc Back", "u Undo delete", "^n New"]
    assert line(["composer", "workspace", "app"], OPEN)[0] == "^n New"


def test_other_screens_show_their_own_keys() -> None:
    shown = line(["installed", "models", "dialog", "workspace", "app"], None)
    assert shown[:2] == ["enter Use", "esc Back"]  # the way back is there also on the narrowest screen
    assert "] Next section" in shown
    assert shown[-1] == "^p Palette"


def test_while_a_command_is_completed_its_keys_are_shown_and_no_others() -> None:
    typing = Now(is_open=True, messages=2, typed=True, is_running=True, completes=True)
    keys = ["enter Do it", "tab Complete", "esc Close"]
    assert line(["composer", "workspace", "app"], typing)[:3] == keys
    assert "esc Stop" not in line(["composer", "workspace", "app"], typing)


def test_keys_that_were_bound_anew_or_taken_away() -> None:
    shown = line(["composer", "workspace", "app"], OPEN, conversation__new="f12", models__open="")
    assert shown[0] == "f12 New"
    assert not any("Models" in hint for hint in shown)


@given(st.integers(0, 200), st.lists(st.text(min_size=1, max_size=12), max_size=12))
def test_nothing_is_cut(width: int, names: list[str]) -> None:
    found = [Hint("x", name, "x", "") for name in names]
    always = [hint for name in ALWAYS if (hint := hint_of(BY_ID[name], {})) is not None]
    kept, there = fitting(found, always, width, 2)
    both = [*kept, *there]
    assert sum(len(str(hint)) for hint in both) + 2 * max(0, len(both) - 1) <= width
    assert kept == found[: len(kept)]
    if width >= 16:
        assert there == always


@pytest.mark.parametrize("scope", PLACES)
def test_every_place_has_a_line(scope: Scope) -> None:
    for now in (None, OPEN, Now(is_open=True, messages=3, is_running=True, queued=2, typed=True)):
        assert all(hint.key and hint.label and hint.press for hint in hints([scope, "workspace", "app"], now, {}))
    assert {key.scope for key in KEYMAP} <= set(PLACES)
