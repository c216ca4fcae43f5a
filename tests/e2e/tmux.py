"""A tmux that is nobody else's."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def tmux() -> Iterator[Sequence[str]]:
    """The beginning of every command to it; it is ended with the block. Skips the test where tmux is not installed."""
    program = shutil.which("tmux")
    if program is None:
        pytest.skip("tmux is not installed")
    with tempfile.TemporaryDirectory() as folder:  # a socket in `tmp_path` may have too long a name
        own = [program, "-S", str(Path(folder) / "tmux"), "-f", "/dev/null"]
        try:
            yield own
        finally:
            subprocess.run([*own, "kill-server"], capture_output=True)
