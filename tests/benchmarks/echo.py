"""From a key to its place on the screen while an answer streams: 2,000 tokens at a steady pace.

Every key is a character of its own, so that what is seen is this one and no repaint of another.
"""

import random
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.program import Program, lama
from tests.benchmarks.stream import configure, serve

_KEYS = [chr(code) for code in range(0x2460, 0x24C8)]
"""Circled numbers and letters: neither the answer nor the workspace draws any."""


@dataclass(frozen=True, slots=True)
class Echo:
    """Seconds from key to screen, at the 50th and 99th percentile and at worst, of `keys` keys."""

    median: float
    p99: float
    worst: float
    keys: int


def measure(rate: float) -> Echo:
    """Type, at odd moments, while tokens come."""
    moments = random.Random(1)
    with serve(rate) as server, tempfile.TemporaryDirectory() as home:
        configure(Path(home), server.port)
        with Program(lama(), Path(home)) as program:
            program.ready()
            program.read_for(3.0)
            program.send("\x7fHow much memory does a long conversation take?")
            program.read_for(0.3)
            program.send("\r")
            server.says(program, 10)
            program.read_for(1.0)
            took = []
            for key in _KEYS:
                program.read_for(moments.uniform(0.06, 0.2))
                pressed = time.perf_counter()
                program.send(key)
                program.wait_drawn(key)
                took.append(time.perf_counter() - pressed)
            assert server.is_busy(program), "the answer ended before the last key"
    took.sort()
    return Echo(took[len(took) // 2], took[len(took) * 99 // 100], took[-1], len(took))
