"""What the machine has, and what of it models can have: the one answer for the browser and for what loads them."""

import sys
from collections.abc import Iterator
from pathlib import Path

from lama_tui.engine.fit import Machine
from lama_tui.types import DeviceKind

_GROUPS = Path("/sys/fs/cgroup")
_MINE = Path("/proc/self/cgroup")


def machine_memory() -> Machine:
    """The memory of this machine, or of the container that we are in, where that has less. Blocks for a moment."""
    try:
        import psutil

        memory = psutil.virtual_memory()
    except Exception:  # a foreign library on an unknown system: not worth failing the list
        return Machine()
    total, available = int(memory.total), int(memory.available)
    if sys.platform == "linux":
        for most, used in control_groups():
            total, available = min(total, most), min(available, max(0, most - used))
    return Machine(total, available)


def for_models(
    system: Machine, kind: DeviceKind | None, memory: int | None, held: int, limit: float, own: int = 0
) -> Machine:
    """What models can have on a device of this `kind`, None where that is not known yet.

    `memory` is the device's, `held` what models have of it now, which counts as available: it is given up for what
    is wanted more. `limit` is the share of `engine.memory_limit`; it is never less than `own` bytes, which somebody
    insisted on.

    On Metal `memory` is what the system recommends to use (`max_recommended_working_set_size`), and it moves others
    out of the way for that: what is free now says little there. How much others have of an NVIDIA card is not
    measured.
    """
    total = system.total if memory is None else memory
    most = None if total is None else max(int(total * limit), own)
    if total is None or kind == "cuda":
        return Machine(total, None, most)
    if kind == "metal" and memory is not None:
        return Machine(total, total, most)
    return Machine(total, None if system.available is None else min(system.available + held, total), most)


def control_groups(groups: Path = _GROUPS, mine: Path = _MINE) -> Iterator[tuple[int, int]]:
    """The limit of each control group that this process is in, and the bytes in use; of those that have a limit.

    What only caches files counts as free, as it does for the machine: the kernel drops it before it ends a program.
    """
    for line in _text(mine).splitlines():
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        if controllers == "memory":
            root, names = groups / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        elif not controllers:
            root, names = groups, ("memory.max", "memory.current", "inactive_file")
        else:
            continue
        at = root / path.lstrip("/")
        for folder in [at, *at.parents]:
            if not folder.is_relative_to(root):
                break
            most, used = _text(folder / names[0]).strip(), _text(folder / names[1]).strip()
            if most.isdecimal() and used.isdecimal():  # "max" is none
                caches = dict(line.split(" ", 1) for line in _text(folder / "memory.stat").splitlines() if " " in line)
                dropped = caches.get(names[2], "0").strip()
                yield int(most), max(0, int(used) - (int(dropped) if dropped.isdecimal() else 0))


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, ValueError):
        return ""
