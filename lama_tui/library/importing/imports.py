"""Imports of models: a folder, a `.gguf` file, an archive or an address of one becomes `data/models/NAME/`."""

import asyncio
import hashlib
import os
import re
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lama_tui.errors import (
    DownloadError,
    ModelError,
    ModelFormatError,
    ModelIntegrityError,
    ModelNotFoundError,
)
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
from lama_tui.library.importing.fetch import AddressFetch, check_address, is_address, name_in
from lama_tui.library.importing.kinds import ARCHIVES, WORDS, Kind, kind_of
from lama_tui.library.importing.names import Places, check_free, check_model_name, derived_name
from lama_tui.library.importing.target import Target, check_space, of_disk
from lama_tui.library.importing.work import Watch, Work
from lama_tui.library.snapshot_table import SnapshotTable
from lama_tui.library.verify.hashing import in_thread
from lama_tui.paths import Paths
from lama_tui.providers.fetch import Fetcher
from lama_tui.security.gate import clean_line

Snapshots = Callable[[], Awaitable[SnapshotTable]]
Accept = Callable[[str, Path], Awaitable[None]]
"""Raises a `LamaError` for a folder that may not become the model of this name."""


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

    def __init__(self, paths: Paths, snapshots: Snapshots, accept: Accept | None = None) -> None:
        self._accept = accept
        self._paths = paths
        self._snapshots = snapshots

    async def check(
        self, source: str, *, name: str = "", sha256: str = "", link: bool = False, insecure_http: bool = False
    ) -> tuple[str, str]:
        """What can be seen before it begins: the name that the model will have, and the address or absolute path.

        Raises a `LamaError`.
        """
        check_sha256(sha256)
        if not is_address(source):
            wish = _Wish(_absolute(Path(source)), name, sha256, link)
            seen = await asyncio.to_thread(_look, wish, self._paths.models)
            return seen.name, str(wish.source)
        check_address(source, insecure_http)
        if link:
            raise ModelError("What is elsewhere cannot be linked", "--link is for files on this disk.", "Leave it out.")
        name = name or derived_name(name_in(source))
        check_model_name(name)
        await asyncio.to_thread(check_free, self._paths.models, name)
        return name, source

    async def fetch(
        self,
        url: str,
        fetcher: Fetcher,
        *,
        name: str = "",
        sha256: str = "",
        insecure_http: bool = False,
        watch: Watch | None = None,
    ) -> Imported:
        """Fetch a GGUF file or an archive from an address by `fetcher`, which is closed then, and `add` it.

        Cancelled, stopped or cut off, what came is kept, and the next call goes on with it. Raises a `LamaError`, and
        `Stopped` of the fetcher.
        """
        name, _ = await self.check(url, name=name, sha256=sha256, insecure_http=insecure_http)
        loop = asyncio.get_running_loop()
        fetching = AddressFetch(self._paths.models, url)

        def work(stop: threading.Event) -> Path:
            return fetching.run(fetcher, Work(stop, watch, loop))

        running = asyncio.ensure_future(in_thread(work))
        try:
            try:
                source = await asyncio.shield(running)
            except asyncio.CancelledError:
                fetcher.stop()  # it may wait for the network
                running.cancel()
                await asyncio.wait([running])
                raise
            try:
                done = await self._add(_Wish(source, name, sha256, came_from=url), watch)
            except (ModelFormatError, ModelIntegrityError, DownloadError):
                await asyncio.to_thread(fetching.discard)  # the same would come again
                raise
            await asyncio.to_thread(fetching.discard)
            return done
        finally:
            fetcher.close()
            fetching.release()

    async def add(
        self, source: Path, *, name: str = "", sha256: str = "", link: bool = False, watch: Watch | None = None
    ) -> Imported:
        """Copy (or `link`) what is at `source`, a folder or a file, and record it.

        `sha256` is what the hash of a file must be. Cancelled, it leaves nothing. Raises a `ModelError` that says
        what is wrong, `StoreError`.
        """
        check_sha256(sha256)
        return await self._add(_Wish(_absolute(source), name, sha256, link), watch)

    async def imported(self, name: str) -> Imported:
        """What was recorded of an import. Raises `ModelNotFoundError` where it was removed since."""
        snapshots = await self._snapshots()
        known = [each for each in await snapshots.all() if each.ref == name and each.kind == "import"]
        if not known:
            raise ModelNotFoundError(f"{clean_line(name, 80)} was removed meanwhile", "", "Import it again.")
        last = max(known, key=lambda each: each.fetched)
        listed = await snapshots.files(name, last.revision)
        files = tuple(HubFile(file.path, file.size, file.algorithm, file.hash) for file in listed)
        return Imported(name, Path(last.path), last.source, last.revision, sum(file.size for file in files), files)

    async def remove_parts(self, source: str, name: str) -> None:
        """Take away what came of an import that nobody works on."""
        if is_address(source):
            await asyncio.to_thread(AddressFetch(self._paths.models, source).remove)
        await asyncio.to_thread(Target(self._paths.models, name).remove)

    async def _add(self, wish: "_Wish", watch: Watch | None) -> Imported:
        snapshots = await self._snapshots()  # a store that cannot be opened is told before the work
        loop = asyncio.get_running_loop()
        made: list[Target] = []
        try:
            model, files = await in_thread(lambda stop: self._prepare(wish, made, Work(stop, watch, loop)))
            place = made[0].place
            ref, revision = place.name, _revision(files)
            if self._accept is not None:
                await self._accept(ref, model)
            path = await asyncio.to_thread(made[0].finish, model)
            try:
                await snapshots.record(ref, revision, "import", wish.origin, str(place), files)
            except BaseException:
                await asyncio.to_thread(made[0].undo)
                raise
        finally:
            for target in made:
                await asyncio.to_thread(target.end)
        return Imported(ref, path, wish.origin, revision, sum(file.size for file in files), files, wish.link)

    def _prepare(self, wish: "_Wish", made: list[Target], work: Work) -> tuple[Path, tuple[HubFile, ...]]:
        """Fill a target, which is put into `made` and is the caller's to end; the model in it, and its files."""
        seen = _look(wish, self._paths.models)
        if wish.sha256:
            _check_hash(wish, work)
        target = Target(self._paths.models, seen.name)
        made.append(target)
        target.begin()
        if seen.kind in ARCHIVES:
            return _from_archive(wish, seen.kind, seen.name, target.folder, work)
        if seen.is_folder:
            return _from_folder(wish.source, seen.name, target.folder, wish.link, work)
        return _from_file(wish, target.folder, work)


