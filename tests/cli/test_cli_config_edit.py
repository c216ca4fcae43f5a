"""`lama config edit`: opens the file, made where there is none, and says what is wrong with it afterwards."""

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from lama_tui.config.template import commented_template
from lama_tui.paths import Paths


@pytest.fixture
def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """An editor that does what a line of shell says to the file `$1`."""

    def make(line: str) -> Path:
        script = tmp_path / "my editor"
        script.write_text(f'#!/bin/sh\n{line}\necho "$1" > "{tmp_path}/edited"\n')
        script.chmod(0o700)
        monkeypatch.setenv("EDITOR", f"'{script}'")
        monkeypatch.delenv("VISUAL", raising=False)
        return tmp_path / "edited"

    return make


def test_a_new_file_is_all_comments_and_private(lama: Callable, paths: Paths, editor: Callable[[str], Path]) -> None:
    edited = editor("true")
    ended = lama("config", "edit")
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    assert paths.config_file.read_text() == commented_template()
    assert stat.S_IMODE(paths.config_file.stat().st_mode) == 0o600
    assert edited.read_text() == f"{paths.config_file}\n"


def test_what_was_written_is_there(lama: Callable, paths: Paths, editor: Callable[[str], Path]) -> None:
    editor('echo \'theme = "lama-light"\' > "$1"')
    assert lama("config", "edit").code == 0
    assert 'theme = "lama-light"' in paths.config_file.read_text()
    assert "lama-light" in lama("config", "show").out


def test_what_is_wrong_is_said_and_all_of_it(lama: Callable, paths: Paths, editor: Callable[[str], Path]) -> None:
    editor("printf 'themee = 1\\nmodel = 3\\n' > \"$1\"")
    ended = lama("config", "edit")
    assert ended.code == 1
    assert "`themee` is not a setting" in ended.err and "`model` is not right" in ended.err
    assert "lama config edit" in ended.err
    editor('echo > "$1"')  # a broken file can be opened again
    assert lama("config", "edit").code == 0


def test_an_editor_that_fails(lama: Callable, paths: Paths, editor: Callable[[str], Path]) -> None:
    editor("exit 3")
    ended = lama("config", "edit")
    assert ended.code == 1 and "status 3" in ended.err


@pytest.mark.parametrize("command", ["no-such-editor-anywhere", "'unbalanced"])
def test_an_editor_that_cannot_be_used(lama: Callable, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setenv("VISUAL", command)
    ended = lama("config", "edit")
    assert ended.code == 1 and "VISUAL" in ended.err and len(ended.err.splitlines()) == 1
