"""What the probes measure, on this machine and by what other machines print; and figures that only tremble."""

import asyncio
import math
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lama_tui.engine.backend import LoadedModel, MemoryFigures
from lama_tui.engine.pressure import Relief, Rung
from lama_tui.engine.thread import EngineFigures
from lama_tui.events import GpuSample, ResourceSample
from lama_tui.monitor.gpu import AppleGpuProbe, NvidiaProbe, gpus_of_ioreg
from lama_tui.monitor.probes import (
    TOLD,
    CpuProbe,
    DiskProbe,
    MemoryProbe,
    ModelProbe,
    Probe,
    ProcessProbe,
    SwapProbe,
)
from lama_tui.monitor.sampler import Sampler
from lama_tui.monitor.steady import steadied

NOTHING = ResourceSample(at=0)
GIB = 1024**3


class Seen:
    """Samples as they come."""

    def __init__(self) -> None:
        self.samples: list[ResourceSample] = []
        self.news = asyncio.Event()

    def take(self, sample: ResourceSample) -> None:
        self.samples.append(sample)
        self.news.set()

    async def until(self, condition: Callable[[ResourceSample], bool]) -> None:
        async with asyncio.timeout(60):
            while not any(map(condition, self.samples)):
                self.news.clear()
                await self.news.wait()


@asynccontextmanager
async def watching(*probes: Probe) -> AsyncIterator[Seen]:
    """A sampler of these probes, that tries again soon what failed."""
    sampler, seen = Sampler(probes, interval=0.01, limit=5.0, retry=0.03), Seen()
    sampler.subscribe(seen.take)
    sampler.start()
    try:
        yield seen
    finally:
        await sampler.stop()


def spin(seconds: float) -> None:
    """Use the processor for so long, however long that takes."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


# --- the machine ----------------------------------------------------------------------


def test_the_first_look_knows_no_cpu_share_and_the_next_does() -> None:
    system, process = CpuProbe(), ProcessProbe()
    began = time.monotonic()
    first = process(system(NOTHING))
    assert (first.cpu, first.cores, first.process_cpu) == (None, (), None)
    spin(0.3)
    second = process(system(NOTHING))
    share = 100 * 0.3 / (time.monotonic() - began)
    assert second.cpu is not None and 0 < second.cpu <= 100
    assert len(second.cores) == psutil.cpu_count() and all(0 <= core <= 100 for core in second.cores)
    assert max(second.cores) >= second.cpu - 0.01
    assert second.process_cpu is not None and share / 2 < second.process_cpu < 100 * (os.cpu_count() or 1) + 5


def times(busy: float, idle: float, **more: float) -> Any:
    """What psutil tells of a core."""
    fields = {"user": busy, "idle": idle, **more}

    class Times(tuple[float, ...]):
        def __getattr__(self, name: str) -> float:
            if name not in fields:
                raise AttributeError(name)
            return fields[name]

    return Times(fields.values())


def looks(monkeypatch: pytest.MonkeyPatch, *answers: list[Any]) -> list[ResourceSample]:
    """What the probe says after each of psutil's answers."""
    following = iter(answers)
    monkeypatch.setattr(psutil, "cpu_times", lambda percpu: next(following))
    probe = CpuProbe()
    return [probe(NOTHING) for _ in answers]


def test_waiting_for_a_disk_is_idle_and_guests_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    _, sample = looks(
        monkeypatch,
        [times(10, 10, iowait=0.0, guest=0.0), times(0, 0, iowait=0.0, guest=0.0)],
        [times(12, 11, iowait=1.0, guest=2.0), times(0, 4, iowait=0.0, guest=0.0)],
    )
    assert sample.cores == (50.0, 0.0) and sample.cpu == 25.0


def test_cores_that_come_or_stand_still_are_unknown_for_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two, still, on = looks(
        monkeypatch,
        [times(1, 1)],
        [times(2, 2), times(1, 1)],
        [times(3, 3), times(1, 1)],
        [times(4, 3), times(1, 2)],
    )
    assert (one.cores, two.cores, two.cpu) == ((), (), None)
    assert (still.cores, still.cpu) == ((), 50.0)
    assert (on.cores, on.cpu) == ((100.0, 0.0), 50.0)


def test_memory_and_swap() -> None:
    sample = SwapProbe()(MemoryProbe()(ProcessProbe()(NOTHING)))
    assert sample.memory_used is not None and sample.memory_total is not None
    assert 0 < sample.memory_used < sample.memory_total == psutil.virtual_memory().total
    assert sample.process_memory is not None and 5_000_000 < sample.process_memory < sample.memory_total
    assert sample.swap_used is not None and sample.swap_total is not None
    assert 0 <= sample.swap_used <= sample.swap_total


