"""The command line, in this process or as one of its own."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from lama_tui.cli.main import main
from lama_tui.paths import Paths

Spawn = Callable[..., "subprocess.Popen[bytes]"]


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def paths(home: Path) -> Paths:
    return Paths.from_environment()


@pytest.fixture
def lama(capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Run the command here; its output is what reached the descriptors."""

    def run(*argv: str) -> Ended:
        capfd.readouterr()
        code = main(list(argv))
        return Ended(code, *capfd.readouterr())

    return run


@pytest.fixture
def spawn(home: Path) -> Spawn:
    """Start the command as a process of its own, with pipes."""

    def start(*argv: str, **options: object) -> "subprocess.Popen[bytes]":
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
        return subprocess.Popen([sys.executable, "-m", "lama_tui", *argv], env=dict(os.environ), **streams)

    return start
