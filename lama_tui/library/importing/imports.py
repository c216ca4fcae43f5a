"""Imports of models from this machine: a folder, a `.gguf` file or an archive becomes `data/models/NAME/`."""

import asyncio
import hashlib
import os
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lama_tui.errors import LamaError, ModelError, ModelFormatError, ModelIntegrityError, ModelNotFoundError
from lama_tui.library.hub.values import HubFile
from lama_tui.library.importing.archive import unpack
from lama_tui.library.importing.contents import (
    SourceFile,
    check_kind,
    check_kinds,
    check_model,
    list_files,
    weights_alone,
)
from lama_tui.library.importing.copying import copy_file, hash_of
from lama_tui.library.importing.kinds import ARCHIVES, WORDS, Kind, kind_of
from lama_tui.library.importing.names import check_free, check_model_name, derived_name
from lama_tui.library.importing.target import Target, check_space, of_disk
from lama_tui.library.importing.work import Watch, Work
from lama_tui.library.snapshot_table import SnapshotTable
from lama_tui.library.verify.hashing import in_thread
from lama_tui.paths import Paths
from lama_tui.security.gate import clean_line

Snapshots = Callable[[], Awaitable[SnapshotTable]]


@dataclass(frozen=True, slots=True)
class Imported:
    """A model that is there now. `source` is the path or the address that it came from; `size` in bytes.

    `revision` is the hash of the list of its files.
    """

    ref: str
    path: Path
    source: str
    revision: str
    size: int
    files: tuple[HubFile, ...]
    linked: bool = False


class Imports:
    """Brings models into `data/models/` and records what they are."""

    def __init__(self, paths: Paths, snapshots: Snapshots) -> None:
        self._paths = paths
        self._snapshots = snapshots

    async def add(
        self, source: Path, *, name: str = "", sha256: str = "", link: bool = False, came_from: str = "",
        watch: Watch | None = None,
    ) -> Imported:  # fmt: skip
        """Copy (or `link`) what is at `source`, a folder or a file, and record it.

        `sha256` is what the hash of a file must be, `came_from` the address that it was fetched from. Cancelled,
        it leaves nothing. Raises a `ModelError` that says what is wrong, `StoreError`.
        """
        snapshots = await self._snapshots()  # a store that cannot be opened is told before the work
        loop = asyncio.get_running_loop()

        made: list[Target] = []

        def work(stop: threading.Event) -> tuple[Path, tuple[HubFile, ...]]:
            return self._prepare(source, name, came_from, sha256.lower(), link, made, Work(stop, watch, loop))

        try:
            model, files = await in_thread(work)
            target = made[0]
            ref, revision = target.place.name, _revision(files)
            origin = came_from or str(_absolute(source))
            await snapshots.record(ref, revision, "import", origin, str(target.place), files)
            try:
                path = await asyncio.to_thread(target.finish, model)
            except LamaError:
                await snapshots.forget(ref, revision)
                raise
        finally:
            for target in made:
                await asyncio.to_thread(target.end)
        return Imported(ref, path, origin, revision, sum(file.size for file in files), files, link)

    def _prepare(
        self, source: Path, name: str, came_from: str, sha256: str, link: bool, made: list[Target], work: Work
    ) -> tuple[Path, tuple[HubFile, ...]]:
        """Fill a target, which is put into `made` and is the caller's to end; the model in it, and its files."""
        source = _absolute(source)
        with of_disk(source):
            if not source.exists():
                raise ModelNotFoundError(f"There is nothing at {clean_line(str(source))}", "", "Check the path.")
            is_folder = source.is_dir()
            kind: Kind = "not a file" if is_folder else kind_of(source)
        if is_folder and _inside(source, self._paths.models):
            raise ModelError("It is among lama's own models already", f"{source} is in {self._paths.models}.", "")
        if not is_folder:
            _check_single(source, kind, link)
        elif sha256:
            raise ModelError("A folder has no hash", "--sha256 is that of a file.", "Leave it out.")
        name = name or derived_name(came_from or str(source))
        check_model_name(name or " ")
        check_free(self._paths.models, name)
        if sha256:
            _check_hash(source, sha256, work)
        target = Target(self._paths.models, name)
        made.append(target)
        target.begin()
        if kind in ARCHIVES:
            return _from_archive(source, kind, name, target.folder, work)
        if is_folder:
            return _from_folder(source, name, target.folder, link, work)
        return _from_file(source, target.folder, link, work)


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 — links stay as named


