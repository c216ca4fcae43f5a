"""Compares the files of models with their hashes again, a little at a time, while nothing else is done.

One instance of the program at a time, one slice after the other, with a rest behind each that keeps it at about one
percent of a core. Where it was, it finds by `checked` and `mtime_ns` of each file: a file that it could not finish
begins again. A file whose size is wrong is told at once, and one that was written since comes first.
"""

import asyncio
import logging
import os
import stat
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from lama_tui.errors import LamaError
from lama_tui.library.hub_cache import cached_repos, hub_cache_folder
from lama_tui.library.installed import InstalledModel
from lama_tui.library.snapshot_table import SnapshotTable
from lama_tui.library.verify.check import Check
from lama_tui.library.verify.check_table import CheckTable
from lama_tui.library.verify.hashes import hashes_so_far, look
from lama_tui.library.verify.hashing import new_hash
from lama_tui.library.verify.record import Record, RecordedFile, keep_found, record_of
from lama_tui.paths import Paths, make_private
from lama_tui.store.locks import try_lock

if TYPE_CHECKING:
    from lama_tui.store.database import Database

log = logging.getLogger(__name__)

EVERY = 7 * 86_400
"""Seconds after which a file is compared again."""
SLICE = 8 * 1024**2
"""Bytes that are read in one go, and at most in a second."""
SHARE = 0.01
"""Of one core, on average."""

_PIECE = 1024**2
_LEAST = 0.1  # seconds of rest behind each file, however small: keeping what was found costs too
_BUSY = 5.0  # seconds between two looks whether the machine has nothing else to do
_SHORTEST, _LONGEST = 3_600.0, 86_400.0  # seconds between two rounds

Tell = Callable[[str, Check], None]
"""Gets a model and what is wrong with its hashes now; called on the event loop, once for each change."""


@dataclass(frozen=True, slots=True)
class _Due:
    """A file to compare; those with the lowest `turn` first."""

    model: InstalledModel
    record: Record
    path: str
    file: RecordedFile
    turn: int


