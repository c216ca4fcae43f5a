"""The checks of `lama doctor` on MLX. A child process tries the device: a broken driver may crash or hang."""

import asyncio
import json
import os
import shutil
import sys
from pathlib import Path

from lama_tui.cli.checks import Check, pip
from lama_tui.engine.device import Wheels, advice, wheels
from lama_tui.ui.figures import size

_SECONDS = 60.0  # the first start of a CUDA device compiles

# multiplies two matrices on the default device and reports what that is
_PROBE = """
import json
import mlx.core as mx
ones = mx.ones((64, 64))
total = float((ones @ ones).sum().item())
facts = mx.device_info()
kind = "cpu" if mx.default_device() != mx.gpu else "metal" if mx.metal.is_available() else "cuda"
memory = facts.get("max_recommended_working_set_size") or facts.get("memory_size") or facts.get("total_memory")
print(json.dumps({"kind": kind, "name": str(facts.get("device_name", "")), "memory": memory, "total": total}))
"""


def check_wheels(found: Wheels | None = None) -> Check:
    """Which builds of MLX are installed; the CPU and the CUDA one overwrite each other's files."""
    found = wheels() if found is None else found
    value = ", ".join(f"{name} {version}" for name, version in found.installed.items()) or "MLX is not installed"
    if found.conflict:
        return Check(
            "mlx_wheels", "problem", f"{' and '.join(found.conflict)} overwrite each other",
            f"For NVIDIA: {swap(found, 'cuda13')}; for the CPU: {swap(found, 'cpu')}",
        )  # fmt: skip
    if not found.usable:
        supported = sys.platform == "linux" or (sys.platform == "darwin" and "arm" in os.uname().machine)
        return Check("mlx_wheels", "problem" if supported else "warning", value, advice())
    if found.device == "cpu" and _has_nvidia():
        return Check(
            "mlx_wheels", "warning", f"{value}, but this machine has an NVIDIA GPU",
            f"Use it: {swap(found, 'cuda13')} (cuda12 for drivers before 580)",
        )  # fmt: skip
    return Check("mlx_wheels", "ok", value)


def swap(found: Wheels, build: str) -> str:
    """The commands that leave one build: all go first, because each deletes files that others put there too."""
    present = [name for name in found.installed if name == "mlx" or name.startswith(("mlx-c", "mlx-metal"))]
    version = found.installed.get("mlx")
    wanted = f"mlx[{build}]" + (f"=={version}" if version else "")
    return f"{pip()} uninstall -y {' '.join(present)} && {pip()} install '{wanted}'"


def _has_nvidia() -> bool:
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


async def check_device(timeout: float = _SECONDS, probe: str = _PROBE) -> Check:
    """Compute something small on the device that MLX chooses."""
    if not wheels().usable:
        return Check("mlx_device", "warning", "not tried: MLX is not installed completely", advice())
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", probe,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    hint = f"Install it again: {swap(wheels(), wheels().device or 'cpu')}"
    try:
        out, err = await asyncio.wait_for(child.communicate(), timeout)
    except TimeoutError:
        return Check("mlx_device", "problem", f"no answer in {timeout:g} s", hint)
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode:
        said = err.decode("utf-8", "replace").strip().splitlines()
        how = f"ended by signal {-child.returncode}" if child.returncode < 0 else f"failed: {said[-1] if said else '?'}"
        return Check("mlx_device", "problem", f"the trial {how}", hint)
    try:
        facts = json.loads(out)
        right = facts["total"] == 64.0**3
        memory = f", {size(facts['memory'])}" if facts["memory"] else ""
        value = f"{facts['kind']}, {facts['name']}{memory}"
    except (ValueError, KeyError, TypeError):
        return Check("mlx_device", "problem", "the trial gave no readable answer", hint)
    if not right:
        return Check("mlx_device", "problem", f"{value}: a sum came out wrong", hint)
    return Check("mlx_device", "ok", value)
