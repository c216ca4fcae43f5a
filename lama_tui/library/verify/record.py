"""What the files of a model should be: as its publisher said when it was fetched, or as the hub's cache names them.

In the hub's cache a blob's name is the hash of its bytes: sha256 of what is stored by LFS, git's sha1 of the rest
(FINDINGS, "Hub"). So a model that other tools fetched can be checked offline too; how long its files should be is
not said there. What a check finds is kept in `snapshot_files`, of such models too.
"""

import asyncio
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lama_tui.library.gguf_models import parts_of
from lama_tui.library.hub.values import HashAlgorithm, HubFile
from lama_tui.library.hub_cache import repo_at
from lama_tui.library.installed import InstalledModel
from lama_tui.library.snapshot_table import Snapshot, SnapshotFile, SnapshotTable

RecordSource = Literal["store", "cache", "none"]
"""`store`: kept by lama from what the publisher said. `cache`: the names of the blobs in the hub's cache."""

SAID: Mapping[RecordSource, str] = {
    "store": "the hashes kept when it was fetched",
    "cache": "the names of the blobs in the hub's cache",
    "none": "nothing",
}
FOUND = "found in the hub's cache"
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
    """The files of a model by their path in `folder`, and who says so.

    `ref` and `revision` are its name in the tables of snapshots: of a GGUF file in a repo those of the repo.
    `fetched` is UTC milliseconds, None: not by lama.
    """

    source: RecordSource
    files: Mapping[str, RecordedFile]
    ref: str
    revision: str
    folder: Path
    fetched: int | None = None


async def record_of(model: InstalledModel, snapshots: SnapshotTable) -> Record:
    """What is recorded of `model`. Raises `StoreError`."""
    place = Path(model.path)
    ref, folder = repo_at(place) or (model.ref, place)
    kept = [each for each in await snapshots.all() if _is_of(each, ref, place)]
    own = next((each for each in kept if model.revision in (None, each.revision)), None)
    known = {file.path: file for file in await snapshots.files(own.ref, own.revision)} if own is not None else {}
    if own is not None and own.source != FOUND:
        folder = Path(own.path) if own.kind == "import" else folder
        files = {path: _recorded(file, file.size) for path, file in known.items()}
        return Record("store", await _of_model(files, place, folder), own.ref, own.revision, folder, own.fetched)
    files = await asyncio.to_thread(named_by_cache, folder)
    for path, file in files.items():
        if (before := known.get(path)) is not None and before.hash == file.hash:
            files[path] = _recorded(before, before.size if before.ok else None)
    source: RecordSource = "cache" if files else "none"
    return Record(source, await _of_model(files, place, folder), ref, model.revision or "", folder)


async def keep_found(record: Record, snapshots: SnapshotTable) -> None:
    """Make room in the tables for what a check finds of a model that another tool fetched. Raises `StoreError`."""
    if record.source != "cache":
        return
    named = await asyncio.to_thread(named_by_cache, record.folder)
    known = {file.path: file.hash for file in await snapshots.files(record.ref, record.revision)}
    if known == {path: file.hash for path, file in named.items()}:
        return
    sizes = await asyncio.to_thread(lambda: {path: _size(record.folder / path) for path in named})
    files = [HubFile(path, sizes[path], file.algorithm, file.hash) for path, file in named.items()]
    await snapshots.record(record.ref, record.revision, "hub", FOUND, str(record.folder), files)


def _is_of(snapshot: Snapshot, ref: str, place: Path) -> bool:
    """Whether a record is that of a model: by its name, or because it lies in what was imported."""
    return snapshot.ref == ref or (snapshot.kind == "import" and Path(snapshot.path) in place.parents)


async def _of_model(files: dict[str, RecordedFile], place: Path, folder: Path) -> Mapping[str, RecordedFile]:
    """Of a GGUF model in a folder its own files; a folder may hold several models."""
    if place == folder:
        return files
    own = await asyncio.to_thread(lambda: {place, *parts_of(place)})
    return {path: file for path, file in files.items() if folder / path in own}


def named_by_cache(folder: Path) -> dict[str, RecordedFile]:
    """What the links of a snapshot in the hub's cache say; empty where it is none or cannot be read. Blocks."""
    blobs = folder.parent.parent / "blobs"
    files: dict[str, RecordedFile] = {}
    if folder.parent.name != "snapshots":
        return files
    for base, _, names in os.walk(folder):
        for name in names:
            path = Path(base, name)
            inside = path.relative_to(folder).as_posix()
            if inside.isprintable() and (file := _named(path, blobs)) is not None:  # no hub lists others
                files[inside] = file
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
