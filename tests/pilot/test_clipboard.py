"""Copying tells the truth about where the text is."""

import base64
from pathlib import Path

import pytest
from textual.app import App

from lama_tui.paths import Paths
from lama_tui.ui.terminal.clipboard import copy


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
    monkeypatch.setenv("TMUX", "/tmp/tmux-1/default,1,0")
    assert await copy(app, "again", paths) == "Copied."
    assert [entry.name for entry in file.parent.iterdir()] == ["clipboard.txt"]
    assert file.read_text() == "again"


async def test_what_tmux_does_is_said_once(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMUX", "/tmp/tmux-1/default,1,0")
    app = Copies()
    assert "set-clipboard" in await copy(app, "one", paths)
    assert await copy(app, "two", paths) == "Copied."
    assert (paths.state / "clipboard.txt").read_text() == "two"
    assert "set-clipboard" in await copy(Copies(), "one", paths)
    assert "Too long" in await copy(app, "x" * 80_000, paths)  # what went wrong is always said


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
