"""The wheel has everything in it, and works where nothing of the checkout is."""

import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from terminal import Terminal

from lama_tui import __version__
from tests.packaging.environment import ROOT, WAIT, Environment

PACKAGE = ROOT / "lama_tui"
NEEDED = {
    "lama_tui/py.typed",
    "lama_tui/themes/lama-dark.toml",
    "lama_tui/themes/lama-light.toml",
    "lama_tui/ui/styles/workspace.tcss",
    "lama_tui/store/migrations/0001_conversations.sql",
    "lama_tui/guide/weights/config.json",
    "lama_tui/guide/weights/model.safetensors",
    "lama_tui/guide/weights/tokenizer.json",
    "lama_tui/guide/weights/tokenizer_config.json",
}
LARGEST = 16 * 1024**2  # bytes: the guide is at most 8 MB, and the rest is text


@pytest.fixture(scope="module")
def installed(wheel: Path, install: Callable[..., Environment]) -> Environment:
    return install(wheel)


def test_the_wheel_holds_the_package_and_the_themes_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        metadata = {Path(name).name for name in archive.namelist() if ".dist-info/" in name}
    files = [path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    themes = {f"lama_tui/themes/{path.name}" for path in (ROOT / "themes").glob("*.toml")}
    assert names == {path.relative_to(ROOT).as_posix() for path in files} | themes
    assert names >= NEEDED
    assert metadata >= {"METADATA", "entry_points.txt", "LICENSE"}
    assert wheel.stat().st_size < LARGEST


def test_the_wheel_finds_its_own_files(installed: Environment) -> None:
    program = (
        "from lama_tui import paths; print(paths.PACKAGE, paths.shipped_themes(), paths.guide_weights(), sep='\\n')"
    )
    package, themes, weights = map(Path, installed.python(program).splitlines())
    assert package.is_relative_to(installed.folder)
    assert themes == package / "themes"
    assert weights == package / "guide" / "weights"
    assert installed.run(installed.lama, "--version").stdout == f"lama {__version__}\n"


def test_the_installed_guide_answers(installed: Environment) -> None:
    done = installed.run(installed.lama, "run", "guide", "How do I quit?", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    result = json.loads(done.stdout.splitlines()[-1])
    assert (result["type"], result["error"], result["finish_reason"]) == ("result", None, "stop")
    assert "ctrl+q" in result["text"]


def test_the_installed_workspace_chats(installed: Environment, tmp_path: Path) -> None:
    command = ["sh", "-c", 'cd "$1" && exec "$2"', "sh", str(installed.elsewhere), str(installed.lama)]
    with Terminal(command, home=tmp_path, size=(120, 36)) as terminal:
        terminal.wait_for("Ask something…", WAIT)
        terminal.send("How do I quit?")
        terminal.wait_for("How do I quit?")
        terminal.key("enter")
        # the figures come with an answer, and the welcome page, which names the key too, is gone
        answered = terminal.wait_for(lambda text: re.search(r"TTFT \d", text) and "ctrl+q" in text, WAIT)
        assert "everything is saved" not in answered
        terminal.key("ctrl+q")
        assert terminal.wait_exit(WAIT) == 0
        assert terminal.modes_restored()
