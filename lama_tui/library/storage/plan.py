"""What a removal would do, before anything is done: which files go, which stay and why, and what the disk gains.

Looks only. Whatever is shared with something that stays, stays; the guide and folders outside the hub's cache and
`data/models/` are never deleted.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lama_tui.errors import ModelError, ModelNotFoundError
from lama_tui.library.gguf_models import parts_of
from lama_tui.library.hub_cache import hub_cache_folder
from lama_tui.library.storage.disk import StoredFile, files_below, followed, freed, stored, taken
from lama_tui.library.storage.repo import RepoOnDisk, Revision, blob_name, repo_on_disk
from lama_tui.library.storage.shared_store import gained, shared_blob
from lama_tui.paths import Paths
from lama_tui.types import ModelReference


@dataclass(frozen=True, slots=True)
class RemovalPlan:
    """What a removal does. Bytes.

    `whole`: nothing is left of it. `refs` are the files that name what goes, `folders` vanish first, all at once,
    with the `links` in them; then `files` are deleted one by one. `freed` is what the disk gains then, `kept` what
    was looked at and stays, for the reasons in `notes`. Records of `revisions` are forgotten. `empties` is a folder
    that is empty afterwards and goes too; `repo` the repo of the hub that it is of, empty: none. `in_use`: the
    revision that people get goes. `asked`, `revision` and `old_revisions` are the question that this answers.
    """

    ref: str
    home: Path
    whole: bool
    revisions: tuple[str, ...] = ()
    refs: tuple[StoredFile, ...] = ()
    folders: tuple[Path, ...] = ()
    links: tuple[StoredFile, ...] = ()
    files: tuple[StoredFile, ...] = ()
    shared: tuple[Path, ...] = ()
    freed: int = 0
    kept: int = 0
    notes: tuple[str, ...] = ()
    empties: Path | None = None
    repo: str = ""
    in_use: bool = True
    asked: str = ""
    revision: str | None = None
    old_revisions: bool = False

    @property
    def everything(self) -> tuple[StoredFile, ...]:
        """Every file that goes, in the order in which they go."""
        return (*self.refs, *self.links, *self.files)

    @property
    def work_place(self) -> Path | None:
        """The folder that only one removal may be at work in; None where nothing but single files goes."""
        return self.home if self.repo else next(iter(self.folders), None)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to delete."""
        return not (self.everything or self.folders) and self.empties is None


def plan_removal(
    reference: str, paths: Paths, *, revision: str | None = None, old_revisions: bool = False
) -> RemovalPlan:
    """What removing `reference`, or only a revision or its old revisions, would do. Blocks.

    Raises `ModelNotFoundError`; a `ModelError` for what is never removed.
    """
    plan = _plan(reference, paths, revision, old_revisions)
    return replace(plan, asked=reference, revision=revision, old_revisions=old_revisions)


def _plan(reference: str, paths: Paths, revision: str | None, old_revisions: bool) -> RemovalPlan:
    named = ModelReference.parse(reference, os.path.exists)
    cache = hub_cache_folder().absolute()
    if named.kind == "guide":
        raise ModelError("The guide cannot be removed", "It is a part of lama.", "Remove lama itself to be rid of it.")
    if named.kind == "provider":
        raise ModelNotFoundError(
            f"{reference} is not on this machine",
            f"It is served by the provider {named.provider}.",
            "`lama ls` lists the models that are.",
        )
    own = paths.models / named.name
    if named.kind == "gguf" and not os.path.exists(Path(named.name).expanduser()):  # noqa: PTH110 — whatever the name
        return _gguf_by_name(named.name, paths, cache)
    if named.kind in ("folder", "gguf"):
        own = _of_path(Path(named.name).expanduser(), paths, cache)
        if own.parent != paths.models.absolute():
            return _own_files(own.relative_to(paths.models.absolute()).as_posix(), own)
    elif "/" in named.name or named.name in ("", ".", ".."):
        own = paths.models / "\0"
    if named.kind != "hub" or (own.name and os.path.lexists(own)):
        if revision is not None or old_revisions:
            raise ModelError(
                f"{own.name} has no revisions", "Only models of the hub have.", "Remove it without naming one."
            )
        return _own_folder(own)
    repo = repo_on_disk(cache, named.name)
    if repo is None:
        raise ModelNotFoundError(
            f"{named.name} is not on this machine", "It is not in the hub's cache.", "`lama ls` lists the models here."
        )
    if repo.linked != repo.folder or old_revisions or revision is not None:
        _require_own(repo)
    if old_revisions:
        return _some(repo, cache, [old for old in repo.revisions if old.old])
    if revision is not None:
        chosen = _chosen(repo, revision)
        return _some(repo, cache, [chosen]) if len(repo.revisions) > 1 else _all(repo, cache, paths)
    return _all(repo, cache, paths)


