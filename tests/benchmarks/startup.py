"""From the start of the process until a key typed into the composer is on screen.

The key is typed when the terminal is raw: before that the line discipline would echo it. Typed once; a key
that is lost fails the benchmark. Both programs start in turn, in fresh homes after one warm-up (bytecode, page cache).
"""

import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.program import Program, lama

_BARE = [sys.executable, str(Path(__file__).with_name("bare.py"))]


@dataclass(frozen=True, slots=True)
class Startup:
    """Seconds, medians; `ratio` is the median of the rounds' own ratios."""

    bare: float
    lama: float
    ratio: float


def measure(rounds: int) -> Startup:
    """Start both programs `rounds` times."""
    seconds = [(_once(_BARE), _once(lama())) for _ in range(rounds + 1)][1:]
    return Startup(
        statistics.median(bare for bare, _ in seconds),
        statistics.median(ours for _, ours in seconds),
        statistics.median(ours / bare for bare, ours in seconds),
    )


def _once(command: Sequence[str]) -> float:
    with tempfile.TemporaryDirectory() as home, Program(command, Path(home)) as program:
        return program.ready()
