"""Files as the disk counts them: bytes belong to an inode, however many names it has. Blocks: call it in a thread."""

import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

Inode = tuple[int, int]
"""Device and number: two names with the same one share their bytes."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One name of a file; links are not followed. `size` in bytes, of a sparse file only what it takes.

    `names` counts the hard links that the inode has anywhere. Of a symbolic link everything but `path` is nothing.
    """

    path: Path
    inode: Inode | None = None
    size: int = 0
    names: int = 1
    modified: float = 0.0


def stored(path: Path) -> StoredFile | None:
    """What `path` itself is; None where there is nothing (any more)."""
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISREG(status.st_mode):
        return StoredFile(path, modified=status.st_mtime)
    # a part that was made as long as its file will be takes less; a file system that packs small files takes more
    blocks = getattr(status, "st_blocks", None)
    size = status.st_size if not blocks else min(status.st_size, blocks * 512)
    return StoredFile(path, (status.st_dev, status.st_ino), size, status.st_nlink, status.st_mtime)


def followed(path: Path) -> StoredFile | None:
    """The file that `path` leads to; None where it leads to no file."""
    try:
        end = path.resolve(strict=True)
    except (OSError, RuntimeError, ValueError):  # RuntimeError: links in a circle
        return None
    found = stored(end)
    return found if found is not None and found.inode is not None else None


def files_below(folder: Path) -> Iterator[StoredFile]:
    """Every file and link below `folder`, which are not followed; nothing where it cannot be read."""
    for base, folders, names in os.walk(folder):
        for name in (*names, *(name for name in folders if os.path.islink(os.path.join(base, name)))):  # noqa: PTH114, PTH118
            if (found := stored(Path(base, name))) is not None:
                yield found


def taken(files: Iterable[StoredFile]) -> int:
    """Bytes that they take together, each inode once."""
    return sum({file.inode: file.size for file in files if file.inode is not None}.values())


def freed(files: Iterable[StoredFile]) -> int:
    """Bytes that the disk gains when all of `files` are deleted: an inode with another name left keeps its bytes."""
    each = {file.path: file for file in files if file.inode is not None}
    gone = Counter(file.inode for file in each.values())
    last = {file.inode: file.size for file in each.values() if gone[file.inode] >= file.names}
    return sum(last.values())
