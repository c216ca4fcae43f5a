"""Imports of models: a folder, a `.gguf` file, an archive or an address of one becomes `data/models/NAME/`."""

import asyncio
import hashlib
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lama_tui.errors import DownloadError, ModelError, ModelFormatError, ModelIntegrityError, ModelNotFoundError
from lama_tui.library.hub.values import HubFile
from lama_tui.library.importing.fetch import AddressFetch, check_address, is_address, name_for
from lama_tui.library.importing.filling import fill
from lama_tui.library.importing.names import check_free, check_model_name
from lama_tui.library.importing.source import Wish, absolute, check_hash, check_sha256, look
from lama_tui.library.importing.target import Busy, Target
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

        Raises a `LamaError`; whether the name is free, `check_free` says.
        """
        check_sha256(sha256)
        if not is_address(source):
            wish = Wish(absolute(source), name, sha256, link)
            seen = await asyncio.to_thread(look, wish, self._paths.models)
            return seen.name, str(wish.source)
        check_address(source, insecure_http)
        if link:
            raise ModelError("What is elsewhere cannot be linked", "--link is for files on this disk.", "Leave it out.")
        name = name or name_for(source)
        check_model_name(name)
        return name, source

    async def check_free(self, name: str) -> None:
        """Raise `ModelError` where there is a model of that name."""
        await asyncio.to_thread(check_free, self._paths.models, name)

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
        await self.check_free(name)
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
                done = await self._add(Wish(source, name, sha256, came_from=url, beside=fetching.beside), watch)
            except Busy:
                raise
            except (ModelFormatError, ModelIntegrityError, DownloadError):
                await in_thread(lambda stop: fetching.discard())  # the same would come again
                raise
            await in_thread(lambda stop: fetching.discard())
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
        return await self._add(Wish(absolute(source), name, sha256, link), watch)

    async def imported(self, name: str) -> Imported:
        """What was recorded of an import. Raises `ModelNotFoundError` where it was removed since."""
        snapshots = await self._snapshots()
        last = next((each for each in await snapshots.all() if (each.ref, each.kind) == (name, "import")), None)
        if last is None:
            raise ModelNotFoundError(f"{clean_line(name, 80)} was removed meanwhile", "", "Import it again.")
        listed = await snapshots.files(name, last.revision)
        files = tuple(HubFile(file.path, file.size, file.algorithm, file.hash) for file in listed)
        return Imported(name, Path(last.path), last.source, last.revision, sum(file.size for file in files), files)

    async def is_done(self, source: str, name: str, since: int) -> bool:
        """Whether this import was recorded after `since`, in UTC milliseconds, and is still there.

        One that was killed when it had its name is recorded now.
        """
        snapshots = await self._snapshots()
        known = await snapshots.all()
        own = [each for each in known if (each.ref, each.source) == (name, source) and each.fetched >= since]
        if own:
            return await asyncio.to_thread(Path(own[0].path).exists)
        target = Target(self._paths.models, name)
        noted = await asyncio.to_thread(target.cut_off, source)
        if noted is None:
            return False
        try:
            files = [HubFile(path, size, "sha256", digest) for path, size, digest in noted["files"]]
            await snapshots.record(name, noted["revision"], "import", source, str(target.place), files)
        finally:
            await in_thread(lambda stop: target.end())
        return True

    async def remove_parts(self, source: str, name: str) -> None:
        """Take away what came of an import that nobody works on."""
        if is_address(source):
            await asyncio.to_thread(AddressFetch(self._paths.models, source).remove)
        await asyncio.to_thread(Target(self._paths.models, name).remove)

    async def _add(self, wish: Wish, watch: Watch | None) -> Imported:
        snapshots = await self._snapshots()  # a store that cannot be opened is told before the work
        loop = asyncio.get_running_loop()
        made: list[Target] = []
        try:
            model, files = await in_thread(lambda stop: self._prepare(wish, made, Work(stop, watch, loop)))
            place = made[0].place
            done = Imported(
                place.name, place, wish.origin, _revision(files), sum(file.size for file in files), files, wish.link
            )
            if self._accept is not None:
                await self._accept(done.ref, model)
            record = {
                "source": done.source, "revision": done.revision, "files": [(f.path, f.size, f.hash) for f in files]
            }  # fmt: skip
            await in_thread(lambda stop: made[0].save(model, record, Work(stop, None, loop)))
            finishing = asyncio.ensure_future(_finish(made[0], model, done, snapshots))
            try:
                await asyncio.shield(finishing)
            except asyncio.CancelledError:  # both or neither: a model that is there and not recorded is nobody's
                await asyncio.wait([finishing])
                finishing.exception()  # nobody waits for it any more
                raise
        finally:
            await in_thread(lambda stop: _end(made))  # also when it is cancelled now
        return done

    def _prepare(self, wish: Wish, made: list[Target], work: Work) -> tuple[Path, tuple[HubFile, ...]]:
        """Fill a target, which is put into `made` and is the caller's to end; the model in it, and its files."""
        seen = look(wish, self._paths.models)
        check_free(self._paths.models, seen.name)
        if wish.sha256:
            check_hash(wish, work)
        target = Target(self._paths.models, seen.name)
        made.append(target)
        target.begin()
        return fill(target.folder, wish, seen, work)


def _end(made: Sequence[Target]) -> None:
    for target in made:
        target.end()


async def _finish(target: Target, model: Path, done: Imported, snapshots: SnapshotTable) -> None:
    """Give it its name and record it."""
    await asyncio.to_thread(target.finish, model)
    try:
        await snapshots.record(done.ref, done.revision, "import", done.source, str(done.path), done.files)
    except BaseException:
        await asyncio.to_thread(target.undo)
        raise


def _revision(files: Sequence[HubFile]) -> str:
    """The hash of the list of files: what is the same has the same."""
    listed = "".join(f"{file.hash} {file.size} {file.path}\n" for file in sorted(files, key=lambda file: file.path))
    return hashlib.sha256(listed.encode()).hexdigest()
