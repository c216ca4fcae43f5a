"""One file on its way into the hub's cache. Blocks: call in a worker thread.

The bytes go to `blobs/HASH.part`, under the lock that the hub's own client takes too, and are hashed as they come.
When all are there, the right ones, and on the disk, the part is renamed to `blobs/HASH`: a blob is whole or not there.
"""

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator
from typing import Literal

from lama_tui.errors import ConnectionLost, DownloadError, ModelIntegrityError
from lama_tui.library.downloads.layout import RepoFolder, size_of
from lama_tui.library.downloads.space import of_disk
from lama_tui.library.hub.access import HubAccess
from lama_tui.library.hub.client import file_path
from lama_tui.library.hub.refusal import refusal
from lama_tui.library.hub.values import HubFile
from lama_tui.providers.fetch import Body, Fetcher
from lama_tui.security.gate import clean_line
from lama_tui.store.locks import try_lock

Phase = Literal["", "waiting", "checking", "fetching", "saving"]
"""`waiting`: another program fetches the same file; `checking`: what is there already is read again."""

_BUFFER = 1 << 20
_ENOUGH = 1 << 20  # bytes after which a broken connection is made again at once
_LOOK_AGAIN = 0.2  # seconds between two looks at a lock
_RESTARTS = 3
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class Transfer:
    """A file that is fetched. Its figures may be read from any thread; `run` may be called again after an error.

    `done` counts bytes in place, `fetched` those that came over the network, `mismatches` how often all came and were
    the wrong ones.
    """

    def __init__(self, folder: RepoFolder, file: HubFile, commit: str, access: HubAccess) -> None:
        self.file = file
        self.phase: Phase = ""
        self.done = 0
        self.fetched = 0
        self.mismatches = 0
        self._access = access
        self._repo = folder.repo
        self._url = access.endpoint + file_path(folder.repo, commit, file.path)
        self._blob = folder.blob(file.hash)
        self._part = folder.part(file.hash)
        self._lock = folder.lock(file.hash)
        self._hash = self._new_hash()
        self._seen: tuple[int, int] | None = None  # the part as we left it: its inode and time
        self._etag: str | None = None
        self._restarts = 0

    @property
    def mtime_ns(self) -> int | None:
        """Of the file as it was hashed; None before."""
        return None if self._seen is None else self._seen[1]

    def run(self, fetcher: Fetcher) -> None:
        """Fetch what is missing; afterwards the blob is there. Raises a `LamaError`, or `Stopped`.

        `ModelIntegrityError`: all came, and it was something else; the next run begins anew.
        """
        try:
            with self._only_writer(fetcher):
                if size_of(self._blob) == self.file.size:
                    self.done = self.file.size
                    return
                self._part.parent.mkdir(parents=True, exist_ok=True)
                part = os.open(self._part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
                try:
                    self._catch_up(part, fetcher)
                    while self.done < self.file.size:
                        self._fetch(part, fetcher)
                    self._finish(part)
                finally:
                    status = os.fstat(part)
                    self._seen = status.st_ino, status.st_mtime_ns
                    os.close(part)
        except OSError as error:
            raise of_disk(error) from error
        finally:
            self.phase = ""

    @contextlib.contextmanager
    def _only_writer(self, fetcher: Fetcher) -> Iterator[None]:
        """Be the only program that writes this blob; waits until that can be."""
        self._lock.parent.mkdir(parents=True, exist_ok=True)
        while True:
            descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o664)
            try:
                if _locked(descriptor) and _still_there(descriptor, self._lock):
                    yield
                    return
            finally:
                os.close(descriptor)
            self.phase = "waiting"
            fetcher.wait(_LOOK_AGAIN)

    def _catch_up(self, part: int, fetcher: Fetcher) -> None:
        """Bring the hash to the end of the part: by reading it, unless we wrote it and nobody else did since."""
        status = os.fstat(part)
        if status.st_size == self.done and (status.st_ino, status.st_mtime_ns) == self._seen:
            os.lseek(part, 0, os.SEEK_END)
            return
        self.phase = "checking"
        self._begin_anew()
        if status.st_size > self.file.size:
            os.ftruncate(part, 0)
        os.lseek(part, 0, os.SEEK_SET)
        buffer = memoryview(bytearray(min(_BUFFER, status.st_size or 1)))
        while count := os.readv(part, [buffer]):
            self._hash.update(buffer[:count])
            self.done += count
            fetcher.wait(0)

    def _fetch(self, part: int, fetcher: Fetcher) -> None:
        """One request for what is missing. Returns after a part of it where it is worth to ask on at once."""
        self.phase = "fetching"
        headers = {}
        if self.done:
            headers["Range"] = f"bytes={self.done}-"
            if self._etag is not None:
                headers["If-Range"] = self._etag
        before = self.fetched
        try:
            with fetcher.get(self._url, headers, self._access.sent_token) as body:
                if not self._accept(body, part):
                    return
                self._copy(body, part)
            if self.done < self.file.size:
                raise ConnectionLost(
                    "The connection to the hub broke",
                    f"It closed after {self.done:,} of {self.file.size:,} bytes",
                    "Check the network; it goes on at the byte where it was",
                )
        except ConnectionLost:
            if self.fetched - before < _ENOUGH:
                raise

    def _accept(self, body: Body, part: int) -> bool:
        """Whether what comes now goes on where we are; False: it has to be asked for again from the beginning.

        Raises a `LamaError` for a refusal, and for what cannot be the file.
        """
        if body.status == 416:
            raise self._lie("it is shorter than that")
        if body.status not in (200, 206):
            told = {**body.first, **body.headers}
            raise refusal(self._access, body.status, told, body.explanation(), self._repo, self.file.path)
        if (size := body.first.get("x-linked-size", "")).isdecimal() and int(size) != self.file.size:
            raise self._lie(f"it has {int(size):,}")
        if _HASH.fullmatch(linked := _bare(body.first.get("x-linked-etag", ""))) and linked != self.file.hash:
            raise self._mismatch(part, "The hub names another hash for it now")
        etag, before = body.headers.get("etag"), self._etag
        self._etag = etag if etag and etag.startswith('"') else None  # a weak one does not say that bytes are equal
        begin = 0
        if body.status == 206:
            range_ = _RANGE.match(body.headers.get("content-range", ""))
            if range_ is None or int(range_[1]) != self.done:
                raise DownloadError(
                    "The hub sent another part of the file than was asked for",
                    clean_line(body.headers.get("content-range", "without saying which"), 80),
                    "This is a fault of the server or of a proxy: try again later, or use another endpoint",
                )
            if range_[3] != "*" and int(range_[3]) != self.file.size:
                raise self._lie(f"it has {int(range_[3]):,}")
            if before is not None and etag is not None and etag != before:
                self._restart(part)
                return False
            begin = self.done
        elif self.done:  # changed meanwhile, or the server cannot send parts
            self._restart(part)
        if body.length is not None and begin + body.length > self.file.size:
            raise self._lie(f"it sends {begin + body.length:,}")
        return True

    def _copy(self, body: Body, part: int) -> None:
        buffer = memoryview(bytearray(min(_BUFFER, self.file.size - self.done)))
        while self.done < self.file.size:
            count = body.readinto(buffer)
            if not count:
                return
            if self.done + count > self.file.size:
                raise self._lie("it sends more")
            data = buffer[:count]
            try:
                while data:
                    data = data[os.write(part, data) :]
            except OSError as error:  # told apart from those of the network
                with contextlib.suppress(OSError):
                    os.ftruncate(part, self.done)  # to the end of what is hashed: nothing is read again
                    os.lseek(part, 0, os.SEEK_END)
                raise of_disk(error) from error
            self._hash.update(buffer[:count])
            self.done += count
            self.fetched += count
        if not body.is_read and body.length is None and body.readinto(buffer[:1]):
            raise self._lie("it sends more")

    def _finish(self, part: int) -> None:
        """Compare, save, rename."""
        if self._hash.hexdigest() != self.file.hash:
            raise self._mismatch(part, f"Its {self.file.algorithm} is {self._hash.hexdigest()}")
        self.phase = "saving"
        os.fsync(part)
        self._part.replace(self._blob)

    def _mismatch(self, part: int, why: str) -> ModelIntegrityError:
        self.mismatches += 1
        self._discard(part)
        return ModelIntegrityError(
            f"{clean_line(self.file.path, 120)} is not what was published",
            f"{why}, and {self.file.hash} was published. What came was thrown away",
            "Try again later, or use another network: something on the way may change what comes",
        )

    def _lie(self, truth: str) -> DownloadError:
        return DownloadError(
            f"{clean_line(self.file.path, 120)} is not as long as the hub lists it",
            f"{self.file.size:,} bytes are listed, but {truth}",
            "Nothing of it is used. Tell its publisher, or choose another model",
        )

    def _restart(self, part: int) -> None:
        self._restarts += 1
        self._discard(part)
        if self._restarts > _RESTARTS:
            raise DownloadError(
                f"{clean_line(self.file.path, 120)} changes while it is fetched",
                f"It had to be begun again {self._restarts} times",
                "The hub or a proxy gives another file each time, or cannot send parts: try again later",
            )

    def _discard(self, part: int) -> None:
        try:
            os.ftruncate(part, 0)
            os.lseek(part, 0, os.SEEK_SET)
        except OSError as error:
            raise of_disk(error) from error
        self._begin_anew()

    def _begin_anew(self) -> None:
        self.done = 0
        self._hash = self._new_hash()

    def _new_hash(self) -> "hashlib._Hash":
        if self.file.algorithm == "sha256":
            return hashlib.sha256()
        return hashlib.sha1(b"blob %d\0" % self.file.size, usedforsecurity=False)  # git's name for a file


def _locked(descriptor: int) -> bool:
    try:
        return try_lock(descriptor)
    except OSError:
        return True  # a disk without locks: a job has one owner anyway


def _still_there(descriptor: int, path: os.PathLike[str]) -> bool:
    """Whether the open file is the one that others would find."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))  # noqa: PTH116
    except FileNotFoundError:
        return False


def _bare(etag: str) -> str:
    return etag.removeprefix("W/").strip('"')
