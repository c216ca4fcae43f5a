"""The sampler drops what hangs or raises, and stops when nobody looks."""

import asyncio
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
from lama_tui.monitor.probes import Probe
from lama_tui.monitor.sampler import Sampler

WAIT = 60.0


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT):
        while not condition():  # noqa: ASYNC110 — any state, not one event
            await asyncio.sleep(0.005)


def seen_by(sampler: Sampler) -> list[ResourceSample]:
    """Samples from now on."""
    seen: list[ResourceSample] = []
    sampler.subscribe(seen.append)
    return seen


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


async def test_samples_reach_listeners() -> None:
    async with sampling(cpu_of(12.5)) as sampler:
        before = time.time_ns() // 1_000_000
        seen = seen_by(sampler)
        await until(lambda: len(seen) >= 3)
        assert {sample.cpu for sample in seen} == {12.5}
        assert before <= seen[0].at < seen[2].at


async def test_runs_only_while_someone_listens() -> None:
    async with sampling(cpu_of(1)) as sampler:
        assert not sampler.running
        seen: list[ResourceSample] = []
        first, second = sampler.subscribe(seen.append), sampler.subscribe(lambda _: None)
        await until(lambda: len(seen) >= 2)
        first()
        assert sampler.running
        second()
        second()
        assert not sampler.running
        threads = [thread for thread in threading.enumerate() if thread.name == "lama-monitor"]
        await until(lambda: not any(thread.is_alive() for thread in threads))
        again = seen_by(sampler)
        await until(lambda: bool(again))


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
        seen = seen_by(sampler)
        await until(lambda: any(sample.model_memory == 7 for sample in seen))
        first = seen[0]
        assert (first.cpu, first.model_memory) == (3, None)


async def test_while_left_out_a_probe_is_not_asked() -> None:
    calls = 0

    def broken(sample: ResourceSample) -> ResourceSample:
        nonlocal calls
        calls += 1
        raise RuntimeError

    async with sampling(broken, retry=600) as sampler:
        seen = seen_by(sampler)
        await until(lambda: len(seen) >= 10)
        assert calls == 1


async def test_a_probe_that_hangs_costs_only_its_own_figures() -> None:
    release = threading.Event()
    loop, entered = asyncio.get_running_loop(), 0

    def hangs(sample: ResourceSample) -> ResourceSample:
        nonlocal entered
        entered += 1
        # for the others, that only a busy machine keeps: this one is waited for by now
        loop.call_soon_threadsafe(setattr, sampler, "_limit", WAIT)
        release.wait(WAIT)
        return replace(sample, process_cpu=1.0)

    async with sampling(hangs, cpu_of(5), limit=0.5, retry=0.01) as sampler:
        seen = seen_by(sampler)
        await until(lambda: len(seen) >= 5)
        assert all((s.cpu, s.process_cpu) == (5, None) for s in seen)
        assert entered == 1  # however short `retry` is, it is not entered twice
        release.set()
        await until(lambda: any(s.process_cpu == 1.0 for s in seen))


async def test_a_loop_that_is_late_costs_no_figures() -> None:
    loop = asyncio.get_running_loop()

    def answers(sample: ResourceSample) -> ResourceSample:
        is_late = threading.Event()

        def be_late() -> None:
            is_late.set()
            time.sleep(0.15)  # the answer comes at once, and is looked at after the limit

        loop.call_soon_threadsafe(be_late)
        is_late.wait(WAIT)
        return replace(sample, cpu=5.0)

    async with sampling(answers, limit=0.1, retry=0.0) as sampler:
        seen = seen_by(sampler)
        await until(lambda: any(sample.cpu == 5.0 for sample in seen))


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
    assert time.monotonic() - began < WAIT / 2  # it would be all of it
    release.set()


async def test_stopping_ends_it_whenever_it_comes() -> None:
    def quick(sample: ResourceSample) -> ResourceSample:
        return sample

    for turns in range(60):  # among them the moment at which an answer arrives
        sampler = Sampler([quick] * 4, interval=0.0)
        sampler.start()
        sampler.subscribe(lambda _: None)
        for _ in range(turns % 20):
            await asyncio.sleep(0)
        time.sleep(0.002)  # noqa: ASYNC251 - answers come while the loop is not looking
        await asyncio.sleep(0)
        async with asyncio.timeout(WAIT):
            await sampler.stop()


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
    assert [sample.cpu for sample in history] == [2, None, 4]
    assert history.latest is not None and history.latest.at == 4
    assert len(history) == 3


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
