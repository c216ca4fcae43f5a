"""What README says can be done: its commands, keys and settings are those of this version."""

import argparse
import re
from pathlib import Path

import pytest

from lama_tui.cli.main import build_parser
from lama_tui.config.keymap import KEYMAP
from lama_tui.config.loader import load_settings
from lama_tui.config.themes import read_theme
from lama_tui.paths import Paths, shipped_themes

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDE = (ROOT / "docs" / "workspace.md").read_text(encoding="utf-8")
RUN = "python3 -m venv .venv && .venv/bin/pip install -e . && .venv/bin/lama"
TEST = "python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && .venv/bin/python -m pytest"
NAMES = {
    "esc": "escape",
    "[": "left_square_bracket",
    "]": "right_square_bracket",
    "+": "plus",
    "-": "minus",
    "/": "slash",
    "ctrl+^": "ctrl+circumflex_accent",
}
NOT_KEYS = {"!"}  # a mark


def test_the_two_commands_are_there_and_ci_runs_the_second() -> None:
    assert README.index(RUN) < README.index(TEST)
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert TEST.replace("python3", '"$python"', 1) in ci


def test_its_links_lead_somewhere() -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)]+)\)", README)
    assert "docs/workspace.svg" in targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_every_setting_that_it_shows_exists(home: Path) -> None:
    paths = Paths.from_environment()
    paths.config.mkdir(parents=True)
    examples = re.findall(r"```toml\n(.*?)```", README + GUIDE, re.DOTALL)
    examples = [example for example in examples if "background =" not in example]  # a theme's
    assert len(examples) >= 3
    for example in examples:
        paths.config_file.write_text(example, encoding="utf-8")
        assert load_settings(paths).problems == ()


@pytest.mark.parametrize("text", [README.split("## First steps")[1].split("\n## ")[0], GUIDE.split("## Keys")[0]])
def test_every_key_that_they_name_is_bound(text: str) -> None:
    bound = {key for binding in KEYMAP for key in binding.keys.split(",")}
    named = {NAMES.get(code, code) for code in re.findall(r"`([^`\s]+)`", text)}
    keys = {name for name in named if name.isascii() and (len(name) == 1 or "+" in name or re.fullmatch(r"f\d+", name))}
    assert len(keys) > 25
    assert keys - bound - NOT_KEYS == set()


def test_the_theme_that_it_shows_is_one(tmp_path: Path) -> None:
    [example] = [text for text in re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL) if "background =" in text]
    file = tmp_path / "mine.toml"
    file.write_text(example, encoding="utf-8")
    assert read_theme(file).name == "mine"


def test_it_names_every_theme() -> None:
    assert {file.stem for file in shipped_themes().glob("*.toml")} <= set(re.findall(r"`([a-z-]+)`", GUIDE))


def test_the_command_line_is_as_it_says() -> None:
    shown = re.sub(r"\n +", " ", README.split("```text\n")[1].split("```")[0]).splitlines()
    parser = build_parser()
    [verbs] = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    assert [line.split()[1] for line in shown[1:]] == list(verbs.choices)
    for line, command in zip(shown, [parser, *verbs.choices.values()], strict=True):
        flags = {name for action in command._actions for name in action.option_strings} - {"-h", "--help"}
        said = set(re.findall(r"(?<![\w-])--?[a-z0-9-]+", line))
        assert said - flags <= {"--json"}, line  # of sub-verbs
        assert flags - said == set(), line
