"""A repo of the hub's cache as it lies on the disk: its revisions, and the bytes that they share.

Looked at as a whole and never through the network. Whatever cannot be read is left out, and then never deleted.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lama_tui.library.hub_cache import cached_repo, is_commit
from lama_tui.library.storage.disk import StoredFile, files_below, followed, stored

REMOVING = ".removing-"
"""Begins the name of the folder that holds what is being deleted; nobody takes it for a model."""

BUILDING = ".lama-"
"""Begins the name of a folder in which a download puts its links together."""

PARTS = (".part", ".incomplete")
"""How files that are not whole end: ours, and those of the hub's own client."""


@dataclass(frozen=True, slots=True)
class Revision:
    """A snapshot. `files` are its own names, `blobs` the bytes they lead to by name in the repo's `blobs`.

    `outside` are bytes elsewhere that it links to. `refs` name it; `current` is what people get without saying which.
    """

    commit: str
    folder: Path
    files: tuple[StoredFile, ...]
    blobs: Mapping[str, StoredFile]
    outside: tuple[StoredFile, ...]
    refs: tuple[str, ...]
    current: bool

    @property
    def old(self) -> bool:
        """Whether it only stays to go back to: nothing names it and a newer one is used."""
        return not self.current and not self.refs


@dataclass(frozen=True, slots=True)
class RepoOnDisk:
    """All that one repo has. `blobs` are whole files by name, `parts` those that are not.

    `leavings` is what removals left that were cut off, with the names of the blobs that belonged to it; `building`
    what downloads left.
    """

    name: str
    folder: Path
    revisions: tuple[Revision, ...]
    blobs: Mapping[str, StoredFile]
    parts: tuple[StoredFile, ...]
    leavings: Mapping[Path, frozenset[str]]
    building: tuple[Path, ...]

    @property
    def linked(self) -> Path | None:
        """The first of its folders that is a link: what is behind it is elsewhere, and never deleted."""
        places = (self.folder, *(self.folder / name for name in ("blobs", "snapshots", "refs")))
        return next((place for place in places if place.is_symlink()), None)

    @property
    def unlinked(self) -> Mapping[str, StoredFile]:
        """Whole files that no revision leads to."""
        used = {name for revision in self.revisions for name in revision.blobs}
        return {name: file for name, file in self.blobs.items() if name not in used}


def repo_on_disk(cache: Path, name: str) -> RepoOnDisk | None:
    """Look at the repo `name`; None where it is not in `cache`."""
    found = cached_repo(cache, name)
    if found is None:
        return None
    folder = cache / ("models--" + name.replace("/", "--"))
    refs = dict(_refs(folder / "refs"))
    blobs, parts = {}, []
    for file in files_below(folder / "blobs"):
        if file.path.name.endswith(PARTS) or file.path.name.startswith("."):
            parts.append(file)
        elif file.path.parent == folder / "blobs":
            blobs[file.path.name] = file
    revisions = [
        _revision(entry, folder, blobs, tuple(ref for ref in refs if refs[ref] == entry.name), found.revision)
        for entry in _folders(folder / "snapshots")
    ]
    leavings = {
        entry: frozenset(_blobs_of_removed(entry)) for entry in _folders(folder) if entry.name.startswith(REMOVING)
    }
    building = tuple(entry for entry in _folders(folder) if entry.name.startswith(BUILDING))
    order = sorted(revisions, key=lambda revision: (not revision.current, revision.commit))
    return RepoOnDisk(name, folder, tuple(order), blobs, tuple(parts), leavings, building)


def _revision(
    entry: Path, repo: Path, known: Mapping[str, StoredFile], refs: tuple[str, ...], current: str | None
) -> Revision:
    files = tuple(files_below(entry))
    # links are followed by their text, which is ten times as fast; of a folder that is elsewhere, for real
    home, base = (repo.resolve(), entry.resolve()) if entry.is_symlink() else (repo, entry)
    names = {blob.inode: name for name, blob in known.items() if blob.names > 1}
    blobs: dict[str, StoredFile] = {}
    outside = []
    for file in files:
        if file.inode is not None:  # where links cannot be made it is a second name of the bytes, or a copy
            if file.inode in names:
                blobs[names[file.inode]] = file
            continue
        name = _name_in_blobs(base / file.path.relative_to(entry), home)
        blob = known.get(name) if name is not None else None
        end = blob if blob is not None and blob.inode is not None else followed(file.path)
        if name is not None and end is not None:
            blobs[name] = end
        elif end is not None:
            outside.append(end)
    own = files if not entry.is_symlink() else tuple(filter(None, (stored(entry),)))  # a folder that is elsewhere
    return Revision(entry.name, entry, own, blobs, tuple(outside), refs, entry.name == current)


def _name_in_blobs(link: Path, repo: Path) -> str | None:
    """The name in `blobs` that a link of a snapshot says; the blob may be missing, or a link itself."""
    try:
        target = os.path.normpath(link.parent / os.readlink(link))  # noqa: PTH115
    except OSError:
        return None
    folder, name = os.path.split(target)
    return name if folder == str(repo / "blobs") else None


def blob_name(file: StoredFile, repo: RepoOnDisk) -> str | None:
    """The name in `blobs` of the bytes of a snapshot's file; None where they are not there."""
    if file.inode is None:
        return _name_in_blobs(file.path, repo.folder)
    return next((name for name, blob in repo.blobs.items() if blob.inode == file.inode), None)


def _blobs_of_removed(folder: Path) -> Iterator[str]:
    """The names of blobs that links say which were moved away: they lead nowhere now."""
    for file in files_below(folder):
        if file.inode is not None:
            continue
        try:
            parts = Path(os.readlink(file.path)).parts  # noqa: PTH115
        except OSError:  # another program was faster
            continue
        if parts[-2:-1] == ("blobs",):
            yield parts[-1]


def _folders(folder: Path) -> list[Path]:
    try:
        return [entry for entry in folder.iterdir() if entry.is_dir()]
    except OSError:
        return []


def _refs(folder: Path) -> Iterator[tuple[str, str]]:
    """Names and the commits that they stand for."""
    for file in files_below(folder):
        if file.path.name.startswith("."):
            continue  # one that was being written
        try:
            with file.path.open("rb") as opened:
                commit = opened.read(256).decode("ascii", "replace").strip()
        except OSError:
            continue
        if is_commit(commit):
            yield file.path.relative_to(folder).as_posix(), commit
