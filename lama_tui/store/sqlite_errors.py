"""Translates what SQLite and the file system say about the database to `StoreError`s."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lama_tui.errors import StoreError

_FREE_SPACE = "Free some space; what was saved is still there."
_WRITABLE = "Make it writable, or set LAMA_HOME to a folder that is; what was saved was not touched."
_READ_ONLY_DISK = "Set LAMA_HOME to a folder on a disk that can be written; what was saved was not touched."
_DAMAGED = "Move the file away and put a backup in its place (data/backups), or start with a new one."


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise `StoreError` for what SQLite or the file system raises inside, about the database at `path`."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise translate(error, path) from error


def translate(error: sqlite3.Error | OSError, path: Path) -> StoreError:
    """The `StoreError` for `error`: what, why, what to do."""
    if isinstance(error, OSError):
        return _from_system(error, path)
    said = f"{path}: {error}."
    # The low byte is the primary code; the rest says more about the same thing.
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    match code:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StoreError(
                "The conversations are locked", said, "Another program is writing to the file: end it, or try again."
            )
        case sqlite3.SQLITE_FULL:
            return StoreError("The disk is full", said, _FREE_SPACE)
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return StoreError("The conversations cannot be written", said, _WRITABLE)
        case sqlite3.SQLITE_CANTOPEN:
            return StoreError("The conversations cannot be opened", said, "Check that the folder is there and yours.")
        case sqlite3.SQLITE_NOTADB:
            return StoreError("The file of the conversations is not a database", said, _DAMAGED)
        case sqlite3.SQLITE_CORRUPT:
            return StoreError("The file of the conversations is damaged", said, _DAMAGED)
        case sqlite3.SQLITE_IOERR:
            return StoreError(
                "The conversations cannot be read or written", said, "The disk may be full or failing: check it."
            )
    return StoreError("The database refused an operation", said, "This is a defect of lama: please report it.")


def _from_system(error: OSError, path: Path) -> StoreError:
    """As `translate`, for what the file system says."""
    said = f"{error.filename or path}: {error.strerror or error}."
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return StoreError("The disk is full", said, _FREE_SPACE)
        case errno.EROFS:
            return StoreError("The conversations cannot be written", said, _READ_ONLY_DISK)
        case errno.EACCES | errno.EPERM:
            return StoreError("The conversations cannot be written", said, _WRITABLE)
    return StoreError("The conversations cannot be opened", said, "Check that the folder is there and yours.")
