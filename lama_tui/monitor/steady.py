"""Holds figures still that only tremble, so that a quiet machine is not drawn anew every second.

Over SSH each figure that changes costs bytes, and one that flickers between 2 % and 3 % says nothing.
"""

from dataclasses import replace
from typing import TypeVar

from lama_tui.types import GpuSample, ResourceSample

Figure = TypeVar("Figure", float, float | None, int | None)

_PERCENT = 3.0
"""Percent of the whole machine, or of one GPU."""
_CORE_PERCENT = 10.0
"""Percent of one core: a bar has eight heights."""
_SHARE = 0.01
"""Of a size in bytes."""
_MEMORY_SHARE = 0.003
"""Of a machine's whole memory: what is used there is a sum over all programs."""


def steadied(sample: ResourceSample, before: ResourceSample | None) -> ResourceSample:
    """`sample`, in which each figure keeps the value that it had in `before` until it has really moved."""
    if before is None:
        return sample
    memory = _MEMORY_SHARE * (sample.memory_total or 0)
    cores = sample.cores
    if len(cores) == len(before.cores):
        cores = tuple(_held(now, then, _CORE_PERCENT) for now, then in zip(cores, before.cores, strict=True))
    gpus = sample.gpus
    if len(gpus) == len(before.gpus):
        gpus = tuple(map(_steadied_gpu, gpus, before.gpus))
    return replace(
        sample,
        cpu=_held(sample.cpu, before.cpu, _PERCENT),
        cores=cores,
        process_cpu=_held(sample.process_cpu, before.process_cpu, _PERCENT),
        memory_used=_held(sample.memory_used, before.memory_used, memory),
        swap_used=_held_size(sample.swap_used, before.swap_used),
        disk_free=_held_size(sample.disk_free, before.disk_free),
        process_memory=_held_size(sample.process_memory, before.process_memory),
        model_memory=_held_size(sample.model_memory, before.model_memory),
        model_peak=_held_size(sample.model_peak, before.model_peak),
        model_cache=_held_size(sample.model_cache, before.model_cache),
        gpus=gpus,
    )


def _steadied_gpu(gpu: GpuSample, before: GpuSample) -> GpuSample:
    return replace(
        gpu, busy=_held(gpu.busy, before.busy, _PERCENT), memory_used=_held_size(gpu.memory_used, before.memory_used)
    )


def _held(now: Figure, before: Figure, step: float) -> Figure:
    """`before`, unless `now` is at least `step` away or either is unknown."""
    return now if now is None or before is None or not abs(now - before) < step else before


def _held_size(now: int | None, before: int | None) -> int | None:
    return _held(now, before, _SHARE * (before or 0))
