"""A virtual environment with lama in it."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
WAIT = 240  # seconds that a command may take on a busy machine


@dataclass(frozen=True)
class Environment:
    """An environment in `folder`; `elsewhere` is a folder to work in that has nothing to do with it."""

    folder: Path
    elsewhere: Path

    @property
    def lama(self) -> Path:
        return self.folder / "bin" / "lama"

    def run(self, *command: str | Path) -> "subprocess.CompletedProcess[str]":
        """Run one of its programs from `elsewhere`, with nothing of the checkout in sight."""
        env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
        return subprocess.run(command, cwd=self.elsewhere, env=env, capture_output=True, text=True, timeout=WAIT)

    def python(self, program: str) -> str:
        """What `program` prints."""
        done = self.run(self.folder / "bin" / "python", "-c", program)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()
