"""The presets: free of conflicts, everything at hand, and the person's own keys before them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lama_tui.config.key_presets import KEYS_OF, PRESETS, Preset
from lama_tui.config.key_problems import problems_of_keys
from lama_tui.config.keymap import KEYMAP, Scope, split_keys
from lama_tui.config.loader import load_settings
from lama_tui.config.sendable import always_arrives
from lama_tui.paths import Paths

WAY_IN: dict[Scope, str] = {
    "composer": "transcript.compose",
    "transcript": "app.stop",
    "conversations": "conversation.list",
    "list": "conversation.list",
    "models": "models.open",
    "installed": "models.open",
    "hub": "hub.open",
    "downloads": "downloads.open",
    "updates": "updates.open",
    "chooser": "models.pick",
    "settings": "settings.open",
    "log": "log.open",
    "dialog": "help.open",
}
"""The binding that leads to where the keys of a scope work, from the workspace; `app` and `workspace` work there."""


@pytest.fixture
def config(home: Path) -> Callable[[str], Paths]:
    def write(text: str) -> Paths:
        paths = Paths.from_environment()
        paths.config.mkdir(parents=True, exist_ok=True)
        paths.config_file.write_text(text)
        return paths

    return write


@pytest.mark.parametrize("preset", PRESETS)
def test_no_preset_has_a_problem(preset: Preset) -> None:
    assert problems_of_keys(KEYS_OF[preset]) == []
    everything = {key.id: KEYS_OF[preset].get(key.id, key.keys) for key in KEYMAP}
    assert problems_of_keys(everything) == []


@pytest.mark.parametrize("preset", PRESETS)
def test_everything_is_at_most_three_keys_away(preset: Preset) -> None:
    keys = {key.id: KEYS_OF[preset].get(key.id, key.keys) for key in KEYMAP}
    for key in KEYMAP:
        # from a screen above the workspace: close it, go to the place, press the key
        steps = ["dialog.close", *([WAY_IN[key.scope]] if key.scope in WAY_IN else []), key.id]
        assert len(steps) <= 3
        for step in steps:
            assert always_arrives(keys[step]), (key.id, step)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_adds_keys_and_says_only_what_differs(preset: Preset) -> None:
    by_id = {key.id: key for key in KEYMAP}
    for name, keys in KEYS_OF[preset].items():
        assert split_keys(keys) and keys != by_id[name].keys


def test_vim_moves_with_its_letters() -> None:
    vim = KEYS_OF["vim"]
    assert [split_keys(vim[f"list.{move}"])[-1] for move in ("down", "up", "first", "last")] == ["j", "k", "g", "G"]
    assert "slash" in vim["search.open"]


def test_emacs_edits_with_its_control_keys() -> None:
    emacs = {key.id: KEYS_OF["emacs"].get(key.id, key.keys) for key in KEYMAP}
    for name, key in {
        "composer.next": "ctrl+n",
        "composer.previous": "ctrl+p",
        "composer.line_start": "ctrl+a",
        "composer.line_end": "ctrl+e",
        "composer.right": "ctrl+f",
        "composer.left": "ctrl+b",
        "composer.cut_to_end": "ctrl+k",
        "composer.put_back": "ctrl+y",
        "composer.delete": "ctrl+d",
        "list.down": "ctrl+n",
        "palette.open": "alt+x",
    }.items():
        assert key in split_keys(emacs[name]), name


def test_the_persons_keys_go_before_the_presets(config: Callable[[str], Paths]) -> None:
    loaded = load_settings(config('[keys]\nlist.down = "down,n"\npreset = "vim"\n'))
    assert loaded.problems == ()
    assert loaded.settings.key_preset == "vim"
    assert loaded.settings.keys == {**KEYS_OF["vim"], "list.down": "down,n"}
    assert loaded.sources["keys.list.down"].endswith("config.toml")
    assert loaded.sources["keys.list.up"] == "preset vim"


def test_a_key_is_taken_as_terminals_name_it(config: Callable[[str], Paths]) -> None:
    loaded = load_settings(config('[keys]\nconversation.list = "ctrl+], shift+ctrl+f5"\n'))
    assert loaded.problems == ()
    assert loaded.settings.keys == {"conversation.list": "ctrl+right_square_bracket,ctrl+shift+f5"}


@pytest.mark.parametrize(
    ("text", "key", "told"),
    [
        ('[keys]\npreset = "vi"\n', "keys.preset", '"vim"'),
        ("[keys]\npreset = 1\n", "keys.preset", '"emacs"'),
        ('[keys]\npreset = "vim"\nlist.up = "j"\n', "keys.list.up", "list.down"),
        (
            '[keys]\npreset = "emacs"\nconversation.new = "ctrl+n"\n',
            "keys.conversation.new",
            "`ctrl+n` is also the key of",
        ),
    ],
)
def test_problems_name_file_and_key(config: Callable[[str], Paths], text: str, key: str, told: str) -> None:
    paths = config(text)
    loaded = load_settings(paths)
    first = loaded.problems[0]
    assert str(paths.config_file) in first.title and f"`{key}`" in first.title
    assert told in " ".join((first.title, first.detail, first.hint))
    assert loaded.settings.keys == {} and loaded.settings.key_preset == "default"
    assert loaded.settings.privacy.local_only


def test_keys_are_listed_with_where_they_are_from(
    config: Callable[[str], Paths], capfd: pytest.CaptureFixture[str]
) -> None:
    from lama_tui.cli.main import main

    paths = config('[keys]\npreset = "vim"\nconversation.new = "f12"\n')
    assert main(["config", "keys", "--json"]) == 0
    listed = {key["id"]: key for key in json.loads(capfd.readouterr().out)}
    assert (listed["conversation.new"]["keys"], listed["conversation.new"]["source"]) == ("f12", str(paths.config_file))
    assert (listed["list.up"]["keys"], listed["list.up"]["source"]) == ("up,k", "preset vim")
    assert listed["app.quit"]["source"] == "default"
    assert main(["config", "show"]) == 0
    shown = capfd.readouterr().out
    assert '"vim"' in next(line for line in shown.splitlines() if line.startswith("keys.preset "))
