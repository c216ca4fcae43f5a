"""What the workspace costs while nobody does anything and the monitor is open."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.program import Program, lama


@dataclass(frozen=True, slots=True)
class Idle:
    """`cpu` as a share of one core; `bytes_a_second` to the terminal."""

    cpu: float
    bytes_a_second: float


def measure(seconds: float, settle: float = 3.0) -> Idle:
    """Let `lama` be for so long."""
    with tempfile.TemporaryDirectory() as home, Program(lama(), Path(home)) as program:
        program.ready()
        program.read_for(settle)
        before = program.cpu()
        written = program.read_for(seconds)
        return Idle((program.cpu() - before) / seconds, written / seconds)
