"""What the guide says is true of this app, and its weights were trained to say it."""

import argparse
import json
import re
import shlex
import signal
import tomllib
from dataclasses import fields
from importlib import metadata
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from lama_tui.cli.crashed import tell
from lama_tui.cli.main import build_parser
from lama_tui.config.key_presets import KEYS_OF
from lama_tui.config.keymap import KEYMAP
from lama_tui.config.settings import (
    EngineSettings,
    GenerationSettings,
    LibrarySettings,
    PrivacySettings,
    ProviderSettings,
    Settings,
    WorkspaceSettings,
)
from lama_tui.guide.corpus import CORPUS, digest, normalised, topics, wordings
from lama_tui.paths import Paths, guide_weights, shipped_themes
from lama_tui.ui.terminal.copied import copied_file

HELDOUT = Path(__file__).parent / "heldout.toml"

# what terminals and people call keys that Textual names otherwise
TERMINAL_NAMES = {
    "esc": "escape",
    "pgup": "pageup",
    "pgdn": "pagedown",
    "[": "left_square_bracket",
    "]": "right_square_bracket",
}
# moves in lists and in the composer are the terminal's own keys, bound by no one
PLAIN_KEYS = {"up"}
# outside the app: job control, and what fetches its source
SHELL = {"fg", "git pull"}
CRASH_REPORTS = "crash-*.txt"
PLACEHOLDERS = {"PROVIDER:MODEL", "mlx-community/NAME", "guide"}
VARIABLES = {
    "LAMA_HOME": "lama_tui/paths.py",
    "HF_HOME": "lama_tui/library",
    "HF_TOKEN": "lama_tui/library",
    "HF_ENDPOINT": "lama_tui/library",
    "HF_HUB_OFFLINE": "lama_tui/library",
    "$EDITOR": "lama_tui/ui",
    "NO_COLOR": "lama_tui/ui",
}

TOPICS = topics()
CLAIMS = sorted({claim for topic in TOPICS for claim in topic.claims})


def keys() -> set[str]:
    return {key for binding in KEYMAP for key in binding.keys.split(",")} | PLAIN_KEYS


def files() -> set[str]:
    paths = Paths.from_environment({"LAMA_HOME": "/home"})
    known = [paths.config_file, paths.database, paths.log, copied_file(paths)]
    folders = [paths.config, paths.data, paths.state, paths.cache, paths.models, paths.prompts]
    return (
        {str(file.relative_to("/home")) for file in known}
        | {file.name for file in known}
        | {f"{folder.relative_to('/home')}/" for folder in folders}
        | {CRASH_REPORTS}
    )


def subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def is_command(words: list[str]) -> bool:
    """Whether `lama WORDS` has only verbs and flags that the command line knows."""
    parser = build_parser()
    while words and (known := subcommands(parser)) and not words[0].startswith("-"):
        if words[0] not in known:
            return False
        parser, words = known[words[0]], words[1:]
    options = {option: action for action in parser._actions for option in action.option_strings}
    positionals = [
        action for action in parser._actions if not action.option_strings and action.nargs != argparse.PARSER
    ]
    while words:
        word, words = words[0], words[1:]
        if not word.startswith("-"):
            if not positionals:
                return False
            if positionals[0].nargs not in ("*", "+"):
                positionals.pop(0)
        elif word not in options:
            return False
        elif options[word].nargs is None:
            words = words[1:]  # its value
    return True


def is_setting(text: str) -> bool:
    """Whether a line, section or name of `config.toml` is one that the settings have."""
    known = {"preset"}  # of `[keys]`
    tables = (EngineSettings, GenerationSettings, LibrarySettings, PrivacySettings, ProviderSettings, WorkspaceSettings)
    for table in (Settings, *tables):
        known |= {field.name for field in fields(table)}
    if section := re.fullmatch(r"\[(\w+)(\.NAME)?\]", text):
        return section[1] in {field.name for field in fields(Settings)}
    if "=" not in text:
        return text in known
    return all(name in known and is_value(name, value) for name, value in tomllib.loads(text).items())


def is_value(name: str, value: object) -> bool:
    if name == "theme":
        return value in {file.stem for file in shipped_themes().glob("*.toml")}
    if name in ("downloads", "check_updates", "require_signatures"):
        return value in get_args(get_type_hints(LibrarySettings)[name])
    if name == "preset":
        return value in KEYS_OF
    if name == "kind":
        return value in {"openai", "anthropic", "ollama"}
    return True


