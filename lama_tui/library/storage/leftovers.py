"""What was left behind and nobody needs: parts of files that nothing fetches, whole files that nothing links to,
folders of imports and removals that were cut off.

Another program may be at work in the hub's cache: what it could have written a moment ago is left alone for a day.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lama_tui.errors import ModelError
from lama_tui.library.hub_cache import cached_repo, cached_repos, hub_cache_folder
from lama_tui.library.importing.target import unfinished
from lama_tui.library.storage.disk import StoredFile, files_below, freed, stored
from lama_tui.library.storage.holding import held_lock, is_held
from lama_tui.library.storage.record_table import RecordTable
from lama_tui.library.storage.removal import Removed, delete_files, not_removed, remove_empty
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


class Leftovers:
    """Finds them and deletes them."""

    def __init__(self, paths: Paths, records: RecordTable) -> None:
        self._paths = paths
        self._records = records

    async def plan(self, of: str | None = None) -> tuple[Leftover, ...]:
        """What can go now, the largest first; only what was left `of` one model where one is named."""
        unfinished = await self._records.unfinished()
        wanted, ended = await self._records.hashes()
        search = _Search(frozenset(unfinished), wanted, ended, await self._records.importing(), time.time())
        return await asyncio.to_thread(search.find, self._paths, of)

    async def carry_out(self, leftovers: Sequence[Leftover]) -> tuple[Removed, ModelError | None]:
        """Delete those that are still leftovers; what the system refuses stays, and the first refusal is told."""
        still = {each.path for ref in sorted({each.ref for each in leftovers}) for each in await self.plan(ref)}
        return await asyncio.to_thread(_delete, [each for each in leftovers if each.path in still])


@dataclass(frozen=True, slots=True)
class _Search:
    """What decides: models with `unfinished` jobs, hashes that jobs want, those of jobs that ended, sources of imports
    that go on, and the time."""

    unfinished: frozenset[str]
    wanted: frozenset[str]
    ended: frozenset[str]
    importing: frozenset[str]
    now: float

    def find(self, paths: Paths, of: str | None = None) -> tuple[Leftover, ...]:
        """Look everywhere, or only at one model; the largest first. Blocks."""
        cache = hub_cache_folder().absolute()
        found: list[Leftover] = []
        for cached in cached_repos(cache) if of is None else filter(None, (cached_repo(cache, of),)):
            repo = repo_on_disk(cache, cached.name)
            if repo is None or repo.linked is not None or repo.name in self.unfinished:
                continue
            if held_lock(repo.folder) is None and not is_held(repo.folder):
                found += [_of_one(kind, repo.name, file) for kind, file in self._parts(repo)]
                found += [_of_one(kind, repo.name, file) for kind, file in self._orphans(repo)]
                found += [_of_folder(repo.name, folder) for folder in self._cut_off(repo)]
        own = (*_removals(paths.models), *unfinished(paths.models, self.importing))
        found += [_of_folder(folder.name, folder) for folder in own if of in (None, folder.name)]
        return tuple(sorted(found, key=lambda leftover: (-leftover.size, str(leftover.path))))

    def _cut_off(self, repo: RepoOnDisk) -> Iterator[Path]:
        """Folders of removals, and of downloads that nobody has touched for a day."""
        yield from repo.leavings
        for folder in repo.building:
            if (now := stored(folder)) is not None and self.now - now.modified > DAY:
                yield folder

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
    """Models of `data/models/` whose removal was cut off, and that nobody removes now."""
    try:
        return [entry for entry in models.iterdir() if entry.name.startswith(REMOVING) and not is_held(entry)]
    except OSError:
        return []


def _of_one(kind: LeftoverKind, ref: str, file: StoredFile) -> Leftover:
    return Leftover(kind, ref, file.path, (file,), freed((file,)))


def _of_folder(ref: str, folder: Path) -> Leftover:
    own = files_below(folder) if not folder.is_symlink() else filter(None, (stored(folder),))
    files = tuple(own)
    return Leftover("unfinished", ref, folder, files, freed(files))


def _delete(leftovers: Sequence[Leftover]) -> tuple[Removed, ModelError | None]:
    removed, refused = Removed(0, 0), None
    for leftover in leftovers:
        try:
            for file in leftover.files:
                removed += delete_files((file,))
            if leftover.kind == "unfinished":
                remove_empty(leftover.path)
        except OSError as error:
            refused = refused or not_removed(str(leftover.path), error)
    return removed, refused
