"""What each model takes on the disk, and all of them together: bytes that several share are counted once."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lama_tui.library.gguf_models import parts_of
from lama_tui.library.hub_cache import cached_repos, hub_cache_folder
from lama_tui.library.storage.disk import Inode, StoredFile, files_below, followed, stored, taken
from lama_tui.library.storage.repo import RepoOnDisk, repo_on_disk
from lama_tui.paths import Paths


@dataclass(frozen=True, slots=True)
class RevisionUsage:
    """One revision of a model. `size` is what its files take, `old` whether it only stays to go back to."""

    revision: str
    path: Path
    size: int
    refs: tuple[str, ...]
    current: bool
    old: bool


@dataclass(frozen=True, slots=True)
class ModelStorage:
    """What one model takes. Bytes, each inode once.

    `size` is all that it has here, `alone` the part that no other model uses, `old` what its old revisions alone
    keep, `parts` files that are not whole, `orphaned` whole files that no revision leads to. `outside` is what it
    links to elsewhere: not ours to count or to delete. `arrived` is UTC milliseconds.
    """

    ref: str
    path: str
    size: int = 0
    alone: int = 0
    old: int = 0
    parts: int = 0
    orphaned: int = 0
    outside: int = 0
    revisions: tuple[RevisionUsage, ...] = ()
    arrived: int | None = None


@dataclass(frozen=True, slots=True)
class LibraryUsage:
    """All models. `total` bytes of everything in our places, `shared` what is in it once and used more often."""

    models: tuple[ModelStorage, ...]
    total: int
    shared: int

    def of(self, ref: str) -> ModelStorage | None:
        """The model `ref`; None for what takes nothing here: the guide, a folder elsewhere."""
        return next((model for model in self.models if model.ref == ref), None)


@dataclass(frozen=True, slots=True)
class _Found:
    """A model with its bytes, before it is known what others share."""

    ref: str
    path: str
    inside: tuple[StoredFile, ...]
    outside: tuple[StoredFile, ...] = ()
    repo: RepoOnDisk | None = None


def is_of(ref: str, model: str) -> bool:
    """Whether `ref` is `model`, or one of several GGUF files of it that are models themselves."""
    return ref == model or ref.startswith(f"{model}/")


async def library_usage(paths: Paths) -> LibraryUsage:
    """Measure the hub's cache and `data/models/`. Whatever cannot be read is not counted."""
    return await asyncio.to_thread(measure, hub_cache_folder().absolute(), paths.models)


def measure(cache: Path, models: Path) -> LibraryUsage:
    """As `library_usage`. Blocks."""
    places = (cache.resolve(), models.resolve())
    found = [*_of_hub(cache, places), *_own(models, places)]
    owners = Counter[Inode]()
    for model in found:
        owners.update({file.inode for file in model.inside if file.inode is not None})
    everything = [file for model in found for file in model.inside]
    return LibraryUsage(
        tuple(sorted((_usage(model, owners) for model in found), key=lambda model: (-model.size, model.ref))),
        taken(everything),
        taken(file for file in everything if file.inode is not None and owners[file.inode] > 1),
    )


def _of_hub(cache: Path, places: Sequence[Path]) -> Iterable[_Found]:
    for cached in cached_repos(cache):
        repo = repo_on_disk(cache, cached.name)
        if repo is None:
            continue
        linked = [end for revision in repo.revisions for end in (*revision.blobs.values(), *revision.outside)]
        blobs = [end for blob in repo.blobs.values() if (end := _bytes(blob)) is not None]
        own = [file for revision in repo.revisions for file in revision.files if file.inode is not None]
        ends = (*linked, *blobs, *own, *repo.parts)
        inside, outside = _split(ends, places)
        yield _Found(repo.name, str(cached.folder or repo.folder), inside, outside, repo)


def _own(models: Path, places: Sequence[Path]) -> Iterable[_Found]:
    try:
        # a dot begins what an import or a removal has not finished: `cleaning` knows
        entries = sorted(entry for entry in models.iterdir() if not entry.name.startswith("."))
    except OSError:
        return
    later: set[Path] = set()  # parts of a file that was split
    for entry in entries:
        if entry in later:
            continue
        if entry.is_dir():
            found = list(files_below(entry))
        elif entry.suffix.lower() == ".gguf":
            later.update(parts_of(entry))
            found = [part for path in parts_of(entry) if (part := stored(path)) is not None]
        else:
            continue
        files = (file if file.inode is not None else followed(file.path) for file in found)
        inside, outside = _split([file for file in files if file is not None], places)
        yield _Found(entry.name, str(entry), inside, outside)


def _bytes(blob: StoredFile) -> StoredFile | None:
    """The file that a blob is; where repos share a store, the one that it links to."""
    return blob if blob.inode is not None else followed(blob.path)


def _split(ends: Iterable[StoredFile], places: Sequence[Path]) -> tuple[tuple[StoredFile, ...], tuple[StoredFile, ...]]:
    """What is in our places, and what only a link leads to."""
    inside: list[StoredFile] = []
    outside: list[StoredFile] = []
    ours: dict[Path, bool] = {}
    for file in ends:
        folder = file.path.parent
        if folder not in ours:
            home = folder.resolve()
            ours[folder] = any(home.is_relative_to(place) for place in places)
        (inside if ours[folder] else outside).append(file)
    return tuple(inside), tuple(outside)


def _usage(model: _Found, owners: Counter[Inode]) -> ModelStorage:
    times = [file.modified for file in model.inside if file.inode is not None]
    alone = taken(file for file in model.inside if file.inode is not None and owners[file.inode] == 1)
    usage = ModelStorage(
        model.ref,
        model.path,
        taken(model.inside),
        alone,
        outside=taken(model.outside),
        arrived=int(max(times) * 1000) if times else None,
    )
    return usage if model.repo is None else _with_revisions(usage, model.repo)


def _with_revisions(usage: ModelStorage, repo: RepoOnDisk) -> ModelStorage:
    kept = {file.inode for revision in repo.revisions if not revision.old for file in revision.blobs.values()}
    old = [file for revision in repo.revisions if revision.old for file in (*revision.blobs.values(), *revision.files)]
    return ModelStorage(
        usage.ref,
        usage.path,
        usage.size,
        usage.alone,
        taken(file for file in old if file.inode not in kept),
        taken(repo.parts),
        taken(end for blob in repo.unlinked.values() if (end := _bytes(blob)) is not None),
        usage.outside,
        tuple(
            RevisionUsage(
                revision.commit,
                revision.folder,
                taken((*revision.blobs.values(), *revision.files)),
                revision.refs,
                revision.current,
                revision.old,
            )
            for revision in repo.revisions
        ),
        usage.arrived,
    )
