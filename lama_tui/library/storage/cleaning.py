"""What was left behind and nobody needs: parts of files that nothing fetches, whole files that nothing links to,
folders of imports and removals that were cut off.

Another program may be at work in the hub's cache: what it could have written a moment ago is left alone for a day.
"""

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lama_tui.library.hub_cache import cached_repos, hub_cache_folder
from lama_tui.library.importing.target import unfinished
from lama_tui.library.storage.disk import StoredFile, files_below, freed, stored
from lama_tui.library.storage.record_table import RecordTable
from lama_tui.library.storage.removal import Removed, delete_files, held_lock, not_removed, remove_empty
from lama_tui.library.storage.repo import REMOVING, RepoOnDisk, repo_on_disk
from lama_tui.library.verify.aside import BAD
from lama_tui.paths import Paths

DAY = 86_400.0  # seconds

LeftoverKind = Literal["part", "incomplete", "bad", "orphan", "unfinished"]
"""`part`: ours, of no unfinished download; `incomplete`: of the hub's own client; `bad`: differed from what was
published, and was fetched again; `orphan`: whole, but linked from nowhere; `unfinished`: a folder of a removal,
download or import that was cut off."""


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
        wanted, ended = await self._records.hashes()
        search = _Search(frozenset(unfinished), wanted, ended, time.time())
        return await asyncio.to_thread(search.find, self._paths)

    async def carry_out(self, leftovers: Sequence[Leftover]) -> Removed:
        """Delete those that are still leftovers. Raises a `ModelError` where the system refuses."""
        shown = {leftover.path for leftover in leftovers}
        still = [leftover for leftover in await self.plan() if leftover.path in shown]
        return await asyncio.to_thread(_delete, still)


@dataclass(frozen=True, slots=True)
class _Search:
    """What decides: models with `unfinished` jobs, hashes that jobs want, those of jobs that ended, and the time."""

    unfinished: frozenset[str]
    wanted: frozenset[str]
    ended: frozenset[str]
    now: float

    def find(self, paths: Paths) -> tuple[Leftover, ...]:
        """Look everywhere, the largest first. Blocks."""
        cache = hub_cache_folder().absolute()
        found: list[Leftover] = []
        for cached in cached_repos(cache):
            repo = repo_on_disk(cache, cached.name)
            if repo is None or repo.folder.is_symlink() or repo.name in self.unfinished:
                continue
            if held_lock(repo.folder) is None:
                found += [_of_one(kind, repo.name, file) for kind, file in self._parts(repo)]
                found += [_of_one(kind, repo.name, file) for kind, file in self._orphans(repo)]
                found += [_of_folder(repo.name, folder) for folder in (*repo.leavings, *repo.building)]
        found += [_of_folder(folder.name, folder) for folder in (*_removals(paths.models), *unfinished(paths.models))]
        return tuple(sorted(found, key=lambda leftover: (-leftover.size, str(leftover.path))))

    def _parts(self, repo: RepoOnDisk) -> Iterator[tuple[LeftoverKind, StoredFile]]:
        for file in repo.parts:
            ours = file.path.name.removesuffix(".part")
            old = self.now - file.modified > DAY
            if ours == file.path.name:
                if old:
                    yield "incomplete", file
            elif ours in self.ended or (old and ours not in self.wanted):  # unknown ones: of another home's lama
                yield "part", file

    def _orphans(self, repo: RepoOnDisk) -> Iterator[tuple[LeftoverKind, StoredFile]]:
        """Whole files without a link. Downloads make the links last: young ones may be about to get theirs."""
        removed = {name for names in repo.leavings.values() for name in names}
        for name, file in repo.unlinked.items():
            if file.inode is None or name in self.wanted:
                continue  # a link into the store that repos share is the hub's own client's to clean
            if name.endswith(BAD):
                yield "bad", file
            elif name in removed or self.now - file.modified > DAY:
                yield "orphan", file


def _removals(models: Path) -> list[Path]:
    """Models of `data/models/` whose removal was cut off."""
    try:
        return [entry for entry in models.iterdir() if entry.name.startswith(REMOVING)]
    except OSError:
        return []


def _of_one(kind: LeftoverKind, ref: str, file: StoredFile) -> Leftover:
    return Leftover(kind, ref, file.path, (file,), freed((file,)))


def _of_folder(ref: str, folder: Path) -> Leftover:
    own = files_below(folder) if not folder.is_symlink() else filter(None, (stored(folder),))
    files = tuple(own)
    return Leftover("unfinished", ref, folder, files, freed(files))


def _delete(leftovers: Iterable[Leftover]) -> Removed:
    removed = Removed(0, 0)
    for leftover in leftovers:
        try:
            removed += delete_files(leftover.files)
            remove_empty(leftover.path)
        except OSError as error:
            raise not_removed(str(leftover.path), error) from error
    return removed
