"""What the files of a model should be: as its publisher said when it was fetched, or as the hub's cache names them.

In the hub's cache a blob's name is the hash of its bytes: sha256 of what is stored by LFS, git's sha1 of the rest
(FINDINGS, "Hub"). So a model that other tools fetched can be checked offline too; how long its files should be is
not said there. What a check finds is kept in `snapshot_files`, of such models too.
"""

import asyncio
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from lama_tui.library.hub.values import HashAlgorithm, HubFile
from lama_tui.library.installed import InstalledModel
from lama_tui.library.snapshot_table import SnapshotFile, SnapshotTable

RecordSource = Literal["store", "cache", "none"]
"""`store`: kept by lama from what the publisher said. `cache`: the names of the blobs in the hub's cache."""

SAID: Mapping[RecordSource, str] = {
    "store": "the hashes kept when it was fetched",
    "cache": "the names of the blobs in the hub's cache",
    "none": "nothing",
}
_FOUND = "hub cache"
"""The source of what other tools fetched, in `snapshots`."""
_ALGORITHMS: Mapping[int, HashAlgorithm] = {64: "sha256", 40: "git-sha1"}
_NAME = re.compile(r"[0-9a-f]+")


@dataclass(frozen=True, slots=True)
class RecordedFile:
    """What one file should be, and what its last check found. Bytes, UTC milliseconds; None is unknown."""

    size: int | None
    algorithm: HashAlgorithm
    hash: str
    checked: int | None = None
    ok: bool | None = None
    mtime_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """The files of a model by their path in its folder, and who says so.

    `revision` is its name in the tables of snapshots; `fetched` is UTC milliseconds, None: not by lama.
    """

    source: RecordSource = "none"
    files: Mapping[str, RecordedFile] = field(default_factory=dict)
    revision: str = ""
    fetched: int | None = None


async def record_of(model: InstalledModel, snapshots: SnapshotTable) -> Record:
    """What is recorded of `model`. Raises `StoreError`."""
    kept = [each for each in await snapshots.all() if each.ref == model.ref]
    own = [each for each in kept if model.revision in (None, each.revision)]
    revision = own[0].revision if own else model.revision or ""
    files = {file.path: file for file in await snapshots.files(model.ref, revision)} if own else {}
    if own and own[0].source != _FOUND:
        recorded = {path: _recorded(file, file.size) for path, file in files.items()}
        return Record("store", recorded, revision, own[0].fetched)
    named = await asyncio.to_thread(named_by_cache, Path(model.path))
    for path, file in named.items():
        if (before := files.get(path)) is not None and before.hash == file.hash:
            named[path] = _recorded(before, before.size if before.ok else None)
    return Record("cache" if named else "none", named, revision)


async def keep_found(model: InstalledModel, record: Record, snapshots: SnapshotTable) -> None:
    """Make room in the tables for what a check finds of a model that another tool fetched. Raises `StoreError`."""
    known = {file.path: file.hash for file in await snapshots.files(model.ref, record.revision)}
    if record.source != "cache" or known == {path: file.hash for path, file in record.files.items()}:
        return
    sizes = await asyncio.to_thread(lambda: {path: _size(Path(model.path, path)) for path in record.files})
    files = [HubFile(path, sizes[path], file.algorithm, file.hash) for path, file in record.files.items()]
    await snapshots.record(model.ref, record.revision, "hub", _FOUND, model.path, files)


def named_by_cache(folder: Path) -> dict[str, RecordedFile]:
    """What the links of a snapshot in the hub's cache say; empty where it is none or cannot be read. Blocks."""
    blobs = folder.parent.parent / "blobs"
    files: dict[str, RecordedFile] = {}
    if folder.parent.name != "snapshots":
        return files
    for base, _, names in os.walk(folder):
        for name in names:
            path = Path(base, name)
            if (file := _named(path, blobs)) is not None:
                files[path.relative_to(folder).as_posix()] = file
    return files


def _named(link: Path, blobs: Path) -> RecordedFile | None:
    try:
        target = Path(os.path.normpath(link.parent / link.readlink()))
    except OSError:  # not a link: a file system without links holds copies, and nothing names their hash
        return None
    algorithm = _ALGORITHMS.get(len(target.name))
    if algorithm is None or target.parent != blobs or not _NAME.fullmatch(target.name):
        return None
    return RecordedFile(None, algorithm, target.name)


def _recorded(file: SnapshotFile, size: int | None) -> RecordedFile:
    return RecordedFile(size, file.algorithm, file.hash, file.checked, file.ok, file.mtime_ns)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
