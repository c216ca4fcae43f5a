"""What can be measured of this machine, one probe each. A probe adds its figures to a sample.

Probes run in the sampler's thread, in order, and may block or raise: the sampler drops one that
does. They keep their own last readings, because a share of CPU time needs two.
"""

import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lama_tui.events import ResourceSample

if TYPE_CHECKING:
    from lama_tui.engine.thread import EngineFigures

Probe = Callable[[ResourceSample], ResourceSample]
"""Returns the sample with its own figures added; None stays where it cannot tell."""


class CpuProbe:
    """CPU time in percent: of the whole machine, and of each core in the system's order."""

    def __init__(self) -> None:
        self._last: list[tuple[float, float]] = []

    def __call__(self, sample: ResourceSample) -> ResourceSample:  # noqa: D102 — see `Probe`
        import psutil

        before, self._last = self._last, [_busy_and_total(times) for times in psutil.cpu_times(percpu=True)]
        if len(before) != len(self._last):  # the first look, or a core was switched on or off
            return sample
        shares = [_share(then, now) for then, now in zip(before, self._last, strict=True)]
        known = tuple(share for share in shares if share is not None)
        return replace(
            sample, cpu=_share(_sum(before), _sum(self._last)), cores=known if len(known) == len(shares) else ()
        )


class MemoryProbe:
    """The machine's memory in bytes, or the container's: used is what a program could not get without swapping."""

    def __call__(self, sample: ResourceSample) -> ResourceSample:  # noqa: D102 — see `Probe`
        from lama_tui.engine.machine import machine_memory

        memory = machine_memory()
        if memory.total is None or memory.available is None:
            return sample
        return replace(sample, memory_used=memory.total - memory.available, memory_total=memory.total)


class SwapProbe:
    """Swap in bytes; a machine without any has a total of 0."""

    def __call__(self, sample: ResourceSample) -> ResourceSample:  # noqa: D102 — see `Probe`
        import psutil

        swap = psutil.swap_memory()
        return replace(sample, swap_used=int(swap.used), swap_total=int(swap.total))


class DiskProbe:
    """The volume of `folder`, which need not exist yet: bytes that we may still write, and all of it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, sample: ResourceSample) -> ResourceSample:  # noqa: D102 — see `Probe`
        for folder in (self._folder, *self._folder.parents):
            try:
                volume = shutil.disk_usage(folder)
            except (FileNotFoundError, NotADirectoryError):
                continue
            return replace(sample, disk_free=volume.free, disk_total=volume.total)
        return sample


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


TOLD = 30_000
"""Milliseconds for which it is told what was done against a shortage of memory."""


class ModelProbe:
    """The engine's own figures, as it last published them; memory and speeds are None until it was used."""

    def __init__(self, figures: "Callable[[], EngineFigures]") -> None:
        self._figures = figures

    def __call__(self, sample: ResourceSample) -> ResourceSample:  # noqa: D102 — see `Probe`
        now = self._figures()
        sample = replace(
            sample,
            running=now.running,
            waiting=now.waiting,
            prefill_tok_s=now.prefill_tok_s,
            decode_tok_s=now.decode_tok_s,
            ttft_ms=now.ttft_ms,
            relief=now.relief.words if now.relief is not None and sample.at - now.relief.at < TOLD else "",
        )
        if now.memory is None:
            return sample
        return replace(
            sample,
            model_weights=now.weights,
            model_kv=now.memory.kv,
            model_prompts=now.memory.prompts,
            model_memory=now.memory.active,
            model_cache=now.memory.cache,
            model_peak=now.memory.peak,
        )


def _busy_and_total(times: Any) -> tuple[float, float]:
    """Seconds of a core. Guest time is in user time already (Linux); waiting for a disk is idle."""
    total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    return total - times.idle - getattr(times, "iowait", 0.0), total


def _sum(cores: list[tuple[float, float]]) -> tuple[float, float]:
    return sum(busy for busy, _ in cores), sum(total for _, total in cores)


def _share(before: tuple[float, float], now: tuple[float, float]) -> float | None:
    """Percent busy between two readings; None where no time passed."""
    passed = now[1] - before[1]
    return min(100.0, max(0.0, 100.0 * (now[0] - before[0]) / passed)) if passed > 0 else None


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
