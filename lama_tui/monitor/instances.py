"""What this lama and the others on this machine have in memory, and whether they work. Everything here blocks."""

import os
from pathlib import Path

from lama_tui.engine.figures import EngineFigures
from lama_tui.monitor.battery import on_battery
from lama_tui.monitor.presence import present


def loaded_models(run: Path, own: EngineFigures) -> dict[str, int]:
    """What is in memory or on its way there, by reference, and the process that has it: this one or another lama."""
    others = {
        model: instance.pid
        for instance in present(run)
        if instance.pid != os.getpid()  # what it says of us is late
        for model in instance.models
    }
    here = [model.reference for model in own.loaded] + ([own.loading.model] if own.loading is not None else [])
    return others | {model: os.getpid() for model in here}


def is_quiet(run: Path) -> bool:
    """Whether no lama answers, and the machine does not live on its battery."""
    return not (any(instance.running for instance in present(run)) or on_battery())
