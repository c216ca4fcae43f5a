"""How a model lies in the hub's cache, exactly as the hub's own client lays it out. Blocks: call in a thread.

<cache>/models--ORG--NAME/blobs/HASH                the bytes, HASH.part while they come
<cache>/models--ORG--NAME/snapshots/COMMIT/…        relative links to them, all at once when all are there
<cache>/models--ORG--NAME/refs/main                 the commit that `main` was at
<cache>/.locks/models--ORG--NAME/HASH.lock          who holds it may write the blob
"""

import errno
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lama_tui.library.hub.values import HubFile
from lama_tui.store.locks import try_lock

PART = ".part"
_BUILDING = ".lama-"
_LAYOUT = "lama-snapshot"  # the lock of those who make one
_PATIENCE = 60.0  # seconds that another may take to make one
_PIECE = 4 * 1024**2  # bytes of a copy between two looks whether anybody still wants it


class GivenUp(Exception):
    """Nobody wants the snapshot any more."""


@dataclass(frozen=True, slots=True)
class RepoFolder:
    """The place of one model repo (`ORG/NAME`) in a cache. Computes paths, touches nothing."""

    cache: Path
    repo: str

    @property
    def name(self) -> str:
        """Of the folder."""
        return "models--" + self.repo.replace("/", "--")

    @property
    def path(self) -> Path:
        """Everything of it."""
        return self.cache / self.name

    def blob(self, hash_: str) -> Path:
        """The bytes of a file, whole and checked."""
        return self.path / "blobs" / hash_

    def part(self, hash_: str) -> Path:
        """The beginning of them."""
        return self.path / "blobs" / (hash_ + PART)

    def lock(self, hash_: str) -> Path:
        """The lock of the hub's own client."""
        return self.cache / ".locks" / self.name / f"{hash_}.lock"

    def snapshot(self, commit: str) -> Path:
        """The files of a revision by their names."""
        return self.path / "snapshots" / commit

    def ref(self, revision: str) -> Path:
        """The file that says which commit a branch or tag was at."""
        return self.path / "refs" / revision


def size_of(path: Path) -> int | None:
    """Bytes of a file; None where there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return None


def _never() -> bool:
    return False


def lay_out(
    folder: RepoFolder, commit: str, revision: str, files: Sequence[HubFile],
    *, links: bool = True, given_up: Callable[[], bool] = _never,
) -> Path:  # fmt: skip
    """Make the snapshot of files whose blobs are all there, and point `revision` to it; returns its folder.

    It appears whole or not at all. Where one is there already, what it lacks is added, its `config.json` last.
    Without `links`, or where the disk has none, the files themselves lie in it. Raises `OSError`, `FileNotFoundError`
    where a blob is gone; `GivenUp` where that was so before it appeared: then all is as it was.
    """
    with _alone(folder, given_up):
        return _lay_out(folder, commit, revision, files, links, given_up)


@contextmanager
def _alone(folder: RepoFolder, given_up: Callable[[], bool]) -> Iterator[None]:
    """Wait while another job, of any program of ours, makes a snapshot of the same repo."""
    lock = folder.lock(_LAYOUT)
    lock.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o664)
    try:
        deadline = time.monotonic() + _PATIENCE
        with suppress(OSError):  # a disk without locks
            while not try_lock(descriptor) and time.monotonic() < deadline and not given_up():
                time.sleep(0.02)
        yield
    finally:
        os.close(descriptor)


def _lay_out(
    folder: RepoFolder, commit: str, revision: str, files: Sequence[HubFile], links: bool, given_up: Callable[[], bool]
) -> Path:
    if given_up():
        raise GivenUp
    snapshot = folder.snapshot(commit)
    for left in folder.path.glob(f"{_BUILDING}*"):  # of one that was killed
        shutil.rmtree(left, ignore_errors=True)
    # a model without its config is not taken for one
    ordered = sorted(files, key=lambda file: (PurePosixPath(file.path).name == "config.json", file.path))
    if not snapshot.is_dir():
        building = folder.path / f"{_BUILDING}{secrets.token_hex(4)}"
        try:
            for file in ordered:
                _place(folder, file, building / file.path, snapshot / file.path, links, given_up)
            snapshot.parent.mkdir(parents=True, exist_ok=True)
            if given_up():
                raise GivenUp
            with suppress(FileExistsError, NotADirectoryError):
                building.rename(snapshot)
        except OSError as error:
            if not snapshot.is_dir():  # else another made it meanwhile: add to it
                raise error
        finally:
            shutil.rmtree(building, ignore_errors=True)
    for file in ordered:
        at = snapshot / file.path
        if not _is_placed(folder, file, at):
            _place(folder, file, at, at, links, given_up)
    if revision != commit:
        point(folder.ref(revision), commit)
    return snapshot


def _is_placed(folder: RepoFolder, file: HubFile, at: Path) -> bool:
    if at.is_symlink():
        return at.resolve() == folder.blob(file.hash).resolve() and at.exists()
    blob = folder.blob(file.hash)
    if not at.is_file():
        return False
    if not blob.exists():
        return at.stat().st_size == file.size
    return at.samefile(blob) or _stamp(at) == _stamp(blob)


def _stamp(path: Path) -> tuple[int, int]:
    """What a copy of ours has in common with its blob, and nothing else has."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _place(
    folder: RepoFolder, file: HubFile, at: Path, seen_from: Path, links: bool, given_up: Callable[[], bool]
) -> None:
    """Put a file to `at`, with a link that is right at `seen_from`; replaces what is there."""
    at.parent.mkdir(parents=True, exist_ok=True)
    blob = folder.blob(file.hash)
    if not blob.exists():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(blob))
    new = at.with_name(f"{_BUILDING}{secrets.token_hex(4)}")
    try:
        if not (links and _linked(new, os.path.relpath(blob, seen_from.parent))):
            _place_file(blob, new, given_up)
        new.replace(at)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def _linked(new: Path, to: str) -> bool:
    """Make a link; False where the system or the disk has none."""
    try:
        new.symlink_to(to)
    except NotImplementedError:
        return False
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):  # it has some, when there is room
            raise
        return False
    return True


def _place_file(blob: Path, new: Path, given_up: Callable[[], bool]) -> None:
    """A second name of the same bytes; where the disk has none of these either, a copy."""
    try:
        os.link(blob, new)
    except OSError:
        with blob.open("rb") as source, new.open("wb") as copy:
            while piece := source.read(_PIECE):
                if given_up():
                    raise GivenUp from None
                copy.write(piece)
        time_ns = blob.stat().st_mtime_ns
        os.utime(new, ns=(time_ns, time_ns))  # so that it is known again


def point(ref: Path, commit: str) -> None:
    """Write at once to which commit a branch or tag is. Raises `OSError`."""
    ref.parent.mkdir(parents=True, exist_ok=True)
    new = ref.with_name(f"{_BUILDING}{secrets.token_hex(4)}")
    try:
        new.write_text(commit)
        new.replace(ref)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