class IntegrityPass:
    """The rounds of one instance. `idle` says whether nothing generates and nothing is fetched."""

    def __init__(
        self, paths: Paths, database: "Database", idle: Callable[[], Awaitable[bool]], tell: Tell, *, rests: bool = True
    ) -> None:
        self._lock = paths.run / "integrity.lock"
        self._models = paths.models
        self._snapshots = SnapshotTable(database)
        self._checks = CheckTable(database)
        self._idle = idle
        self._tell = tell
        self._rests = rests

    async def run(self) -> None:
        """One round after the other, until cancelled; a read that is under way ends first."""
        while True:
            try:
                wait = await self.round()
            except (LamaError, OSError) as error:
                log.warning("the files of models were not compared: %s", error)
                wait = _LONGEST
            await asyncio.sleep(wait)

    async def round(self) -> float:
        """Compare what is due, and return the seconds until something is. Raises `StoreError`, `OSError`."""
        descriptor = await asyncio.to_thread(_lock, self._lock)
        if descriptor is None:
            return _SHORTEST  # another instance does it
        try:
            return await self._round()
        finally:
            os.close(descriptor)

    async def _round(self) -> float:
        due: list[_Due] = []
        for model in await self._known_models():
            record = await record_of(model, self._snapshots)
            await keep_found(record, self._snapshots)
            found = await asyncio.to_thread(_due_of, model, record)
            due += found
            await self._say(model)
        left = Counter(each.model.path for each in due)
        for each in sorted(due, key=lambda one: one.turn):
            right = await self._compare(each)
            left[each.model.path] -= 1
            if right is False or not left[each.model.path]:
                await self._say(each.model)
        return await self._until_next()

    async def _known_models(self) -> Sequence[InstalledModel]:
        """Models with a record, or that the hub's cache names the hashes of; nothing is read of them."""
        imported = {each.ref: each for each in await self._snapshots.all() if each.kind == "import"}
        hub = await asyncio.to_thread(lambda: list(cached_repos(hub_cache_folder())))
        here = await asyncio.to_thread(lambda: [each for each in imported.values() if Path(each.path).exists()])
        return [
            *(InstalledModel(repo.name, str(repo.folder), repo.revision) for repo in hub if repo.folder is not None),
            *(InstalledModel(each.ref, each.path) for each in here),
        ]

    async def _compare(self, due: _Due) -> bool | None:
        """Whether a file is right; None: it is written just now, or gone, and the next round sees."""
        digest = await self._hash_slowly(due.record.folder / due.path, due.file)
        if digest is None:
            return None
        found, mtime_ns = digest
        right = found == due.file.hash
        await self._snapshots.note_check(due.record.ref, due.record.revision, due.path, right, mtime_ns)
        return right

    async def _hash_slowly(self, path: Path, file: RecordedFile) -> tuple[str, int] | None:
        try:
            opened = await asyncio.to_thread(_open, path)
        except OSError:
            return None
        try:
            before = os.fstat(opened.fileno())
            digest = new_hash(file.algorithm, before.st_size)
            buffer = bytearray(_PIECE)
            while True:
                await self._until_idle()
                read, seconds = await asyncio.to_thread(_slice, opened, digest.update, buffer)
                if not read:
                    break
                if self._rests:
                    await asyncio.sleep(max(read / SLICE, seconds / SHARE, _LEAST))
            after = os.fstat(opened.fileno())
        except OSError:
            return None
        finally:
            opened.close()
        changed = (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns)
        return None if changed else (digest.hexdigest(), after.st_mtime_ns)

    async def _until_idle(self) -> None:
        while not await self._idle():  # noqa: ASYNC110 — only while a file is half read
            await asyncio.sleep(_BUSY)

    async def _say(self, model: InstalledModel) -> None:
        """Keep what is known of its hashes now, and tell where that is news and bad."""
        record = await record_of(model, self._snapshots)
        before = (await self._checks.of(model.ref, model.revision or "")).get("hashes")
        now = await asyncio.to_thread(hashes_so_far, record)
        if not record.files or (before is not None and replace(before, at=now.at, hint="") == now):
            return
        if now.status == "failed":
            now = now.with_hint(f"`lama verify {model.ref}` says more.")
            if before is None or (before.status, before.differences) != ("failed", now.differences):
                log.warning("%s differs from what was published: %s", model.ref, now.detail)
                self._tell(model.ref, now)
        await self._checks.record(model.ref, model.revision or "", replace(now, at=None))

    async def _until_next(self) -> float:
        """Seconds until the first file is due again."""
        checked = []
        for model in await self._known_models():
            record = await record_of(model, self._snapshots)
            checked += [file.checked for file in record.files.values() if file.checked is not None]
        wait = min(checked, default=0) / 1000 + EVERY - time.time()
        return min(max(wait, _SHORTEST), _LONGEST)


def _due_of(model: InstalledModel, record: Record) -> list[_Due]:
    """The files of a model that are to be compared: written since first, then the never compared, then the oldest."""
    due = []
    now = time.time_ns() // 1_000_000
    horizon, tomorrow = now - EVERY * 1000, now + _LONGEST * 1000  # after that: the clock was set back since
    for path, file in record.files.items():
        state, _ = look(record.folder / path, file, record.fetched)
        if state == "open":
            due.append(_Due(model, record, path, file, 0 if file.checked is not None else 1))
        elif state == "right" and file.checked is not None and not horizon <= file.checked <= tomorrow:
            due.append(_Due(model, record, path, file, file.checked))
    return due


def _lock(path: Path) -> int | None:
    """An open file that this instance alone has locked; None where another one has it. Raises `OSError`."""
    make_private(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if try_lock(descriptor):
        return descriptor
    os.close(descriptor)
    return None


def _open(path: Path) -> BinaryIO:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    file = open(descriptor, "rb", buffering=0)  # noqa: PTH123, SIM115 — a descriptor, closed by the caller
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        file.close()
        raise OSError("It is not a file")
    return file


def _slice(file: BinaryIO, update: Callable[[memoryview], object], buffer: bytearray) -> tuple[int, float]:
    """Read one slice; its bytes, and the seconds of a core that it took. What was read does not stay in memory."""
    began, start, view = time.thread_time(), file.tell(), memoryview(buffer)
    done = 0
    while done < SLICE and (read := file.readinto(view)):  # type: ignore[attr-defined]
        update(view[:read])
        done += read
    if hasattr(os, "posix_fadvise"):  # else it would push out of the system's cache what people work with
        os.posix_fadvise(file.fileno(), start, done, os.POSIX_FADV_DONTNEED)
    return done, time.thread_time() - began