def _check_single(source: Path, kind: Kind, link: bool) -> None:
    """Whether one file can be a model, or hold one."""
    if kind in ARCHIVES:
        if link:
            raise ModelError("An archive cannot be linked", "It has to be unpacked.", "Leave out --link.")
        return
    check_kind(source.name, kind)
    if kind == "safetensors":
        raise weights_alone(source.name)
    if kind != "gguf":
        raise ModelFormatError(
            f"{clean_line(source.name, 80)} is no model", f"It is {WORDS[kind]}.",
            "A model is a folder, a GGUF file, or a zip or tar archive with one of these in it.",
        )  # fmt: skip


def _from_folder(source: Path, name: str, into: Path, link: bool, work: Work) -> tuple[Path, tuple[HubFile, ...]]:
    files = list_files(source, work)
    check_kinds(source, files, work)
    with of_disk(source):
        check_model(name, source)
    total = sum(file.size for file in files)
    place = into / "model"
    if link:
        work.begin("hashing", total)
        listed = [_hashed(source, file, work) for file in files]
        with of_disk(place):
            place.symlink_to(source, target_is_directory=True)
    else:
        check_space(into, total)
        work.begin("copying", total)
        with of_disk(place):
            place.mkdir()
        listed = [HubFile(f.path, f.size, "sha256", copy_file(source, f, place / f.path, work)) for f in files]
    if list_files(source, work) != files:
        raise ModelError(
            "The folder changed while it was imported", f"{source}.", "Wait until nobody writes there, and try again."
        )
    return place, tuple(listed)


def _from_file(source: Path, into: Path, link: bool, work: Work) -> tuple[Path, tuple[HubFile, ...]]:
    """One GGUF file, in a folder of its own."""
    status = source.stat()
    file = SourceFile(source.name, status.st_size, status.st_mtime_ns, (status.st_dev, status.st_ino))
    place = into / "model"
    name = source.name if source.suffix.lower() == ".gguf" else f"{source.name}.gguf"
    with of_disk(place):
        place.mkdir()
    if link:
        work.begin("hashing", file.size)
        listed = _hashed(source.parent, file, work)
        with of_disk(place):
            (place / name).symlink_to(source)
        listed = HubFile(name, listed.size, listed.algorithm, listed.hash)
    else:
        check_space(into, file.size)
        work.begin("copying", file.size)
        listed = HubFile(name, file.size, "sha256", copy_file(source.parent, file, place / name, work))
    check_model(name, place)
    return place, (listed,)


def _from_archive(source: Path, kind: Kind, name: str, into: Path, work: Work) -> tuple[Path, tuple[HubFile, ...]]:
    unpacked = into / "unpacked"
    with of_disk(unpacked):
        unpacked.mkdir()
        unpack(source, kind, unpacked, work)
        model = unpacked
        while len(inside := list(model.iterdir())) == 1 and inside[0].is_dir():
            model = inside[0]  # archives often hold one folder
    work.begin("checking", None)
    files = list_files(model, work)
    if not files:
        raise ModelFormatError("The archive is empty", f"{source.name} holds no files.", "Get the archive again.")
    check_kinds(model, files, work)
    with of_disk(model):
        check_model(name, model)
    work.begin("hashing", sum(file.size for file in files))
    return model, tuple(_hashed(model, file, work) for file in files)


def _hashed(folder: Path, file: SourceFile, work: Work) -> HubFile:
    digest, size = hash_of(folder / file.path, work, file.path)
    return HubFile(file.path, size, "sha256", digest)


def _check_hash(source: Path, sha256: str, work: Work) -> None:
    work.begin("hashing", source.stat().st_size)
    digest, _ = hash_of(source, work, source.name)
    if digest != sha256:
        raise wrong_hash(source.name, sha256, digest)


def wrong_hash(name: str, wanted: str, found: str) -> LamaError:
    """The error with its words."""
    return ModelIntegrityError(
        f"{clean_line(name, 80)} is not the file that was asked for",
        f"Its SHA-256 is {found}, and it should be {clean_line(wanted, 64)}.",
        "Get it again, from somewhere else perhaps; nothing was imported.",
    )


def _inside(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def _revision(files: Sequence[HubFile]) -> str:
    """The hash of the list of files: what is the same has the same."""
    listed = "".join(f"{file.hash} {file.size} {file.path}\n" for file in sorted(files, key=lambda file: file.path))
    return hashlib.sha256(listed.encode()).hexdigest()
