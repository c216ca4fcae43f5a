"""From the start of the command until something of it is on the terminal.

Beside it a Python that does nothing but write a byte, as nothing can be sooner. Both start in turn.
"""

import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.program import MARK, Program, lama

_PYTHON = [sys.executable, "-c", f"import os, time; os.write(1, {MARK!r}.encode()); time.sleep(60)"]


@dataclass(frozen=True, slots=True)
class FirstByte:
    """Seconds, medians."""

    python: float
    lama: float


def measure(rounds: int = 10) -> FirstByte:
    """Start both `rounds` times, after one warm-up."""
    seconds = [(_once(_PYTHON, MARK), _once(lama(), "lama")) for _ in range(rounds + 1)][1:]
    return FirstByte(statistics.median(first for first, _ in seconds), statistics.median(ours for _, ours in seconds))


def _once(command: Sequence[str], first: str) -> float:
    with tempfile.TemporaryDirectory() as home, Program(command, Path(home)) as program:
        return program.wait_drawn(first)