def _of_path(path: Path, paths: Paths, cache: Path) -> Path:
    """The folder of ours that `path` names. Raises a `ModelError` for one that is not ours."""
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 — links stay as named
    models = Path(os.path.abspath(paths.models))  # noqa: PTH100
    inside = absolute.relative_to(models).parts if absolute.is_relative_to(models) else ()
    if inside and not inside[0].startswith(".") and ".." not in inside and (len(inside) == 1 or _is_gguf(absolute)):
        return absolute
    if absolute.is_relative_to(cache) and absolute != cache:
        name = absolute.relative_to(cache).parts[0].removeprefix("models--").replace("--", "/")
        raise ModelError(
            f"{absolute} is a part of {name}", "It is in the hub's cache.", f"Remove it by its name: `lama rm {name}`."
        )
    if not os.path.lexists(absolute):
        raise ModelNotFoundError(f"There is no model at {absolute}", "There is no such folder.", "Check the path.")
    raise ModelError(
        f"{absolute} is not deleted",
        "It is outside the places of lama: the hub's cache and the folder of imported models.",
        "Delete it yourself if nobody needs it.",
    )


def _is_gguf(path: Path) -> bool:
    return path.suffix.lower() == ".gguf" and path.is_file()


def _gguf_by_name(name: str, paths: Paths, cache: Path) -> RemovalPlan:
    """A GGUF file as the list names it: in `data/models/`, or one of several in a repo."""
    words = name.split("/")
    if not {"", ".", ".."} & set(words) and not words[0].startswith("."):
        own = paths.models / name
        if _is_gguf(own):
            return _own_files(name, own)
        repo = repo_on_disk(cache, "/".join(words[:2])) if len(words) > 2 else None
        if repo is not None and any((revision.folder / Path(*words[2:])).is_file() for revision in repo.revisions):
            _require_own(repo)
            return _files_of_repo(name, repo, cache, Path(*words[2:]))
    raise ModelNotFoundError(f"{name} is not on this machine", "There is no such file.", "`lama ls` lists the models.")


def _own_files(ref: str, first: Path) -> RemovalPlan:
    """A GGUF model in `data/models/`: a file or its parts; of linked ones only the links go."""
    files = [file for part in parts_of(first) if (file := stored(part)) is not None]
    ends = [end for file in files if file.inode is None and (end := followed(file.path)) is not None]
    notes = [*([_linked("It links to", ends)] if ends else []), *_still_named(files)]
    return RemovalPlan(
        ref, first.parent, True, links=tuple(files), freed=freed(files), kept=taken(ends), notes=tuple(notes)
    )


