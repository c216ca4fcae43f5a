"""What the monitor looks at on this machine."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from lama_tui.monitor.gpu import AppleGpuProbe, NvidiaProbe
from lama_tui.monitor.probes import CpuProbe, DiskProbe, MemoryProbe, ModelProbe, Probe, ProcessProbe, SwapProbe

if TYPE_CHECKING:
    from lama_tui.engine.thread import EngineFigures


def probes(engine: "Callable[[], EngineFigures]", models: Path) -> list[Probe]:
    """One of each kind; `models` is the folder whose disk matters."""
    gpu = AppleGpuProbe() if sys.platform == "darwin" else NvidiaProbe()
    return [CpuProbe(), MemoryProbe(), SwapProbe(), DiskProbe(models), gpu, ProcessProbe(), ModelProbe(engine)]
