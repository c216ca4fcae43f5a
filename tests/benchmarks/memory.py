"""Memory of the workspace before a model is loaded, two seconds after it took its first key."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.program import Program, lama


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes: resident, and of these what no other process shares (None where the system does not tell); and what
    the guard of the workspace adds to that."""

    resident: int
    unique: int | None
    guard: int | None


def measure(settle: float = 2.0) -> Memory:
    """Start `lama` once and look."""
    with tempfile.TemporaryDirectory() as home, Program(lama(), Path(home)) as program:
        program.ready()
        program.read_for(settle)
        (workspace,) = program.process.children()
        full, guard = workspace.memory_full_info(), program.process.memory_full_info()
    return Memory(full.rss, getattr(full, "uss", None), getattr(guard, "uss", None))
