"""Whether the files of a model are what was published, byte by byte, without the network."""

import asyncio
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Literal

from lama_tui.library.snapshot_table import SnapshotTable
from lama_tui.library.verify.check import Check, Difference, Progress, Watch
from lama_tui.library.verify.hashing import hash_file, in_thread
from lama_tui.library.verify.record import SAID, Record, RecordedFile, keep_found

_INTERVAL = 0.1  # seconds between two reports of progress
_SLACK_NS = 2_000_000_000  # the clock of a file system may differ from ours

DIFFERS = "differs from what was published"
NOTHING = "Nobody recorded its hashes: there is nothing to compare with"


@dataclass(frozen=True, slots=True)
class _Hashed:
    """A file that was read; `hash` None where that failed, `why` then says how."""

    hash: str | None
    mtime_ns: int
    why: str = ""


async def check_hashes(record: Record, snapshots: SnapshotTable, watch: Watch) -> Check:
    """Compute the hash of every recorded file and compare; what is found is kept by file. Raises `StoreError`.

    Cancelling stops after the read that is under way.
    """
    if not record.files:
        return Check("hashes", "unknown", NOTHING)
    await keep_found(record, snapshots)
    folder, loop = record.folder, asyncio.get_running_loop()
    total = await asyncio.to_thread(lambda: sum(_size(folder / path) for path in record.files))
    differences: list[Difference] = []
    done, reported = 0, 0.0
    for path, recorded in record.files.items():

        def progress(read: int, path: str = path) -> None:
            nonlocal done, reported
            done += read
            if (now := time.monotonic()) - reported >= _INTERVAL:
                reported = now
                loop.call_soon_threadsafe(watch, Progress("hashes", done, total, path))

        hashed = await in_thread(partial(_hash, folder / path, recorded, progress))
        if hashed.hash is None:
            differences.append(Difference(path, hashed.why))
            continue
        right = hashed.hash == recorded.hash
        await snapshots.note_check(record.ref, record.revision, path, right, hashed.mtime_ns)
        if not right:
            differences.append(Difference(path, DIFFERS))
    return _said(record, differences)


def hashes_so_far(record: Record) -> Check:
    """What earlier checks say, as long as no file was written since. Reads no file's bytes. Blocks on the disk."""
    if not record.files:
        return Check("hashes", "unknown", NOTHING)
    looked = {path: look(record.folder / path, file, record.fetched) for path, file in record.files.items()}
    if wrong := [Difference(path, what) for path, (state, what) in looked.items() if state == "wrong"]:
        return _said(record, wrong)
    if open_ := [Difference(path, what) for path, (state, what) in looked.items() if state == "open"]:
        more = f", and {len(open_) - 1} more" if len(open_) > 1 else ""
        return Check("hashes", "unknown", f"{open_[0].path} {open_[0].what}{more}", tuple(open_))
    oldest = min(file.checked or 0 for file in record.files.values())
    day = datetime.fromtimestamp(oldest / 1000, UTC).date()
    return Check("hashes", "ok", f"{_files(record)}, by {SAID[record.source]}; compared on {day}", at=oldest)


def look(path: Path, file: RecordedFile, fetched: int | None) -> tuple[Literal["right", "open", "wrong"], str]:
    """What size and time tell of a file; `open`: only its bytes can tell. The text says why. Blocks for a moment."""
    try:
        status = path.stat()
    except OSError as error:
        return "wrong", f"cannot be read: {error.strerror}"
    if file.size is not None and status.st_size != file.size:
        return "wrong", f"is {status.st_size:,} bytes long instead of {file.size:,}"
    if file.checked is not None and status.st_mtime_ns == file.mtime_ns:
        return ("right", "") if file.ok else ("wrong", DIFFERS)
    if file.checked is not None:
        return "open", "was written since it was compared"
    if fetched is not None and status.st_mtime_ns > fetched * 1_000_000 + _SLACK_NS:
        return "open", "was written since it was fetched"
    return "open", "was not compared since it was fetched"


def _hash(path: Path, file: RecordedFile, progress: Callable[[int], None], stop: threading.Event) -> _Hashed:
    try:
        digest, status = hash_file(path, file.algorithm, progress, stop)
    except OSError as error:
        return _Hashed(None, 0, f"cannot be read: {error.strerror or error}")
    return _Hashed(digest, status.st_mtime_ns)


def _said(record: Record, differences: list[Difference]) -> Check:
    if not differences:
        return Check("hashes", "ok", f"{_files(record)}, by {SAID[record.source]}")
    first, more = differences[0], len(differences) - 1
    detail = f"{first.path} {first.what}" + (f", and {more} more" if more else "")
    return Check("hashes", "failed", detail, tuple(differences))


def _files(record: Record) -> str:
    return f"{len(record.files)} file{'s' if len(record.files) != 1 else ''}"


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116
    except OSError:
        return 0
