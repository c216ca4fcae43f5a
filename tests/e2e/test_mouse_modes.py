"""The mouse is asked for, or left to the terminal: by flag and by setting, as the bytes show."""

from pathlib import Path

import pytest
from workspace import configure, lama, leave

MOUSE = (b"\x1b[?1000h", b"\x1b[?1002h", b"\x1b[?1003h", b"\x1b[?1006h", b"\x1b[?1015h", b"\x1b[?1016h")


def test_the_mouse_is_asked_for(tmp_path: Path) -> None:
    with lama(tmp_path) as terminal:
        assert b"\x1b[?1000h" in terminal.raw
        leave(terminal)


@pytest.mark.parametrize(
    ("arguments", "config"), [(("--no-mouse",), ""), ((), "[workspace]\nmouse = false\n")], ids=["flag", "setting"]
)
def test_no_mouse_mode_is_ever_asked_for(tmp_path: Path, arguments: tuple[str, ...], config: str) -> None:
    configure(tmp_path, config)
    with lama(tmp_path, *arguments) as terminal:
        terminal.key("f1")
        terminal.wait_for("Help")
        terminal.key("escape")
        terminal.resize(90, 25)
        leave(terminal)
        assert not any(mode in terminal.raw for mode in MOUSE)