def _files_of_repo(ref: str, repo: RepoOnDisk, cache: Path, inside: Path) -> RemovalPlan:
    """One GGUF model of several in a repo, in all of its revisions."""
    parts = {part for revision in repo.revisions for part in parts_of(revision.folder / inside)}
    links = [file for revision in repo.revisions for file in revision.files if file.path in parts]
    needed = {
        name for revision in repo.revisions for file in revision.files if file.path not in parts
        for name in (blob_name(file, repo),) if name is not None
    }  # fmt: skip
    theirs = {name for file in links if (name := blob_name(file, repo)) is not None} - needed
    files = [repo.blobs[name] for name in theirs if name in repo.blobs]
    shared, gain, stays = _shared([file.path for file in files], cache)
    gone = (*links, *files)
    return RemovalPlan(
        ref, repo.folder, True, links=tuple(links), files=tuple(files), shared=shared, freed=freed(gone) + gain,
        notes=(*_still_named(gone), *stays), repo=repo.name,
    )  # fmt: skip


def _own_folder(folder: Path) -> RemovalPlan:
    """An imported or converted model; of a linked one only the link goes."""
    if folder.is_file() and not folder.is_symlink():
        return _own_files(folder.name, folder)
    if folder.is_symlink():
        note = f"It is a link to {folder.resolve()}, which stays."
        link = stored(folder)
        return RemovalPlan(folder.name, folder.parent, True, links=(link,) if link else (), notes=(note,))
    files = tuple(files_below(folder))
    ends = [end for file in files if file.inode is None and (end := followed(file.path)) is not None]
    notes = []
    if ends:
        notes.append(_linked("It links to", ends))
    notes += _still_named(files)
    return RemovalPlan(
        folder.name, folder.parent, True, folders=(folder,), links=files, freed=freed(files), kept=taken(ends),
        notes=tuple(notes),
    )  # fmt: skip


def _all(repo: RepoOnDisk, cache: Path, paths: Paths) -> RemovalPlan:
    """Everything that a repo of the hub has."""
    if repo.folder.is_symlink():
        link = stored(repo.folder)
        note = f"Its folder is a link to {repo.folder.resolve()}, which stays."
        return RemovalPlan(repo.name, cache, True, links=(link,) if link else (), notes=(note,))
    _require_unlinked(repo, paths)
    everything = tuple(files_below(repo.folder))
    vanish = (*(revision.folder for revision in repo.revisions), *repo.leavings, *repo.building)
    links, refs, files = [], [], []
    for file in everything:
        inside = file.path.relative_to(repo.folder).parts
        if any(file.path.is_relative_to(folder) for folder in vanish):
            links.append(file)
        elif inside[0] == "refs":
            refs.append(file)
        else:
            files.append(file)
    outside = [end for revision in repo.revisions for end in revision.outside]
    notes = [*([_linked("It links to", outside)] if outside else []), *_still_named(everything)]
    blobs = [repo.folder / "blobs" / name for name in repo.blobs]
    shared, gain, stays = _shared(blobs, cache)
    return RemovalPlan(
        repo.name, repo.folder, True, tuple(revision.commit for revision in repo.revisions), tuple(refs), vanish,
        tuple(links), tuple(files), shared, freed(everything) + gain, taken(outside), (*notes, *stays),
        empties=repo.folder, repo=repo.name,
    )  # fmt: skip


def _some(repo: RepoOnDisk, cache: Path, going: Sequence[Revision]) -> RemovalPlan:
    """Some revisions of a repo, and what only they use."""
    staying = [revision for revision in repo.revisions if revision not in going]
    needed = {name for revision in staying for name in revision.blobs}
    theirs = {name: end for revision in going for name, end in revision.blobs.items()}
    files = tuple(repo.blobs[name] for name in theirs if name not in needed and name in repo.blobs)
    refs = [stored(repo.folder / "refs" / ref) for revision in going for ref in revision.refs]
    links = tuple(file for revision in going for file in revision.files)
    notes = []
    kept = [end for name, end in theirs.items() if name in needed]
    if kept:
        notes.append(_linked("Another revision uses", kept))
    if lost := [revision.commit[:12] for revision in going if revision.old]:
        notes.append(f"There is no going back to {', '.join(lost)} then, unless it is fetched again.")
    if any(revision.current for revision in going) and staying:
        newest = max(staying, key=lambda revision: _time(revision.folder))
        notes.append(f"It is the one in use; after it {newest.commit[:12]} is.")
    shared, gain, stays = _shared([file.path for file in files], cache)
    gone = (*(ref for ref in refs if ref is not None), *links, *files)
    return RemovalPlan(
        repo.name, repo.folder, False, tuple(revision.commit for revision in going),
        tuple(ref for ref in refs if ref is not None), tuple(revision.folder for revision in going), links, files,
        shared, freed(gone) + gain, taken(kept), (*notes, *_still_named(gone), *stays),
        in_use=any(revision.current for revision in going), repo=repo.name,
    )  # fmt: skip