@dataclass(frozen=True, slots=True)
class _Wish:
    """What to import. `came_from` is the address that `source` was fetched from: it may be taken then, not copied."""

    source: Path
    name: str = ""
    sha256: str = ""
    link: bool = False
    came_from: str = ""

    @property
    def origin(self) -> str:
        """What is recorded."""
        return self.came_from or str(self.source)

    @property
    def called(self) -> str:
        """The name of the file; untrusted."""
        return name_in(self.came_from) if self.came_from else self.source.name


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a source is, at first sight, and the name that it will have."""

    name: str
    kind: Kind
    is_folder: bool


def _look(wish: _Wish, models: Path) -> _Seen:
    """Look at what is to be imported, without reading all of it. Raises a `ModelError`. Blocks."""
    source = wish.source
    with of_disk(source):
        if not source.exists():
            raise ModelNotFoundError(f"There is nothing at {clean_line(str(source))}", "", "Check the path.")
        is_folder = source.is_dir()
        kind: Kind = "not a file" if is_folder else kind_of(source)
    if is_folder and source.resolve().is_relative_to(models.resolve()):
        raise ModelError("It is among lama's own models already", f"{source} is in {models}.", "")
    if not is_folder:
        _check_single(wish, kind)
    elif wish.sha256:
        raise ModelError("A folder has no hash", "--sha256 is that of a file.", "Leave it out.")
    name = wish.name or derived_name(str(source))
    check_model_name(name)
    check_free(models, name)
    return _Seen(name, kind, is_folder)


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 — links stay as named


def _check_single(wish: _Wish, kind: Kind) -> None:
    """Whether one file can be a model, or hold one."""
    if kind in ARCHIVES:
        if wish.link:
            raise ModelError("An archive cannot be linked", "It has to be unpacked.", "Leave out --link.")
        return
    check_kind(wish.called, kind)
    if kind == "safetensors":
        raise weights_alone(wish.called)
    if kind != "gguf":
        raise ModelFormatError(
            f"{clean_line(wish.called, 80)} is no model", f"It is {WORDS[kind]}.",
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


def _from_file(wish: _Wish, into: Path, work: Work) -> tuple[Path, tuple[HubFile, ...]]:
    """One GGUF file, in a folder of its own."""
    source = wish.source
    status = source.stat()
    file = SourceFile(source.name, status.st_size, status.st_mtime_ns, (status.st_dev, status.st_ino))
    place = into / "model"
    name = wish.called if wish.called.lower().endswith(".gguf") else f"{wish.called or 'model'}.gguf"
    Places().add(name)
    with of_disk(place):
        place.mkdir()
        if wish.link:
            (place / name).symlink_to(source)
        elif wish.came_from:
            source.rename(place / name)
    if wish.link or wish.came_from:
        work.begin("hashing", file.size)
        digest, _ = hash_of(place / name, work, name)
    else:
        check_space(into, file.size)
        work.begin("copying", file.size)
        digest = copy_file(source.parent, file, place / name, work)
    check_model(name, place)
    return place, (HubFile(name, file.size, "sha256", digest),)


def _from_archive(wish: _Wish, kind: Kind, name: str, into: Path, work: Work) -> tuple[Path, tuple[HubFile, ...]]:
    unpacked = into / "unpacked"
    with of_disk(unpacked):
        unpacked.mkdir()
        unpack(wish.source, wish.called, kind, unpacked, work)
        model = unpacked
        while len(inside := list(model.iterdir())) == 1 and inside[0].is_dir():
            model = inside[0]  # archives often hold one folder
    work.begin("checking", None)
    files = list_files(model, work)
    if not files:
        raise ModelFormatError(
            "The archive is empty", f"{clean_line(wish.called, 80)} holds no files.", "Get the archive again."
        )
    check_kinds(model, files, work)
    with of_disk(model):
        check_model(name, model)
    work.begin("hashing", sum(file.size for file in files))
    return model, tuple(_hashed(model, file, work) for file in files)


def _hashed(folder: Path, file: SourceFile, work: Work) -> HubFile:
    digest, size = hash_of(folder / file.path, work, file.path)
    return HubFile(file.path, size, "sha256", digest)


def _check_hash(wish: _Wish, work: Work) -> None:
    work.begin("hashing", wish.source.stat().st_size)
    digest, _ = hash_of(wish.source, work, wish.called)
    if digest != wish.sha256.lower():
        raise ModelIntegrityError(
            f"{clean_line(wish.called, 80)} is not the file that was asked for",
            f"Its SHA-256 is {digest}, and it should be {wish.sha256.lower()}.",
            "Get it again, from somewhere else perhaps; nothing was imported.",
        )


def check_sha256(text: str) -> None:
    """Raise `ModelError` for what is not the hash of anything."""
    if text and not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise ModelError("This is no SHA-256", clean_line(text, 80), "It has 64 hex digits")


def _revision(files: Sequence[HubFile]) -> str:
    """The hash of the list of files: what is the same has the same."""
    listed = "".join(f"{file.hash} {file.size} {file.path}\n" for file in sorted(files, key=lambda file: file.path))
    return hashlib.sha256(listed.encode()).hexdigest()
