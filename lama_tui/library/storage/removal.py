"""Removing models: planned, shown, then carried out so that nothing is left that looks whole and is not.

Whatever ends it, and whenever: first what names a revision goes, then its folder of links vanishes in one rename;
only then are bytes deleted, and of those only what no revision that is there now links to.
"""

import asyncio
import errno
import os
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from lama_tui.errors import ModelError, StoreError
from lama_tui.library.hub_cache import hub_cache_folder
from lama_tui.library.storage.disk import StoredFile, files_below, stored
from lama_tui.library.storage.holding import alone_in, held_lock
from lama_tui.library.storage.plan import RemovalPlan, plan_removal
from lama_tui.library.storage.record_table import RecordTable
from lama_tui.library.storage.repo import REMOVING, repo_on_disk
from lama_tui.library.storage.shared_store import sweep
from lama_tui.library.storage.usage import is_of
from lama_tui.paths import Paths


@dataclass(frozen=True, slots=True)
class Removed:
    """What was done. `freed` bytes as counted while it was done; `files` deleted, links too."""

    files: int
    freed: int

    def __add__(self, other: "Removed") -> "Removed":
        """Both together."""
        return Removed(self.files + other.files, self.freed + other.freed)


class Removal:
    """Plans removals and carries them out.

    `loaded` tells which models are in memory, and the pid that has each; it is called in a thread.
    """

    def __init__(self, paths: Paths, records: RecordTable, loaded: Callable[[], Mapping[str, int]]) -> None:
        self.paths = paths
        self._records = records
        self._loaded = loaded

    async def plan(self, ref: str, *, revision: str | None = None, old_revisions: bool = False) -> RemovalPlan:
        """What removing `ref`, or only a revision or its old revisions, would do.

        Raises `ModelNotFoundError`, or a `ModelError` for what is never removed or in use.
        """
        plan = await asyncio.to_thread(plan_removal, ref, self.paths, revision=revision, old_revisions=old_revisions)
        await self._require_unused(plan)
        if plan.whole and await self._records.is_pinned(plan.ref):
            return replace(plan, notes=("It is pinned, to be kept when room is needed.", *plan.notes))
        return plan

    async def carry_out(self, plan: RemovalPlan) -> Removed:
        """Do what was planned, and all of it also when nobody waits for it any more.

        Raises a `ModelError`: nothing was done where it is in use or has changed since.
        """
        return await asyncio.shield(asyncio.create_task(self._carry_out(plan), name="removal"))

    async def _carry_out(self, plan: RemovalPlan) -> Removed:
        await self._require_unused(plan)
        async with alone_in(plan.work_place, plan.ref):
            return await self._carry_out_alone(plan)

    async def _carry_out_alone(self, plan: RemovalPlan) -> Removed:
        again = await asyncio.to_thread(
            plan_removal, plan.asked, self.paths, revision=plan.revision, old_revisions=plan.old_revisions
        )
        if {file.path for file in again.everything} != {file.path for file in plan.everything}:
            raise ModelError(
                f"{plan.ref} has changed meanwhile", "Other files would be removed than were shown.", "Look again."
            )
        try:
            removed, graves = await asyncio.to_thread(vanish, plan)
            forgotten = await self._forget(plan)
            removed += await asyncio.to_thread(delete, plan, graves)
        except OSError as error:
            raise not_removed(plan.ref, error) from error
        if isinstance(forgotten, StoreError):  # a full disk has room by now
            forgotten = await self._forget(plan)
        if isinstance(forgotten, StoreError):
            title = f"{plan.ref} was removed, but not what is known of it"
            raise StoreError(title, forgotten.title, forgotten.hint) from forgotten
        return removed

    async def _forget(self, plan: RemovalPlan) -> StoreError | None:
        """Forget its records while it is no model any more and its bytes are still there; the error that came."""
        try:
            await self._records.forget(plan.ref, None if plan.whole else plan.revisions)
            if plan.repo not in ("", plan.ref):  # one of several of a repo: those that stay have their record
                places = [link.path.relative_to(plan.home / "snapshots").parts for link in plan.links]
                await self._records.forget_files(plan.repo, [(place[0], "/".join(place[1:])) for place in places])
        except StoreError as error:
            return error
        return None

    async def _require_unused(self, plan: RemovalPlan) -> None:
        job = (await self._records.unfinished()).get(plan.repo or plan.ref)
        if job is not None:
            raise ModelError(f"{plan.ref} is being downloaded", f"The download is {job}.", "Cancel the download first.")
        await asyncio.to_thread(_require_unused, plan, self._loaded)


