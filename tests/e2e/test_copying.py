"""What is copied reaches the terminal around tmux, whatever tmux is told to let through."""

import base64
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from terminal import Terminal
from workspace import COMMAND, READY, Steady, ask, configure, provider, server

TEXT = base64.b64encode(b"w0.0 w0.1 w0.2 ").rstrip(b"=")[:-2]


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[list[str]]:
    """A tmux server of its own."""
    if (found := shutil.which("tmux")) is None:
        pytest.skip("tmux is not installed")
    command = [found, "-S", str(tmp_path / "socket"), "-f", str(tmp_path / "tmux.conf")]
    yield command
    subprocess.run([*command, "kill-server"], check=False, capture_output=True)


@pytest.mark.parametrize(
    ("options", "copied", "said"),
    [
        ("", True, "Copied by tmux, and written to"),
        pytest.param("set -s set-clipboard on", True, "Copied, and written to", marks=pytest.mark.slow),
        pytest.param("set -g allow-passthrough on", True, "Copied, and written to", marks=pytest.mark.slow),
        pytest.param("set -s set-clipboard off", False, "set-clipboard is off", marks=pytest.mark.slow),
    ],
)
def test_a_copy_inside_tmux(tmp_path: Path, tmux: list[str], options: str, copied: bool, said: str) -> None:
    (tmp_path / "tmux.conf").write_text(f"{options}\n")
    with server(Steady(rate=1000, words=3)) as served:
        configure(tmp_path, provider(served.endpoint))
        with Terminal([*tmux, "new-session", *COMMAND], home=tmp_path, size=(120, 36)) as terminal:
            terminal.wait_for(READY)
            ask(terminal, "Count")
            terminal.wait_for("w0.2")
            terminal.wait_for(lambda text: "esc Read" in text)
            terminal.key("escape")
            terminal.wait_for("y Copy")
            terminal.key("y")
            terminal.wait_for(said)
            if copied:
                terminal.wait_for(lambda _: b"]52;" in terminal.raw and TEXT in terminal.raw)
            terminal.key("ctrl+q")
            terminal.wait_exit()
            assert (b"]52;" in terminal.raw) == copied
    assert (tmp_path / "lama" / "state" / "clipboard.txt").read_text().startswith("w0.0 w0.1 w0.2")
