"""What the workspace costs while nobody does anything."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.program import Program, lama


@dataclass(frozen=True, slots=True)
class Idle:
    """`cpu` as a share of one core; `bytes_a_second` to the terminal."""

    cpu: float
    bytes_a_second: float


def measure(seconds: float, *, monitor: bool, settle: float = 3.0) -> Idle:
    """Let `lama` be for so long, with the monitor open or without it."""
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "lama" / "config"
        folder.mkdir(parents=True, mode=0o700)
        (folder / "config.toml").write_text(f'[workspace]\nmonitor = "{"pane" if monitor else "off"}"\n')
        return _watch(Path(home), seconds, settle)


def _watch(home: Path, seconds: float, settle: float) -> Idle:
    with Program(lama(), home) as program:
        program.ready()
        program.read_for(settle)
        before = program.cpu()
        written = program.read_for(seconds)
        return Idle((program.cpu() - before) / seconds, written / seconds)
