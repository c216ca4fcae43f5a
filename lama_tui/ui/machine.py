"""What samples say of a machine: figures in words, which of them are high, and how they went over time."""

from collections.abc import Sequence
from dataclasses import dataclass

from lama_tui.types import GpuSample, ResourceSample
from lama_tui.ui import figures
from lama_tui.ui.gauges import finite, number

BUSY = 90.0
"""Percent of CPU time from which it is marked."""
FULL = 85.0
"""Percent of memory from which it is marked."""
DISK_LEFT = 5.0
"""Percent of a volume below which it is marked."""
GPU_FULL = 95.0
"""Percent of a GPU's memory from which it is marked."""
SWAPPING = 16 * 1024**2
"""Bytes; swap that grew by this much within ten samples is marked."""
COLUMN = 2000
"""Milliseconds that one column of a sparkline stands for."""


@dataclass(frozen=True, slots=True)
class Said:
    """A figure in words, from long to short, and whether it is high enough to be marked."""

    words: tuple[str, ...]
    high: bool = False


def cpu(sample: ResourceSample) -> Said:
    """The whole machine's CPU time."""
    percent = number(sample.cpu)
    return Said((figures.percent(percent),), percent is not None and percent >= BUSY)


def memory_share(sample: ResourceSample) -> float | None:
    """Used memory of all, 0 to 1."""
    return _share(sample.memory_used, sample.memory_total)


def memory(sample: ResourceSample) -> Said:
    """Used memory of all."""
    share = memory_share(sample)
    short = figures.percent(None if share is None else 100 * share)
    return Said((_of(sample.memory_used, sample.memory_total), short), share is not None and share >= FULL / 100)


def swap(samples: Sequence[ResourceSample]) -> Said:
    """Used swap of all; high where it grows: memory is short now, however much lies there from before."""
    now = samples[-1]
    if now.swap_total == 0:
        return Said(("none",))
    used = [value for value in finite(sample.swap_used for sample in samples[-10:]) if value is not None]
    grows = bool(used) and used[-1] - min(used) >= SWAPPING
    return Said((_of(now.swap_used, now.swap_total), size(now.swap_used)), grows)


def disk(sample: ResourceSample) -> Said:
    """What is free on the volume of the models."""
    if number(sample.disk_free) is None:
        return Said((figures.UNKNOWN,))
    share = _share(sample.disk_free, sample.disk_total)
    words = f"{_of(sample.disk_free, sample.disk_total)} free", f"{size(sample.disk_free)} free"
    return Said(words if share is not None else words[1:], share is not None and share < DISK_LEFT / 100)


def gpu(sample: GpuSample) -> Said:
    """How busy a GPU is, and its memory."""
    busy, used = figures.percent(number(sample.busy)), size(sample.memory_used)
    share = _share(sample.memory_used, sample.memory_total)
    long = f"{busy} · {_of(sample.memory_used, sample.memory_total)}"
    words = f"{busy} · {used}", busy
    return Said(words if share is None else (long, *words), share is not None and share >= GPU_FULL / 100)


def process(sample: ResourceSample) -> Said:
    """This process: percent of one core, and memory."""
    share, used = number(sample.process_cpu), number(sample.process_memory)
    if share is None and used is None:
        return Said((figures.UNKNOWN,))
    return Said((f"{figures.percent(share)} · {size(used)}", size(used)))


def queue(sample: ResourceSample) -> Said:
    """Answers that run and that wait in the engine."""
    running, waiting = number(sample.running), number(sample.waiting)
    if running is None or waiting is None:
        return Said((figures.UNKNOWN,))
    if not running and not waiting:
        return Said(("idle",))
    run, wait = f"{running:.0f}", f"{waiting:.0f}"
    return Said((f"{run} running · {wait} waiting", f"{run} run · {wait} wait", f"{run}+{wait}"))


def size(value: float | int | None) -> str:
    """Bytes in words."""
    return figures.size(number(value))


def rate(value: float | None) -> str:
    """Tokens per second in words."""
    return figures.rate(number(value))


def fresh(values: Sequence[float | None]) -> list[float | None]:
    """Only what was measured anew: between two answers a speed stays what it last was."""
    return [None if index == 0 or value == values[index - 1] else value for index, value in enumerate(values)]


def columns(samples: Sequence[ResourceSample], values: Sequence[float | None], width: int) -> list[float | None]:
    """The mean of each two seconds, `width` of them, the newest last.

    Two seconds begin where the clock's do, so that columns keep their heights as they move to the left.
    """
    found: dict[int, list[float]] = {}
    for sample, value in zip(samples, values, strict=True):
        if value is not None:
            found.setdefault(sample.at // COLUMN, []).append(value)
    last = samples[-1].at // COLUMN
    every = (found.get(last - back) for back in range(width - 1, -1, -1))
    return [sum(column) / len(column) if column else None for column in every]


def decoding(samples: Sequence[ResourceSample], width: int) -> list[float | None]:
    """Columns of the decode speed."""
    return columns(samples, fresh(finite(sample.decode_tok_s for sample in samples)), width)


def prefilling(samples: Sequence[ResourceSample], width: int) -> list[float | None]:
    """Columns of the prefill speed."""
    return columns(samples, fresh(finite(sample.prefill_tok_s for sample in samples)), width)


def _of(part: float | int | None, total: float | int | None) -> str:
    return figures.of_total(number(part), number(total))


def _share(part: float | int | None, total: float | int | None) -> float | None:
    some, whole = number(part), number(total)
    return some / whole if some is not None and whole else None
