"""Copying tells the truth about where the text is."""

import base64
from pathlib import Path

import pytest
from textual.app import App

from lama_tui.paths import Paths
from lama_tui.ui.terminal import clipboard
from lama_tui.ui.terminal.clipboard import copy
from lama_tui.ui.terminal.tmux import Tmux


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("TMUX", "STY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths.from_environment({"LAMA_HOME": str(tmp_path / "home")})


class Copies(App[None]):
    """Remembers what the terminal was given."""

    given: str | None = None

    def copy_to_clipboard(self, text: str) -> None:
        super().copy_to_clipboard(text)
        self.given = text


async def test_text_goes_to_the_terminal_and_to_a_private_file(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TMUX", raising=False)
    app = Copies()
    said = await copy(app, "one\nzwei ü\x1b[201~rm -rf\r\n", paths)
    file = paths.state / "clipboard.txt"
    assert app.given == "one\nzwei ü␛[201~rm -rf\n"
    assert file.read_bytes() == app.given.encode()
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert str(file) in said
    assert "tmux" not in said
    assert await copy(app, "again", paths) == "Copied."
    assert [entry.name for entry in file.parent.iterdir()] == ["clipboard.txt"]
    assert file.read_text() == "again"
    assert str(file) in await copy(Copies(), "one", paths)
    assert "Too long" in await copy(app, "x" * 80_000, paths)  # what went wrong is always said


async def test_tmux_is_asked_once_and_again_while_it_keeps_all(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [Tmux("3.4", "off"), Tmux("3.4", "off"), Tmux("3.4", "external")]
    asked: list[Tmux] = []
    handed: list[str] = []

    def find() -> Tmux:
        asked.append(answers[len(asked)])
        return asked[-1]

    monkeypatch.setattr(clipboard, "find_tmux", find)
    monkeypatch.setattr(clipboard, "hand_over", lambda text: not handed.append(text) and text != "refused")
    app, file = Copies(), paths.state / "clipboard.txt"
    for text in ("one", "two"):
        said = await copy(app, text, paths)
        assert "set-clipboard is off" in said and str(file) in said and "set-clipboard on" in said
        assert file.read_text() == text
    assert (await copy(app, "three", paths)).startswith("Copied by tmux, and written to ")
    assert await copy(app, "four", paths) == "Copied."
    assert (await copy(app, "refused", paths)).startswith("Tmux does not take it; it is in ")
    assert handed == ["three", "four", "refused"] and len(asked) == 3 and app.given is None


async def test_too_long_for_a_terminal(paths: Paths) -> None:
    app = Copies()
    fits = "é" * (74_994 // 2)
    await copy(app, fits, paths)
    assert app.given == fits
    assert len(base64.b64encode(fits.encode())) <= 99_992
    said = await copy(app, fits + "é", paths)
    assert app.given == fits
    assert said.startswith("Too long")
    assert (paths.state / "clipboard.txt").read_text() == fits + "é"


async def test_a_home_that_cannot_be_written(paths: Paths, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file, where a folder belongs")
    said = await copy(Copies(), "x", paths)
    assert said.startswith("Copied; ")
    assert "Not a directory" in said
