"""What can be measured of this machine, one probe each. A probe adds its figures to a sample.

Probes run in the sampler's thread, in order, and may block or raise: the sampler drops one that
does. They keep their own last readings, because a share of CPU time needs two.
"""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from lama_tui.events import ResourceSample

Probe = Callable[[ResourceSample], ResourceSample]
"""Returns the sample with its own figures added; None stays where it cannot tell."""


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """What the engine says of itself: bytes in use, at most, kept for reuse; tokens per second."""

    active: int | None = None
    peak: int | None = None
    cache: int | None = None
    decode_tok_s: float | None = None


class SystemProbe:
    """The whole machine: CPU in percent of all cores, memory in bytes.

    Used memory is total − available: what a program could not get without swapping.
    """

    def __init__(self) -> None:
        self._last: tuple[float, float] | None = None

    def __call__(self, sample: ResourceSample) -> ResourceSample:  # noqa: D102 — see `Probe`
        import psutil

        times = psutil.cpu_times()
        # guest time is in user time already (Linux)
        total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        idle = times.idle + getattr(times, "iowait", 0.0)
        cpu = None
        if self._last is not None and total > self._last[0]:
            cpu = min(100.0, max(0.0, 100.0 * (1 - (idle - self._last[1]) / (total - self._last[0]))))
        self._last = (total, idle)
        memory = psutil.virtual_memory()
        return replace(
            sample, cpu=cpu, memory_used=int(memory.total - memory.available), memory_total=int(memory.total)
        )


class ProcessProbe:
    """This process: CPU in percent of one core, memory in bytes.

    On macOS memory is the physical footprint, what Activity Monitor shows: the resident size
    there leaves out much of what MLX holds.
    """

    def __init__(self) -> None:
        self._process: Any = None
        self._last: tuple[float, float] | None = None

    def __call__(self, sample: ResourceSample) -> ResourceSample:  # noqa: D102 — see `Probe`
        if self._process is None:
            import psutil

            self._process = psutil.Process()
        now, used = time.monotonic(), time.process_time()
        cpu = None
        if self._last is not None and now > self._last[0]:
            cpu = 100.0 * (used - self._last[1]) / (now - self._last[0])
        self._last = (now, used)
        memory = physical_footprint() if sys.platform == "darwin" else None
        return replace(sample, process_cpu=cpu, process_memory=memory or int(self._process.memory_info().rss))


class ModelProbe:
    """The engine's figures, as it last published them; None where nothing is loaded."""

    def __init__(self, figures: Callable[[], ModelFigures | None]) -> None:
        self._figures = figures

    def __call__(self, sample: ResourceSample) -> ResourceSample:  # noqa: D102 — see `Probe`
        found = self._figures() or ModelFigures()
        return replace(
            sample,
            model_memory=found.active,
            model_peak=found.peak,
            model_cache=found.cache,
            decode_tok_s=found.decode_tok_s,
        )


def physical_footprint() -> int | None:
    """Bytes by macOS's own accounting, None where the call fails.

    `proc_pid_rusage(pid, RUSAGE_INFO_V0, …)` fills `struct rusage_info_v0` (<sys/resource.h>): a
    16-byte uuid, then 64-bit words, of which `ri_phys_footprint` is the eighth.
    """
    import ctypes

    words = (ctypes.c_uint64 * 32)()
    try:
        library = ctypes.CDLL("/usr/lib/libSystem.B.dylib")
        if library.proc_pid_rusage(os.getpid(), 0, ctypes.byref(words)) != 0:
            return None
    except (OSError, AttributeError):
        return None
    return int(words[2 + 7]) or None