def _chosen(repo: RepoOnDisk, words: str) -> Revision:
    """The revision that `words` name: a commit, the beginning of one, or a ref."""
    for revision in repo.revisions:
        if revision.commit == words or words in revision.refs:
            return revision
    found = [revision for revision in repo.revisions if len(words) >= 4 and revision.commit.startswith(words)]
    if len(found) == 1:
        return found[0]
    known = ", ".join(revision.commit[:12] for revision in repo.revisions) or "none"
    if found:
        raise ModelNotFoundError(
            f"{words} is not one revision of {repo.name}", f"{len(found)} begin so.", f"Here are: {known}."
        )
    raise ModelNotFoundError(f"{repo.name} has no revision {words} here", "", f"Here are: {known}.")


def _require_own(repo: RepoOnDisk) -> None:
    """Raise a `ModelError` where a folder of `repo` is a link: what is behind it is not in the cache."""
    if repo.linked is not None:
        raise ModelError(
            f"{repo.name} is not deleted",
            f"{repo.linked} is a link to {repo.linked.resolve()}: what lies there is not touched.",
            "Delete it yourself if nobody needs it.",
        )


def _require_unlinked(repo: RepoOnDisk, paths: Paths) -> None:
    """Raise a `ModelError` where an imported model links to files of `repo`: it would be broken."""
    home = repo.folder.resolve()
    try:
        own = [entry for entry in paths.models.iterdir() if entry.is_dir() and not entry.name.startswith(".")]
    except OSError:
        return
    for entry in own:
        ends = [followed(file.path) for file in files_below(entry) if file.inode is None]
        if entry.resolve().is_relative_to(home) or any(end and end.path.is_relative_to(home) for end in ends):
            raise ModelError(
                f"{repo.name} is used by {entry.name}", "That model links to its files.", f"Remove {entry.name} first."
            )


def _shared(blobs: Iterable[Path], cache: Path) -> tuple[tuple[Path, ...], int, tuple[str, ...]]:
    """The bytes in the store that repos share which `blobs` link to, what is gained with them, and what to say."""
    going = list(blobs)
    shared = tuple(end for blob in going if (end := shared_blob(blob, cache)) is not None)
    gains = {end: gained(end, going, cache) for end in shared}
    stays = [end for end, gain in gains.items() if not gain]
    notes = ("Other models use a part of its files, which stays in the store that models share.",) if stays else ()
    return shared, sum(gains.values()), notes


def _still_named(files: Iterable[StoredFile]) -> list[str]:
    """Say that bytes are not freed because they have another name."""
    each = {file.path: file for file in files if file.inode is not None}
    gone: dict[object, int] = {}
    for file in each.values():
        gone[file.inode] = gone.get(file.inode, 0) + 1
    held = {file.inode: file for file in each.values() if gone[file.inode] < file.names}
    if not held:
        return []
    return [f"{_files(len(held))} with another name elsewhere on this disk (a hard link): nothing is freed by them."]


def _linked(words: str, ends: Sequence[StoredFile]) -> str:
    count = len({end.inode for end in ends})
    return f"{words} {_files(count)}, which {'stays' if count == 1 else 'stay'}."


def _files(count: int) -> str:
    return f"{count:,} file" if count == 1 else f"{count:,} files"


def _time(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:
        return 0.0
