"""Probes of GPUs: NVIDIA's by its own library where that is installed, Apple's by `ioreg`.

Both leave a sample as it is where there is no such device, so that nothing is shown of it.
"""

import re
from contextlib import suppress
from dataclasses import replace
from typing import Any

from lama_tui.events import GpuSample, ResourceSample

_IOREG = ("/usr/sbin/ioreg", "-r", "-d", "1", "-w", "0", "-c", "IOAccelerator")
_IOREG_SECONDS = 0.4  # below what the sampler allows a probe, so that no child is left behind
_FIGURE = re.compile(r'"(Device Utilization %|In use system memory)"\s*=\s*(\d{1,18})\b')


class NvidiaProbe:
    """Every NVIDIA GPU, by `nvidia-ml-py` where that is installed. Raises what NVML raises.

    No package, no driver or no GPU is no failure: there is nothing to show then.
    """

    def __init__(self) -> None:
        self._nvml: Any = None
        self._none = False
        self._devices: list[Any] = []

    def __call__(self, sample: ResourceSample) -> ResourceSample:  # noqa: D102 — see `Probe`
        if self._nvml is None and not self._none:
            self._open()
        return replace(sample, gpus=tuple(map(self._look, self._devices))) if self._devices else sample

    def _open(self) -> None:
        try:
            import pynvml  # type: ignore[import-not-found, import-untyped, unused-ignore]
        except ImportError:
            self._none = True
            return
        absent = tuple(
            getattr(pynvml, name)
            for name in ("NVMLError_LibraryNotFound", "NVMLError_DriverNotLoaded", "NVMLError_FunctionNotFound")
        )
        try:
            pynvml.nvmlInit()
        except absent:
            self._none = True
            return
        self._devices = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
        self._nvml = pynvml

    def _look(self, device: Any) -> GpuSample:
        nvml = self._nvml
        busy = used = total = None
        with suppress(nvml.NVMLError_NotSupported):  # by a slice of a GPU (MIG)
            busy = float(nvml.nvmlDeviceGetUtilizationRates(device).gpu)
        with suppress(nvml.NVMLError_NotSupported):  # by one that shares the machine's memory
            memory = nvml.nvmlDeviceGetMemoryInfo(device)
            used, total = int(memory.used), int(memory.total)
        return GpuSample(busy, used, total)


class AppleGpuProbe:
    """The GPU of a Mac, by its entry in the I/O registry; needs no rights. Raises `OSError`, `SubprocessError`."""

    def __call__(self, sample: ResourceSample) -> ResourceSample:  # noqa: D102 — see `Probe`
        import subprocess

        # no descriptor of ours is inheritable; with close_fds Python would fork, which costs more the more is loaded
        done = subprocess.run(
            _IOREG,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_IOREG_SECONDS,
            check=True,
            close_fds=False,
        )
        return replace(sample, gpus=gpus_of_ioreg(done.stdout.decode("utf-8", "replace")))


def gpus_of_ioreg(text: str) -> tuple[GpuSample, ...]:
    """The GPUs in what `ioreg -r -d 1 -w 0 -c IOAccelerator` prints.

    Each entry begins with `+-o CLASS` in the first column; of its properties one line is a dictionary,
    `"PerformanceStatistics" = {"Device Utilization %"=16,"In use system memory"=2363801600,…}`. Entries
    without the utilization (displays, virtual machines) are no GPUs that could be watched.
    """
    found = []
    for entry in re.split(r"^\+-o ", text, flags=re.MULTILINE):
        figures = {name: int(value) for name, value in _FIGURE.findall(entry)}
        busy = figures.get("Device Utilization %")
        if busy is not None and busy <= 100:
            found.append(GpuSample(float(busy), figures.get("In use system memory")))
    return tuple(found)
