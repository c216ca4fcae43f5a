"""What each running instance has loaded and is doing: `state/run/PID.json`.

Written for other processes (`lama ls`, later `lama ps`) by whole files that replace each other,
so that a reader never sees half of one. The file of an instance that is gone is ignored.
"""

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from lama_tui.paths import make_private

_LARGEST = 1 << 20  # bytes


@dataclass(frozen=True, slots=True)
class LoadedNow:
    """A model in an instance's memory; `weights` in bytes, `device` metal, cuda or cpu."""

    model: str
    device: str
    weights: int


@dataclass(frozen=True, slots=True)
class Presence:
    """One instance. `started` is UTC milliseconds, `memory` bytes in use by its models, `loading` what it reads now."""

    pid: int
    started: int
    loaded: tuple[LoadedNow, ...] = ()
    running: int = 0
    waiting: int = 0
    memory: int | None = None
    decode_tok_s: float | None = None
    loading: str = ""

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
    found = [presence for file in files if (presence := _read(file)) and _lives(presence.pid)]
    return sorted(found, key=lambda presence: presence.pid)


def _file(folder: Path, pid: int) -> Path:
    return folder / f"{pid}.json"


def _read(file: Path) -> Presence | None:
    try:
        with file.open("rb") as opened:
            values = json.loads(opened.read(_LARGEST))
        loaded = tuple(LoadedNow(str(m["model"]), str(m["device"]), int(m["weights"])) for m in values["loaded"])
        return Presence(
            pid=int(file.stem),
            started=int(values["started"]),
            loaded=loaded,
            running=int(values["running"]),
            waiting=int(values["waiting"]),
            memory=None if values["memory"] is None else int(values["memory"]),
            decode_tok_s=None if values["decode_tok_s"] is None else float(values["decode_tok_s"]),
            loading=str(values.get("loading") or ""),
        )
    except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None  # half a version older or newer, or not ours


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return pid > 0
