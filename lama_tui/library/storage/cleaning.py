"""What was left behind and nobody needs: parts of files that nothing fetches, whole files that nothing links to,
folders of imports and removals that were cut off.

Another program may be at work in the hub's cache: what it could have written a moment ago is left alone for a day.
"""

import asyncio
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lama_tui.library.hub_cache import cached_repos, hub_cache_folder
from lama_tui.library.storage.disk import StoredFile, files_below, freed, stored
from lama_tui.library.storage.record_table import RecordTable
from lama_tui.library.storage.removal import Removed, delete_files, held_lock, not_removed, remove_empty
from lama_tui.library.storage.repo import REMOVING, RepoOnDisk, repo_on_disk
from lama_tui.paths import Paths
from lama_tui.store.locks import locked

DAY = 86_400.0  # seconds

LeftoverKind = Literal["part", "incomplete", "orphan", "removal", "import"]
"""`part`: ours, of no unfinished download; `incomplete`: of the hub's own client; `orphan`: whole, but linked from
nowhere; `removal` and `import`: what was being done when lama was ended."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something that can go. `size` is what the disk gains; `ref` the model that it was for."""

    kind: LeftoverKind
    ref: str
    path: Path
    files: tuple[StoredFile, ...]
    size: int


class Cleaning:
    """Finds leftovers and deletes them."""

    def __init__(self, paths: Paths, records: RecordTable) -> None:
        self._paths = paths
        self._records = records

    async def plan(self) -> tuple[Leftover, ...]:
        """What can go now, the largest first."""
        unfinished = await self._records.unfinished()
        wanted = await self._records.wanted()
        return await asyncio.to_thread(_find, self._paths, unfinished.keys(), wanted, time.time())

    async def carry_out(self, leftovers: Sequence[Leftover]) -> Removed:
        """Delete those that are still leftovers. Raises a `ModelError` where the system refuses."""
        shown = {leftover.path for leftover in leftovers}
        still = [leftover for leftover in await self.plan() if leftover.path in shown]
        return await asyncio.to_thread(_delete, still)


def _find(paths: Paths, unfinished: Collection[str], wanted: Collection[str], now: float) -> tuple[Leftover, ...]:
    cache = hub_cache_folder().absolute()
    found: list[Leftover] = []
    for cached in cached_repos(cache):
        repo = repo_on_disk(cache, cached.name)
        if repo is None or repo.folder.is_symlink() or held_lock(repo.folder) is not None:
            continue
        busy = repo.name in unfinished
        found += [_of_one(kind, repo.name, file) for kind, file in _parts(repo, wanted, busy, now)]
        found += [_of_one("orphan", repo.name, file) for file in _orphans(repo, wanted, busy, now)]
        found += [_of_folder("removal", repo.name, folder) for folder in repo.leavings]
    found += _folders(paths.models)
    return tuple(sorted(found, key=lambda leftover: (-leftover.size, str(leftover.path))))


def _parts(
    repo: RepoOnDisk, wanted: Collection[str], busy: bool, now: float
) -> Iterator[tuple[LeftoverKind, StoredFile]]:
    for file in repo.parts:
        name = file.path.name
        if name.endswith(".part"):
            if name.removesuffix(".part") not in wanted and not busy and not locked(file.path):
                yield "part", file
        elif now - file.modified > DAY:
            yield "incomplete", file


def _orphans(repo: RepoOnDisk, wanted: Collection[str], busy: bool, now: float) -> Iterator[StoredFile]:
    """Whole files without a link. A download makes the links last, so that young ones may be about to get theirs."""
    removed = {name for names in repo.leavings.values() for name in names}
    for name in repo.unlinked:
        file = repo.blobs[name]
        if file.inode is None or name in wanted or busy:
            continue  # a link into the store that repos share is the hub's own client's to clean
        if name in removed or now - file.modified > DAY:
            yield file


def _folders(models: Path) -> Iterator[Leftover]:
    """Folders of `data/models/` that a removal or an import has not finished."""
    try:
        entries = list(models.iterdir())
    except OSError:
        return
    for entry in entries:
        if entry.name.startswith(REMOVING):
            yield _of_folder("removal", entry.name, entry)


def _of_one(kind: LeftoverKind, ref: str, file: StoredFile) -> Leftover:
    return Leftover(kind, ref, file.path, (file,), freed((file,)))


def _of_folder(kind: LeftoverKind, ref: str, folder: Path) -> Leftover:
    own = files_below(folder) if not folder.is_symlink() else filter(None, (stored(folder),))
    files = tuple(own)
    return Leftover(kind, ref, folder, files, freed(files))


def _delete(leftovers: Iterable[Leftover]) -> Removed:
    removed = Removed(0, 0)
    for leftover in leftovers:
        try:
            removed += delete_files(leftover.files)
            remove_empty(leftover.path)
        except OSError as error:
            raise not_removed(str(leftover.path), error) from error
    return removed