def is_true(claim: str) -> bool:
    """Whether what an answer has in backticks is there."""
    if claim in PLACEHOLDERS | SHELL | files() or TERMINAL_NAMES.get(claim, claim) in keys():
        return True
    if claim in VARIABLES:
        return True
    if claim.split()[0] in ("lama", "cat"):
        *_, command = claim.split(" | ")
        first, *words = shlex.split(command)
        return first == "lama" and is_command(words)
    if claim.startswith("--"):
        return all(is_command([verb, claim]) for verb in ("run", "ls", "doctor"))
    if claim.startswith("hf "):
        return any(script.name == "hf" for script in metadata.entry_points(group="console_scripts"))
    if extra := re.fullmatch(r"mlx\[(\w+)\]", claim):
        return extra[1] in (metadata.metadata("mlx").get_all("Provides-Extra") or [])
    if is_value("theme", claim):
        return True
    if claim.startswith('"'):
        return is_value("theme", claim.strip('"'))
    if claim.startswith("/") and claim != "/v1":
        return claim[1:] in {"", *(key.command for key in KEYMAP)}  # a slash lists the commands
    return claim == "/v1" or is_setting(claim)


@pytest.mark.parametrize("claim", CLAIMS)
def test_every_key_command_setting_and_file_exists(claim: str) -> None:
    assert is_true(claim)


@pytest.mark.parametrize("claim", [claim for claim in CLAIMS if "PROMPT" in claim or claim.startswith("lama -")])
def test_commands_can_be_typed_as_they_are_told(claim: str) -> None:
    *_, command = claim.split(" | ")
    words = shlex.split(command)[1:]
    if words != ["--version"]:  # it prints and exits
        build_parser().parse_args(words)


def test_crash_reports_are_called_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMA_HOME", str(tmp_path))
    tell(signal.SIGSEGV, 1, b"Fatal Python error", b"")
    assert list((tmp_path / "state").glob(CRASH_REPORTS))


@pytest.mark.parametrize(
    "claim",
    [
        "f19",
        "lama fly",
        "lama run --fast",
        "lama config edit-all",
        "data/chats.db",
        "[brain]",
        "speed = 3",
        "--yaml",
    ],
)
def test_what_does_not_exist_is_noticed(claim: str) -> None:
    assert not is_true(claim)


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.id)
def test_answers_are_short_and_name_what_they_must(topic) -> None:
    assert len(topic.answer) <= 220
    assert topic.accepts(topic.answer)
    assert not topic.answer.lower().startswith("lama"), "it stammers where an answer begins as commands do"
    others = [other for other in TOPICS if other.id != topic.id and topic.accepts(other.answer)]
    assert not others, "the answer to another topic would pass"


def test_every_topic_has_many_wordings() -> None:
    assert {topic: len(questions) for topic, questions in wordings().items() if len(questions) < 40} == {}


def test_phrases_and_keywords_are_of_known_topics() -> None:
    ids = {topic.id for topic in TOPICS}
    tables = tomllib.loads((CORPUS / "patterns.toml").read_text(encoding="utf-8"))
    patterns = tables["topic"]
    named = set(re.findall(r"\{([^{}|]*)\}", json.dumps(patterns)))
    assert named <= set(tables["words"])
    keywords = tomllib.loads((CORPUS / "keywords.toml").read_text(encoding="utf-8"))["keywords"]
    assert set(patterns) == ids
    assert set(keywords) == ids


def test_nothing_held_out_is_in_the_corpus() -> None:
    cases = tomllib.loads(HELDOUT.read_text(encoding="utf-8"))["case"]
    held_out = {normalised(case["question"]) for case in cases}
    assert {case["topic"] for case in cases} <= {topic.id for topic in TOPICS}
    trained_on = {normalised(question) for questions in wordings().values() for question in questions}
    # a number only: who tunes the training must not see the questions
    shared = len(held_out & trained_on)
    assert shared == 0


def test_weights_belong_to_these_answers() -> None:
    record = json.loads((guide_weights() / "training.json").read_text(encoding="utf-8"))
    assert record["answers_sha256"] == digest(), "the answers changed: run python -m lama_tui.guide.train"


def test_weights_are_small() -> None:
    assert sum(file.stat().st_size for file in guide_weights().iterdir()) <= 8 * 1024 * 1024