def test_the_volume_of_a_folder_that_does_not_exist_yet(tmp_path: Path) -> None:
    there, later = DiskProbe(tmp_path)(NOTHING), DiskProbe(tmp_path / "hub" / "models")(NOTHING)
    assert there.disk_total == later.disk_total and there.disk_total
    assert later.disk_free is not None and 0 < later.disk_free <= there.disk_total
    file = tmp_path / "file"
    file.touch()
    assert DiskProbe(file / "below")(NOTHING).disk_total == there.disk_total


# --- the engine --------------------------------------------------------------------------


def test_the_engine_is_known_to_be_idle_before_it_was_used() -> None:
    assert ModelProbe(EngineFigures)(NOTHING) == ResourceSample(at=0, running=0, waiting=0)


def test_the_engines_figures_are_taken_over() -> None:
    models = tuple(LoadedModel(name, "", "cpu", 50, None, 1.0, mapped=False) for name in "ab")
    figures = EngineFigures(None, models, MemoryFigures(300, 400, 20, 30, 40), None, 1, 2, 900.0, 61.0, 85.0)
    assert ModelProbe(lambda: figures)(NOTHING) == ResourceSample(
        at=0,
        model_weights=100,
        model_memory=300,
        model_peak=400,
        model_cache=20,
        model_kv=30,
        model_prompts=40,
        running=1,
        waiting=2,
        prefill_tok_s=900.0,
        decode_tok_s=61.0,
        ttft_ms=85.0,
    )


def test_a_shortage_of_memory_is_told_for_a_while() -> None:
    figures = EngineFigures(relief=Relief(Rung.UNLOAD, 1000, 5 * 1024**2, "a"))
    assert ModelProbe(lambda: figures)(ResourceSample(at=2000)).relief == "unloaded a, 5 MiB"
    assert ModelProbe(lambda: figures)(ResourceSample(at=1000 + TOLD)).relief == ""


# --- GPUs ----------------------------------------------------------------------------------

STATISTICS = (
    '"In use system memory (driver)"=0,"Alloc system memory"=4161536000,"Tiler Utilization %"=7,"recoveryCount"=0,'
    '"Renderer Utilization %"=22,"Device Utilization %"=23,"In use system memory"=1262485504'
)
IOREG = f"""\
+-o AGXAcceleratorG14G  <class AGXAcceleratorG14G, id 0x100000456, registered, matched, active, busy 0 (0 ms)>
    {{
      "IOClass" = "AGXAcceleratorG14G"
      "AGXTraceCodeVersion" = "1.4"
      "PerformanceStatistics" = {{{STATISTICS}}}
      "model" = "Apple M2"
      "gpu-core-count" = 8
    }}
"""
"""In the shape in which `ioreg -r -d 1 -w 0 -c IOAccelerator` prints a Mac's one GPU."""


def test_what_ioreg_prints_of_a_gpu() -> None:
    assert gpus_of_ioreg(IOREG) == (GpuSample(23.0, 1262485504, None),)
    assert gpus_of_ioreg(IOREG + IOREG.replace("=23,", "=90,")) == (
        GpuSample(23.0, 1262485504),
        GpuSample(90.0, 1262485504),
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+-o IntelAccelerator  <class IntelAccelerator>\n    {\n    }\n",
        '+-o A <class A>\n  "PerformanceStatistics" = {"Device Utilization %"=101}\n',
        '+-o A <class A>\n  "PerformanceStatistics" = {"Device Utilization %"=99999999999999999999}\n',
        '+-o A <class A>\n  "PerformanceStatistics" = {"In use system memory"=7}\n',
    ],
)
def test_entries_that_tell_no_utilization_are_no_gpus(text: str) -> None:
    assert gpus_of_ioreg(text) == ()


@given(st.text() | st.text(alphabet='"DeviceUtilizaton %=0129{},+-o \n'))
def test_whatever_ioreg_prints(text: str) -> None:
    gpus_of_ioreg(IOREG[:120] + text)


async def test_a_machine_without_ioreg_shows_everything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lama_tui.monitor.gpu._IOREG", ("/nowhere/ioreg",))
    with pytest.raises(OSError):
        AppleGpuProbe()(NOTHING)
    async with watching(AppleGpuProbe(), MemoryProbe()) as seen:
        await seen.until(lambda sample: bool(sample.memory_total and not sample.gpus))


async def test_an_ioreg_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lama_tui.monitor.gpu._IOREG", ("/bin/sleep", "60"))
    with pytest.raises(subprocess.TimeoutExpired):
        AppleGpuProbe()(NOTHING)
    assert not [child for child in psutil.Process().children() if child.name() == "sleep"]


def test_ioreg_is_asked_and_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "said").write_text(IOREG)
    monkeypatch.setattr("lama_tui.monitor.gpu._IOREG", ("/bin/cat", str(tmp_path / "said")))
    assert AppleGpuProbe()(NOTHING).gpus == (GpuSample(23.0, 1262485504),)