def _require_unused(plan: RemovalPlan, loaded: Callable[[], Mapping[str, int]]) -> None:
    """Raise a `ModelError` for a plan whose files are in memory or being written by another program."""
    going = {*plan.folders, *(folder.resolve() for folder in plan.folders), *(link.path for link in plan.links)}
    for name, pid in loaded().items():
        by_path = name.startswith("/") and bool(
            going & {p for at in (Path(name), Path(name).resolve()) for p in (at, *at.parents)}
        )
        if by_path or (is_of(name, plan.ref) and plan.in_use):
            where = "here" if pid == os.getpid() else f"in another lama (process {pid})"
            raise ModelError(f"{plan.ref} is in memory", f"It is loaded {where}.", "Unload it there first.")
    if (lock := held_lock(plan.home)) is not None:
        raise ModelError(
            f"{plan.ref} is being downloaded", f"Another program holds {lock}.", "Wait until it is done, or end it."
        )


def vanish(plan: RemovalPlan) -> tuple[Removed, list[Path]]:
    """Take away what makes a model of it: names, then its folders in one step each. Blocks. Raises `OSError`.

    Returns where the folders are now. What is left when something ends it here, `cleaning` finds.
    """
    named = {file.path: file.path.read_bytes() for file in plan.refs}
    removed = delete_files(plan.refs)
    name = REMOVING + secrets.token_hex(4)
    graves: list[Path] = []
    try:
        for at, folder in enumerate(plan.folders):
            # in place: a full disk has no room for another folder
            with suppress(FileNotFoundError) if folder.name.startswith(REMOVING) else nullcontext():
                graves.append(folder.rename(plan.home / f"{name}-{at}"))
    except OSError:
        # nothing went: it keeps its names, unless another removal took all of it this moment
        if not graves and any(folder.exists() for folder in plan.folders):
            for path, commit in named.items():
                path.write_bytes(commit)
        raise
    if not graves:
        removed += delete_files(plan.links)
    _write_through(plan.home)
    return removed, graves


def delete(plan: RemovalPlan, graves: Sequence[Path]) -> Removed:
    """Delete the bytes, and the links in `graves`. Blocks. Raises `OSError`."""
    needed = _linked(plan)
    removed = delete_files(file for file in plan.files if file.path not in needed)
    for shared in plan.shared:
        removed += Removed(0, sweep(shared, hub_cache_folder().absolute()))
    for grave in graves:
        removed += delete_files(files_below(grave) if not grave.is_symlink() else filter(None, (stored(grave),)))
        remove_empty(grave)
    if plan.empties is not None:
        remove_empty(plan.empties)
    return removed


def delete_files(files: Iterable[StoredFile]) -> Removed:
    """Delete each that is still there, and count what the disk gains. Blocks. Raises `OSError`."""
    count = gained = 0
    for file in files:
        now = stored(file.path)
        if now is None:
            continue
        file.path.unlink(missing_ok=True)
        count += 1
        if now.inode is not None and now.names == 1:
            gained += now.size
    return Removed(count, gained)


def _linked(plan: RemovalPlan) -> frozenset[Path]:
    """Blobs that revisions use which are there now: another program may have fetched one this moment."""
    repo = repo_on_disk(plan.home.parent, plan.repo) if plan.repo else None
    if repo is None:
        return frozenset()
    return frozenset(repo.folder / "blobs" / name for revision in repo.revisions for name in revision.blobs)


def remove_empty(folder: Path) -> None:
    """Remove `folder` and the folders in it, as far as there is nothing in them."""
    for base, _, _ in os.walk(folder, topdown=False):
        try:
            Path(base).rmdir()
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT):
                raise


def _write_through(folder: Path) -> None:
    """Let the rename reach the disk before bytes go: a power cut must not bring a folder of dead links back."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # a system whose folders cannot be opened
        return
    try:
        os.fsync(descriptor)
    except OSError:  # a file system that has nothing to write through
        pass
    finally:
        os.close(descriptor)


def not_removed(what: str, error: OSError) -> ModelError:
    """What the system refused, for people."""
    why = f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"
    if error.errno == errno.EROFS:
        hint = "The disk can only be read."
    elif error.errno in (errno.EACCES, errno.EPERM):
        hint = "Check who owns the folder, and its permissions."
    else:
        hint = "Try again; `lama rm --clean` removes what was left behind."
    return ModelError(f"{what} could not be removed", why, hint)
