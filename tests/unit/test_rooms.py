"""What may import what, and what is loaded while someone waits for the workspace."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest
from importlinter.cli import lint_imports
from terminal import Terminal

ROOT = Path(__file__).parents[2]
HEAVY = ("mlx", "mlx_lm", "transformers", "httpx", "huggingface_hub", "keyring", "numpy", "pygments")
LATER = (
    "sqlite3",  # with the store, in a thread
    "lama_tui.services",
    "lama_tui.conversations.messages",
    "lama_tui.ui.drawn_message",  # with the first message
    "lama_tui.events",
    "lama_tui.engine",
    "lama_tui.ui.screens.chooser",  # when first opened
    "lama_tui.ui.screens.settings",
    "lama_tui.ui.screens.models",
    "argparse",  # where there is a command line to read
)
"""What the first frame does not wait for."""
WAIT = 60  # seconds, on a busy machine

# opens the workspace as `lama` does, and tells what was loaded when it has closed
OPEN = """
import sys
from pathlib import Path
from lama_tui.cli.main import main
code = main([])
Path(sys.argv[1]).write_text("\\n".join(sys.modules))
sys.exit(code)
"""


def test_a_room_imports_only_rooms_above_it(capsys: pytest.CaptureFixture[str]) -> None:
    broken = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    for logger in logging.root.manager.loggerDict.values():  # it switched all of them off
        if isinstance(logger, logging.Logger):
            logger.disabled = False
    assert broken == 0, capsys.readouterr().out


def test_the_contracts_name_every_room() -> None:
    """A room that the layers do not name would be free to import anything."""
    contracts = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    rooms = {
        path.stem for path in (ROOT / "lama_tui").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert [room for room in sorted(rooms - {"__init__"}) if f"lama_tui.{room}" not in contracts] == []


def test_the_workspace_opens_and_closes_without_anything_heavy(tmp_path: Path) -> None:
    """Stricter than first paint: the composer has taken keys, the store is open, and all was closed again."""
    seen = tmp_path / "modules"
    with Terminal([sys.executable, "-c", OPEN, str(seen)], home=tmp_path, size=(120, 36)) as terminal:
        terminal.send("typed")
        terminal.wait_for("typed", WAIT)
        terminal.wait_for("You are talking to the guide", WAIT)  # said when the store is open
        terminal.key("ctrl+q")
        assert terminal.wait_exit(WAIT) == 0
    loaded = seen.read_text().splitlines()
    assert "textual" in loaded and "aiosqlite" in loaded
    assert [name for name in HEAVY if name in loaded] == []


def test_the_first_frame_waits_for_nothing_that_comes_later() -> None:
    code = "import sys, lama_tui.cli.main, lama_tui.ui.app; print(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=WAIT)
    assert not {*HEAVY, *LATER} & set(done.stdout.split())
