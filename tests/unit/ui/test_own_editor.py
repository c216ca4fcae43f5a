"""Which editor is opened, and what is taken back from it."""

import stat
from pathlib import Path

import pytest

from lama_tui.errors import ConfigError
from lama_tui.ui.composer.editor import LARGEST, EditedFile, EditorFailed, check_status, editor_command


def program(folder: Path, name: str) -> None:
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)


@pytest.fixture
def bin_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "bin"
    for name in ("code", "nano", "vi"):
        program(folder, name)
    return folder


@pytest.mark.parametrize(
    ("environment", "command"),
    [
        ({"VISUAL": "code --wait", "EDITOR": "vi"}, ["code", "--wait"]),
        ({"VISUAL": "  ", "EDITOR": "vi"}, ["vi"]),
        ({"EDITOR": "vi -c 'set ft=markdown'"}, ["vi", "-c", "set ft=markdown"]),
        ({}, ["nano"]),
    ],
)
def test_visual_comes_before_editor_and_both_before_the_usual(
    bin_folder: Path, environment: dict[str, str], command: list[str]
) -> None:
    assert editor_command({**environment, "PATH": str(bin_folder)}) == command


def test_sensible_editor_is_asked_first(bin_folder: Path) -> None:
    program(bin_folder, "sensible-editor")
    assert editor_command({"PATH": str(bin_folder)}) == ["sensible-editor"]


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"EDITOR": "no-such-editor -x"}, "no-such-editor"),
        ({"VISUAL": "nano 'unclosed"}, "$VISUAL"),
        ({"VISUAL": "''"}, "not found"),
    ],
)
def test_what_cannot_be_an_editor_is_said(bin_folder: Path, environment: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigError) as raised:
        editor_command({**environment, "PATH": str(bin_folder)})
    assert told in str(raised.value) and raised.value.hint


def test_without_any_it_says_how_to_set_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="export EDITOR=") as raised:
        editor_command({"PATH": str(tmp_path)})
    assert raised.value.title == "No editor is set"


def test_the_file_is_private_and_goes_with_all_that_is_beside_it() -> None:
    file = EditedFile("text ä\r\n")
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700
    assert file.path.suffix == ".md" and file.path.read_bytes() == "text ä\r\n".encode()
    (file.path.parent / "message.md~").write_text("a copy")
    file.remove()
    assert not file.path.parent.exists()


@pytest.mark.parametrize(
    ("before", "saved", "taken"),
    [
        ("a", b"a", None),
        ("a", b"a\n", None),
        ("a", b"b\n", "b"),
        ("a\n", b"a\n", None),
        ("a", b"b\n\n", "b\n"),
        ("a", b"", ""),
        ("a", b"\xef\xbb\xbfb\r\nc", "b\nc"),
        ("a", b"\x1b]0;title\x07b", "␛]0;title␇b"),
    ],
)
def test_what_was_saved_is_taken_back(before: str, saved: bytes, taken: str | None) -> None:
    file = EditedFile(before)
    try:
        file.path.write_bytes(saved)
        assert file.read() == taken
    finally:
        file.remove()


def test_a_file_that_was_replaced_is_read() -> None:
    file = EditedFile("a")
    try:
        other = file.path.with_name("other")
        other.write_text("by another name")
        other.rename(file.path)
        assert file.read() == "by another name"
    finally:
        file.remove()


@pytest.mark.parametrize(
    ("saved", "told"),
    [(b"caf\xe9 and more", "UTF-8"), (b"x" * (LARGEST + 1), "too large"), (None, "Nothing came back")],
)
def test_what_cannot_be_taken_back_is_said(saved: bytes | None, told: str) -> None:
    file = EditedFile("a")
    try:
        if saved is None:
            file.path.unlink()
        else:
            file.path.write_bytes(saved)
        with pytest.raises(EditorFailed, match=told) as raised:
            file.read()
        assert "untouched" in str(raised.value)
    finally:
        file.remove()


@pytest.mark.parametrize(("status", "told"), [(1, "status 1"), (-9, "SIGKILL"), (-200, "signal 200")])
def test_an_editor_that_failed_is_said(status: int, told: str) -> None:
    check_status(0, ["vi"])
    with pytest.raises(EditorFailed, match=told):
        check_status(status, ["/usr/bin/vi"])
