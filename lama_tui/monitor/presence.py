"""What each running instance has loaded and is doing: `state/run/PID.json`.

Written for other processes (`lama ps`, `lama ls`) by whole files that replace each other, so that a reader never sees
half of one. The file of an instance that is gone is ignored, and goes when somebody next cleans up.
"""

import json
import math
import os
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lama_tui.paths import make_private

_LARGEST = 1 << 20  # bytes
_MOST = 2**63 - 1
_SLACK = 60_000  # ms; clocks are set, and a start takes a moment


@dataclass(frozen=True, slots=True)
class LoadedNow:
    """A model in an instance's memory; `weights` in bytes, `device` metal, cuda or cpu.

    `running` are its answers; `unload_at` is UTC milliseconds, None while it is in use, pinned, or kept for ever.
    """

    model: str
    device: str
    weights: int
    running: int = 0
    pinned: bool = False
    unload_at: int | None = None


@dataclass(frozen=True, slots=True)
class Presence:
    """One instance. `started` is UTC milliseconds, `loading` what it reads now, `loaded_bytes` of `total_bytes`.

    `memory` are the bytes in use by its models, of these `kv` by running answers and `prompts` by what is kept of
    earlier ones. `decode_tok_s` is of the newest answer.
    """

    pid: int
    started: int
    loaded: tuple[LoadedNow, ...] = ()
    running: int = 0
    waiting: int = 0
    memory: int | None = None
    decode_tok_s: float | None = None
    loading: str = ""
    loaded_bytes: int = 0
    total_bytes: int = 0
    kv: int | None = None
    prompts: int | None = None

    @property
    def models(self) -> tuple[str, ...]:
        """All that it uses the files of."""
        return (*(model.model for model in self.loaded), *([self.loading] if self.loading else []))


def write_presence(folder: Path, presence: Presence) -> None:
    """Replace this instance's file. Raises `OSError`."""
    make_private(folder)
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=".")  # 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(presence), file)
        Path(name).replace(_file(folder, presence.pid))
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def remove_presence(folder: Path, pid: int) -> None:
    """Take this instance's file away. Raises `OSError`."""
    _file(folder, pid).unlink(missing_ok=True)


def present(folder: Path) -> list[Presence]:
    """The instances that live, by pid; what cannot be read is left out."""
    try:
        files = list(folder.glob("*.json"))
    except OSError:
        return []
    found = [presence for file in files if (presence := _read(file)) and _is_its_own(presence)]
    return sorted(found, key=lambda presence: presence.pid)


def remove_left(folder: Path) -> None:
    """Take away what instances left that are gone: their files, and what they were writing."""
    try:
        files = list(folder.iterdir())
    except OSError:
        return
    for file in files:
        with suppress(OSError):
            if file.name.startswith("."):
                left = time.time() * 1000 - file.stat().st_mtime * 1000 > _SLACK
            else:
                left = file.suffix == ".json" and file.stem.isdecimal() and not _lives(int(file.stem))
            if left and file.is_file():
                file.unlink()


def _file(folder: Path, pid: int) -> Path:
    return folder / f"{pid}.json"


def _read(file: Path) -> Presence | None:
    try:
        if not file.is_file():
            return None  # a pipe would be waited for
        with file.open("rb") as opened:
            values = json.loads(opened.read(_LARGEST))
        return Presence(
            pid=int(file.stem),
            started=_count(values["started"]) or 0,
            loaded=tuple(_read_loaded(model) for model in values["loaded"]),
            running=_count(values["running"]) or 0,
            waiting=_count(values["waiting"]) or 0,
            memory=_count(values["memory"]),
            decode_tok_s=_number(values["decode_tok_s"]),
            loading=str(values.get("loading") or ""),
            loaded_bytes=_count(values.get("loaded_bytes")) or 0,
            total_bytes=_count(values.get("total_bytes")) or 0,
            kv=_count(values.get("kv")),
            prompts=_count(values.get("prompts")),
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None  # half a version older or newer, or not ours


def _read_loaded(model: Mapping[str, Any]) -> LoadedNow:
    return LoadedNow(
        str(model["model"]),
        str(model["device"]),
        _count(model["weights"]) or 0,
        _count(model.get("running")) or 0,
        model.get("pinned") is True,
        _count(model.get("unload_at")),
    )


def _count(value: Any) -> int | None:
    """A count that a column of a database would take. Raises `ValueError` for others."""
    if value is None:
        return None
    if not -_MOST <= (count := int(value)) <= _MOST:
        raise ValueError(value)
    return count


def _number(value: Any) -> float | None:
    if value is None:
        return None
    if not math.isfinite(number := float(value)):
        raise ValueError(value)
    return number


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return pid > 0


def _is_its_own(presence: Presence) -> bool:
    """Whether its process lives; not another that got the same number, after a restart of the machine say."""
    if not _lives(presence.pid):
        return False
    if presence.pid == os.getpid():
        return True
    import psutil

    try:
        begun = psutil.Process(presence.pid).create_time()
    except psutil.Error:
        return True  # it may not be looked at
    return presence.started > begun * 1000 - _SLACK
