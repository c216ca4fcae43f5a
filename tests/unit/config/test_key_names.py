"""The names of keys in texts, and the guide's answers in the person's own keys."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lama_tui
from lama_tui.config.key_names import in_own_keys, key_name, key_of
from lama_tui.config.key_presets import KEYS_OF
from lama_tui.config.keymap import KEYMAP, split_keys

TOPICS = Path(lama_tui.__file__).parent / "guide" / "corpus" / "topics.toml"
EVERY_KEY_ELSEWHERE = {key.id: f"ctrl+shift+f{number % 12 + 1}" for number, key in enumerate(KEYMAP)}


@pytest.mark.parametrize(
    ("keys", "name"),
    [
        ("escape,ctrl+g", "esc"),
        ("left_square_bracket", "["),
        ("ctrl+right_square_bracket", "ctrl+]"),
        ("pageup", "pgup"),
        ("ctrl+n", "ctrl+n"),
        ("colon", ":"),
        ("G", "G"),
        ("", ""),
    ],
)
def test_names_are_those_on_the_keyboard(keys: str, name: str) -> None:
    assert key_name(keys) == name


def test_what_has_no_key_is_found_in_the_palette() -> None:
    assert key_of("monitor.toggle", {"monitor.toggle": ""}) == "ctrl+p Monitor"
    assert key_of("composer.newline") == "ctrl+j"  # plain terminals send shift+enter as enter
    assert key_of("composer.newline", {"composer.newline": "shift+enter"}) == "shift+enter"
    assert key_of("monitor.toggle", {"monitor.toggle": "", "palette.open": "f10"}) == "f10 Monitor"


@pytest.mark.parametrize(
    ("overrides", "answer", "shown"),
    [
        ({"conversation.new": "f12"}, "Press `ctrl+n` for a new one.", "Press `f12` for a new one."),
        ({"conversation.new": "f12"}, "Press ctrl+n, or type `lama --new`.", "Press ctrl+n, or type `lama --new`."),
        ({"conversation.new": "f12"}, "```\nctrl+n\n```", "```\nctrl+n\n```"),
        ({"conversation.new": "ctrl+n,f12"}, "Press `ctrl+n`.", "Press `ctrl+n`."),
        ({"conversation.new": "f12,ctrl+n"}, "Press `ctrl+n`.", "Press `ctrl+n`."),
        ({"conversation.new": ""}, "Press `ctrl+n`.", "Press `ctrl+p New`."),
        ({"app.stop": "f12"}, "Press `esc` to stop the answer.", "Press `f12` to stop the answer."),
        ({"dialog.close": "f12"}, "Press `esc` to stop the answer.", "Press `esc` to stop the answer."),
        ({"app.stop": "f12"}, "Press `esc`.", "Press `esc`."),  # of two, nobody knows which
        ({"composer.send": "f12"}, "Press `enter` to send it.", "Press `f12` to send it."),
        ({"composer.send": "f12"}, "Choose one, `enter` opens it.", "Choose one, `enter` opens it."),
        ({"cleaning.free": "f12"}, "Type a few letters of any action and run it with `enter`.",
         "Type a few letters of any action and run it with `enter`."),
        ({"transcript.next": "n"}, "In the transcript `j` goes on.", "In the transcript `n` goes on."),
        ({"transcript.next": "n"}, "`j` is the next letter after `i`.", "`j` is the next letter after `i`."),
        ({"models.filter": "f"}, "Type `/` in an empty composer.", "Type `/` in an empty composer."),
        ({"composer.newline": "f12"}, "Only `shift+enter` is missing.", "Only `f12` is missing."),
        ({"conversations.delete": "x"}, "In the list of conversations `delete` deletes.",
         "In the list of conversations `x` deletes."),
    ],
)  # fmt: skip
def test_answers_name_the_persons_keys(overrides: Mapping[str, str], answer: str, shown: str) -> None:
    assert in_own_keys(answer, overrides) == shown


def answers() -> Iterator[str]:
    """Every answer that the guide learned."""

    def walk(value: object) -> Iterator[str]:
        if isinstance(value, dict):
            if isinstance(value.get("answer"), str):
                yield value["answer"]
            value = list(value.values())
        if isinstance(value, list):
            for each in value:
                yield from walk(each)

    yield from walk(tomllib.loads(TOPICS.read_text()))


def test_the_guides_answers_stay_as_they_are_with_the_default_keys() -> None:
    found = list(answers())
    assert len(found) > 50
    for answer in found:
        assert in_own_keys(answer, {}) == answer
        assert in_own_keys(answer, {key.id: key.keys for key in KEYMAP}) == answer


def test_nearly_every_key_that_the_guide_names_is_understood() -> None:
    """All keys are bound to others: the few that stay are those whose action the words do not tell."""
    stay = []
    names = {name for key in KEYMAP for each in split_keys(key.keys) for name in (each, key_name(each))}
    for answer in answers():
        shown = in_own_keys(answer, EVERY_KEY_ELSEWHERE)
        stay += [span for span in re.findall(r"`([^`]+)`", shown) if span in names]
        assert not re.search(r"`(ctrl\+\w+|f\d+)`", shown), shown
    assert set(stay) <= {"/", "tab", "pgup", "pgdn", "enter"}


@pytest.mark.parametrize("preset", ["vim", "emacs"])
def test_presets_change_only_what_they_moved(preset: str) -> None:
    overrides = KEYS_OF[preset]  # type: ignore[index]
    changed = [answer for answer in answers() if in_own_keys(answer, overrides) != answer]
    assert bool(changed) == (preset == "emacs")  # vim adds keys beside the default ones
    for answer in changed:
        assert in_own_keys(in_own_keys(answer, overrides), {}) == in_own_keys(answer, overrides)


@given(st.text("`ctrlnesj+ .\n", max_size=60), st.sampled_from([EVERY_KEY_ELSEWHERE, KEYS_OF["emacs"]]))
def test_any_text_passes(text: str, overrides: Mapping[str, str]) -> None:
    shown = in_own_keys(text, overrides)
    assert shown.count("\n") == text.count("\n")
    assert re.sub(r"`[^`\n]+`", "", shown) == re.sub(r"`[^`\n]+`", "", text)