class Nvml(ModuleType):
    """As much of NVIDIA's library as is used. `fails` is what the first call raises."""

    class NVMLError(Exception):
        pass

    class NVMLError_LibraryNotFound(NVMLError):  # noqa: N801 - the library's name
        pass

    class NVMLError_DriverNotLoaded(NVMLError):  # noqa: N801
        pass

    class NVMLError_FunctionNotFound(NVMLError):  # noqa: N801
        pass

    class NVMLError_NotSupported(NVMLError):  # noqa: N801
        pass

    def __init__(self, devices: list[tuple[int | None, int | None]], fails: type[Exception] | None = None) -> None:
        super().__init__("pynvml")
        self.devices = devices
        self.fails = fails
        self.opened = 0

    def nvmlInit(self) -> None:  # noqa: N802
        self.opened += 1
        if self.fails is not None:
            raise self.fails

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return len(self.devices)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        return index

    def nvmlDeviceGetUtilizationRates(self, device: int) -> Any:  # noqa: N802
        if (busy := self.devices[device][0]) is None:
            raise self.NVMLError_NotSupported
        return SimpleNamespace(gpu=busy, memory=3)

    def nvmlDeviceGetMemoryInfo(self, device: int) -> Any:  # noqa: N802
        if (used := self.devices[device][1]) is None:
            raise self.NVMLError_NotSupported
        return SimpleNamespace(used=used, free=80 * GIB - used, total=80 * GIB)


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Nvml]:
    def install(*devices: tuple[int | None, int | None], fails: type[Exception] | None = None) -> Nvml:
        library = Nvml(list(devices), fails)
        monkeypatch.setitem(sys.modules, "pynvml", library)
        return library

    return install


def test_every_nvidia_gpu_is_shown(nvml: Callable[..., Nvml]) -> None:
    library = nvml((37, 12 * GIB), (None, None))
    probe = NvidiaProbe()
    for _ in range(2):
        assert probe(NOTHING).gpus == (GpuSample(37.0, 12 * GIB, 80 * GIB), GpuSample())
    assert library.opened == 1


def test_no_library_no_driver_no_gpu_is_no_failure(nvml: Callable[..., Nvml], monkeypatch: pytest.MonkeyPatch) -> None:
    for fails in (Nvml.NVMLError_LibraryNotFound, Nvml.NVMLError_DriverNotLoaded):
        library = nvml(fails=fails)
        probe = NvidiaProbe()
        assert (probe(NOTHING), probe(NOTHING)) == (NOTHING, NOTHING)
        assert library.opened == 1
    nvml()
    assert NvidiaProbe()(NOTHING) == NOTHING
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert NvidiaProbe()(NOTHING) == NOTHING


async def test_a_gpu_that_fails_is_asked_again_later(nvml: Callable[..., Nvml]) -> None:
    library = nvml((5, GIB), fails=Nvml.NVMLError)
    async with watching(NvidiaProbe(), MemoryProbe()) as seen:
        await seen.until(lambda sample: bool(sample.memory_total and not sample.gpus))
        library.fails = None
        await seen.until(lambda sample: sample.gpus == (GpuSample(5.0, GIB, 80 * GIB),))


# --- figures that only tremble ----------------------------------------------------------


def test_what_only_trembles_stays() -> None:
    before = ResourceSample(
        0,
        2.0,
        (5.0, 50.0),
        9 * GIB,
        24 * GIB,
        100,
        GIB,
        99 * GIB,
        500 * GIB,
        1.0,
        70 << 20,
        gpus=(GpuSample(1.0, 100),),
    )
    now = ResourceSample(
        1,
        4.9,
        (14.0, 61.0),
        9 * GIB + 1,
        24 * GIB,
        100,
        GIB,
        99 * GIB - 5,
        500 * GIB,
        3.0,
        70 << 20,
        gpus=(GpuSample(3.0, 100),),
    )
    steady = steadied(now, before)
    assert (steady.at, steady.cpu, steady.cores) == (1, 2.0, (5.0, 61.0))
    assert (steady.memory_used, steady.disk_free, steady.process_cpu) == (9 * GIB, 99 * GIB, 1.0)
    assert steady.gpus == (GpuSample(1.0, 100),)
    assert steadied(now, None) is now


def test_what_moves_or_becomes_known_is_shown() -> None:
    before = ResourceSample(at=0, cpu=2.0, swap_used=0, process_memory=100 << 20, cores=(1.0,))
    now = ResourceSample(
        at=1, cpu=5.0, swap_used=4096, process_memory=110 << 20, cores=(1.0, 2.0), decode_tok_s=1.0, memory_used=5
    )
    assert steadied(now, before) == now
    assert steadied(ResourceSample(at=2), now) == ResourceSample(at=2)
    assert math.isnan(steadied(ResourceSample(at=3, cpu=math.nan), now).cpu or 0)
