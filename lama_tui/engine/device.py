"""Which device local models can use here, told from what is installed, without importing MLX."""

import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lama_tui.types import DeviceKind

DISTRIBUTIONS = ("mlx", "mlx-lm", "mlx-metal", "mlx-cpu", "mlx-cuda-12", "mlx-cuda-13")


@dataclass(frozen=True, slots=True)
class Wheels:
    """The MLX distributions that are installed, name to version."""

    installed: dict[str, str]

    @property
    def usable(self) -> bool:
        """Whether models can be loaded at all."""
        return {"mlx", "mlx-lm"} <= self.installed.keys() and self.device is not None

    @property
    def cuda(self) -> tuple[str, ...]:
        """The CUDA wheels among them."""
        return tuple(name for name in self.installed if name.startswith("mlx-cuda"))

    @property
    def conflict(self) -> tuple[str, ...]:
        """Wheels that overwrite each other's files; empty when there is at most one."""
        backends = (*self.cuda, *(["mlx-cpu"] if "mlx-cpu" in self.installed else []))
        return backends if len(backends) > 1 else ()

    @property
    def device(self) -> DeviceKind | None:
        """What MLX will use, as far as the wheels tell."""
        if "mlx-metal" in self.installed:
            return "metal"
        if self.cuda:
            return "cuda"
        return "cpu" if "mlx-cpu" in self.installed else None


def wheels(folders: Sequence[str] | None = None) -> Wheels:
    """Look at the names of installed distributions on `sys.path`.

    (Reading the folders' names takes half a millisecond, importing `importlib.metadata` thirty.)
    """
    found: dict[str, str] = {}
    for folder in sys.path if folders is None else folders:
        try:
            with os.scandir(folder or ".") as entries:
                names = [entry.name for entry in entries]
        except OSError:  # sys.path may name what is not a folder
            continue
        for name in names:
            if name.endswith(".dist-info"):
                distribution, _, version = name.removesuffix(".dist-info").partition("-")
                distribution = distribution.replace("_", "-").lower()
                if distribution in DISTRIBUTIONS:
                    found.setdefault(distribution, version)
    return Wheels(found)


def memory_of(about: Mapping[str, object]) -> int | None:
    """Bytes that a device has for models, from what `mx.device_info` says; the CPU's says nothing of memory.

    On Metal that is what macOS recommends to use at most, less than the machine has.
    """
    for name in ("max_recommended_working_set_size", "memory_size", "total_memory"):
        size = about.get(name)
        if isinstance(size, int) and size > 0:
            return size
    return None


def advice(system: str = sys.platform, machine: str | None = None) -> str:
    """What to do on this platform to run models, or what to use instead."""
    machine = platform.machine() if machine is None else machine
    if system == "darwin" and machine == "arm64":
        return "Install it with `pip install mlx mlx-lm`."
    if system == "darwin":
        return "MLX has no build for Intel Macs; use a server: [providers.NAME] in config.toml."
    if system == "linux":
        return "Install it with `pip install 'mlx[cpu]' mlx-lm`, or `mlx[cuda12]`/`mlx[cuda13]` for NVIDIA."
    return "MLX has no build for this system; use a server: [providers.NAME] in config.toml."
