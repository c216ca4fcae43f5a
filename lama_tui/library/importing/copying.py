"""Copies the files of a model and computes their hashes: without moving bytes where the file system can share them.

Blocks: call it in a thread.
"""

import ctypes
import errno
import hashlib
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

from lama_tui.errors import ModelError
from lama_tui.library.importing.contents import SourceFile
from lama_tui.library.importing.target import of_disk
from lama_tui.library.importing.work import PIECE, Work
from lama_tui.security.gate import clean_line

_AT_ONCE = 64 * 1024**2  # bytes that the system copies between two looks at whether to stop
_CANNOT = frozenset(
    (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EPERM, errno.EBADF)
)


def copy_file(folder: Path, file: SourceFile, to: Path, work: Work) -> str:
    """Copy a file of `folder` to the new file `to` and return its SHA-256. Raises `ModelError`, `Stopped`."""
    source = folder / file.path
    with of_disk(source):
        descriptor = os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb", buffering=0) as reader:
        _check_same(file, os.fstat(descriptor))
        with of_disk(to):
            to.parent.mkdir(parents=True, exist_ok=True)
            _clone(descriptor, to) or _copy(descriptor, file, to, work) or _read_and_write(reader.readinto, to, work)
        _check_same(file, os.fstat(descriptor))
    digest, size = hash_of(to, work, file.path)  # of what is there now
    if size != file.size:
        raise _changed(file)
    return digest


def hash_of(path: Path, work: Work, name: str) -> tuple[str, int]:
    """The SHA-256 of a file, and how many bytes it was computed from. Raises `ModelError`, `Stopped`."""
    digest, size = hashlib.sha256(), 0
    buffer = memoryview(bytearray(PIECE))
    with of_disk(path), path.open("rb", buffering=0) as file:
        while read := file.readinto(buffer):
            digest.update(buffer[:read])
            size += read
            work.advance(read, name)
    return digest.hexdigest(), size


def _check_same(file: SourceFile, status: os.stat_result) -> None:
    """What is copied is what was looked at."""
    now = (status.st_size, status.st_mtime_ns, (status.st_dev, status.st_ino))
    if not stat.S_ISREG(status.st_mode) or now != (file.size, file.mtime_ns, file.inode):
        raise _changed(file)


def _changed(file: SourceFile) -> ModelError:
    return ModelError(
        f"{clean_line(file.path, 120)} changed while it was copied",
        "",
        "Wait until nobody writes there, and try again.",
    )


def _clone(source: int, to: Path) -> bool:
    """A second file of the same bytes, in no time: APFS can. Linux does it when it copies."""
    if sys.platform != "darwin":
        return False
    here = -2  # AT_FDCWD
    return bool(ctypes.CDLL(None, use_errno=True).fclonefileat(source, here, os.fsencode(to), 0) == 0)


def _copy(source: int, file: SourceFile, to: Path, work: Work) -> bool:
    """Let the system copy, which shares the bytes where it can (Btrfs, XFS, NFS); False where it cannot at all."""
    copy: Callable[[int, int, int], int] | None = getattr(os, "copy_file_range", None)
    if copy is None:
        return False
    with open(to, "xb", buffering=0) as writer:  # noqa: PTH123 — as the descriptors around it
        left = file.size
        while left:
            try:
                copied = copy(source, writer.fileno(), min(left, _AT_ONCE))
            except OSError as error:
                if error.errno in _CANNOT and left == file.size:
                    break
                raise
            if not copied:
                raise _changed(file)
            left -= copied
            work.advance(0, file.path)
    if left:
        to.unlink()
    return not left


def _read_and_write(readinto: Callable[[memoryview], int | None], to: Path, work: Work) -> bool:
    buffer = memoryview(bytearray(PIECE))
    with open(to, "xb", buffering=0) as writer:  # noqa: PTH123
        while read := readinto(buffer):
            piece = buffer[:read]
            while piece:
                piece = piece[writer.write(piece) :]
            work.advance(0, to.name)
    return True
