"""The sampler drops what hangs or raises, and stops when nobody looks; the probes measure."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from lama_tui.events import ResourceSample
from lama_tui.monitor.history import History
from lama_tui.monitor.probes import ModelFigures, ModelProbe, Probe, ProcessProbe, SystemProbe
from lama_tui.monitor.sampler import Sampler

WAIT = 10.0


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT):
        while not condition():  # noqa: ASYNC110 — any state, not one event
            await asyncio.sleep(0.005)


@asynccontextmanager
async def sampling(*probes: Probe, limit: float = 5.0, retry: float = 30.0) -> AsyncIterator[Sampler]:
    sampler = Sampler(probes, interval=0.01, limit=limit, retry=retry)
    sampler.start()
    try:
        yield sampler
    finally:
        await sampler.stop()
    assert not sampler.running


def cpu_of(value: float) -> Probe:
    return lambda sample: replace(sample, cpu=value)


async def test_samples_reach_listeners_and_history() -> None:
    async with sampling(cpu_of(12.5)) as sampler:
        seen: list[ResourceSample] = []
        before = time.time_ns() // 1_000_000
        sampler.subscribe(seen.append)
        await until(lambda: len(seen) >= 3)
        assert {sample.cpu for sample in seen} == {12.5}
        assert before <= seen[0].at < seen[2].at
        assert list(sampler.history)[: len(seen)] == seen[: len(sampler.history)]
        assert sampler.history.latest == seen[-1]


async def test_runs_only_while_someone_listens() -> None:
    async with sampling(cpu_of(1)) as sampler:
        assert not sampler.running
        first, second = sampler.subscribe(lambda _: None), sampler.subscribe(lambda _: None)
        await until(lambda: len(sampler.history) >= 2)
        first()
        assert sampler.running
        second()
        second()
        assert not sampler.running
        threads = [thread for thread in threading.enumerate() if thread.name == "lama-monitor"]
        await until(lambda: not any(thread.is_alive() for thread in threads))
        count = len(sampler.history)
        sampler.subscribe(lambda _: None)
        await until(lambda: len(sampler.history) > count)


async def test_before_start_nothing_runs() -> None:
    sampler = Sampler([cpu_of(1)])
    sampler.subscribe(lambda _: None)
    assert not sampler.running
    await sampler.stop()
    await sampler.stop()


async def test_a_probe_that_raises_is_left_out_and_tried_again() -> None:
    calls = 0

    def broken(sample: ResourceSample) -> ResourceSample:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise OSError("no such driver")
        return replace(sample, model_memory=7)

    async with sampling(broken, cpu_of(3), retry=0.05) as sampler:
        sampler.subscribe(lambda _: None)
        await until(lambda: any(sample.model_memory == 7 for sample in sampler.history))
        first = next(iter(sampler.history))
        assert (first.cpu, first.model_memory) == (3, None)


async def test_while_left_out_a_probe_is_not_asked() -> None:
    calls = 0

    def broken(sample: ResourceSample) -> ResourceSample:
        nonlocal calls
        calls += 1
        raise RuntimeError

    async with sampling(broken, retry=600) as sampler:
        sampler.subscribe(lambda _: None)
        await until(lambda: len(sampler.history) >= 10)
        assert calls == 1


async def test_a_probe_that_hangs_costs_only_its_own_figures() -> None:
    release = threading.Event()
    entered = 0

    def hangs(sample: ResourceSample) -> ResourceSample:
        nonlocal entered
        entered += 1
        release.wait(WAIT)
        return replace(sample, process_cpu=1.0)

    async with sampling(hangs, cpu_of(5), limit=0.05, retry=0.01) as sampler:
        sampler.subscribe(lambda _: None)
        await until(lambda: len(sampler.history) >= 5)
        assert all((s.cpu, s.process_cpu) == (5, None) for s in sampler.history)
        assert entered == 1  # however short `retry` is, it is not entered twice
        release.set()
        await until(lambda: any(s.process_cpu == 1.0 for s in sampler.history))


async def test_stopping_does_not_wait_for_a_probe_that_hangs() -> None:
    release = threading.Event()
    inside = threading.Event()

    def hangs(sample: ResourceSample) -> ResourceSample:
        inside.set()
        release.wait(WAIT)
        return sample

    sampler = Sampler([hangs], limit=WAIT)
    sampler.start()
    sampler.subscribe(lambda _: None)
    await until(inside.is_set)
    began = time.monotonic()
    await sampler.stop()
    assert time.monotonic() - began < WAIT / 2
    release.set()


async def test_a_listener_that_fails_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    def fails(sample: ResourceSample) -> None:
        raise ValueError("in a listener")

    async with sampling(cpu_of(1)) as sampler:
        seen: list[ResourceSample] = []
        sampler.subscribe(fails)
        sampler.subscribe(seen.append)
        await until(lambda: len(seen) >= 3)
    assert "in a listener" in caplog.text


def test_history_keeps_the_newest() -> None:
    history = History(length=3)
    assert history.latest is None
    for at in range(5):
        history.append(ResourceSample(at=at, cpu=None if at == 3 else at))
    assert history.figures(lambda sample: sample.at) == [2, 3, 4]
    assert history.figures(lambda sample: sample.cpu) == [2, None, 4]
    assert len(history) == 3


def test_the_first_look_knows_no_cpu_share_and_the_next_does() -> None:
    system, process = SystemProbe(), ProcessProbe()
    first = process(system(ResourceSample(at=0)))
    assert (first.cpu, first.process_cpu) == (None, None)
    spin = time.monotonic() + 0.3
    while time.monotonic() < spin:
        pass
    second = process(system(ResourceSample(at=1)))
    assert second.cpu is not None and 0 < second.cpu <= 100
    assert second.process_cpu is not None and 5 < second.process_cpu < 100 * (os.cpu_count() or 1) + 5
    assert second.memory_used is not None and second.memory_total is not None
    assert 0 < second.memory_used < second.memory_total
    assert second.process_memory is not None and 5_000_000 < second.process_memory < second.memory_total


def test_model_figures_are_taken_over_and_unknown_without_a_model() -> None:
    probe = ModelProbe(lambda: ModelFigures(active=1, peak=2, cache=3, decode_tok_s=4.5))
    sample = probe(ResourceSample(at=0))
    assert (sample.model_memory, sample.model_peak, sample.model_cache, sample.decode_tok_s) == (1, 2, 3, 4.5)
    empty = ModelProbe(lambda: None)(ResourceSample(at=0))
    assert empty == ResourceSample(at=0)


def test_a_hanging_probe_does_not_keep_the_program_from_ending() -> None:
    program = """
import asyncio, threading
from lama_tui.monitor.sampler import Sampler
async def main():
    inside = threading.Event()
    def hangs(sample):
        inside.set()
        threading.Event().wait()
    sampler = Sampler([hangs], limit=60)
    sampler.start()
    sampler.subscribe(lambda _: None)
    while not inside.is_set():
        await asyncio.sleep(0.01)
    await sampler.stop()
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", program], timeout=WAIT * 2, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
