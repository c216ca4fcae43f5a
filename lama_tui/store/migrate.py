"""Brings the database file to the schema of this version. Synchronous: call off the event loop."""

import os
import sqlite3
import time
from collections.abc import Collection, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from lama_tui.errors import StoreError
from lama_tui.paths import make_private
from lama_tui.store.instances import pid_of

_FOLDER = Path(__file__).parent / "migrations"
_MAGIC = b"SQLite format 3\0"
_SMALLEST = 512  # bytes; the least that a page of a database can have
_APPLICATION = 0x6C616D61  # "lama"; set by the first migration


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered step of the schema."""

    number: int
    sql: str


def read_migrations(folder: Path = _FOLDER) -> tuple[Migration, ...]:
    """The files `NNNN_name.sql` in order. Raises `ValueError` when a number is missing or doubled."""
    files = sorted(folder.glob("*.sql"))
    steps = tuple(Migration(int(file.name.partition("_")[0]), file.read_text(encoding="utf-8")) for file in files)
    if [step.number for step in steps] != list(range(1, len(steps) + 1)):
        raise ValueError(f"migrations are not numbered 1, 2, 3 … in {folder}")
    return steps


def migrate(path: Path, steps: Sequence[Migration], holders: Collection[str]) -> None:
    """Upgrade the database at `path`; `holders` are the names of other live instances.

    An older database is backed up first. The steps and the new version number are one
    transaction, so that a crash leaves the old schema. Raises `StoreError` for a newer
    database, for one that is not ours, and for one that others hold; `sqlite3.Error` besides.
    """
    _refuse_garbage(path)
    with closing(sqlite3.connect(path, isolation_level=None, timeout=5.0)) as connection:
        latest = steps[-1].number
        version = known_version(connection, path, latest)
        if version == latest:
            return
        refuse_if_held(path, version, latest, holders)
        if version:
            _back_up(connection, path, version)
        connection.execute("PRAGMA journal_mode=WAL")
        script = "\n".join(step.sql for step in steps if step.number > version)
        try:
            connection.executescript(f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version={latest};\nCOMMIT;")
        except sqlite3.Error:
            connection.rollback()
            raise


def refuse_if_held(path: Path, version: int, latest: int, holders: Collection[str]) -> None:
    """Raise `StoreError` naming the pids when `holders` have a database open that must be upgraded."""
    if holders and version < latest:
        pids = ", ".join(sorted(pid_of(name) for name in holders))
        raise StoreError(
            "The conversations must be upgraded, but another lama has them open",
            f"The process with pid {pids} holds {path} (schema version {version}, needed {latest}).",
            "Quit that lama and start again.",
        )


def _refuse_garbage(path: Path) -> None:
    """Raise `StoreError` for a file that is neither empty nor a database; SQLite would overwrite a short one."""
    with path.open("rb") as file:
        head = file.read(_SMALLEST)
    if head and (len(head) < _SMALLEST or not head.startswith(_MAGIC)):
        raise StoreError(
            "The file of the conversations is not a database",
            f"{path} holds something else.",
            "Move it away and put a backup in its place (data/backups), or start with a new one.",
        )


def known_version(connection: sqlite3.Connection, path: Path, latest: int) -> int:
    """The schema version, 0 for an empty file.

    Raises `StoreError` for a version beyond `latest` and for a database that another program made.
    """
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    if application != _APPLICATION and not (empty and version == 0):
        raise StoreError(
            "The file of the conversations belongs to another program",
            f"{path} is a database, but lama did not make it.",
            "Move it away, or set LAMA_HOME to another folder.",
        )
    if version > latest:
        raise StoreError(
            "The conversations were saved by a newer lama",
            f"{path} has schema version {version}; this lama knows versions up to {latest}.",
            "Update lama, or set LAMA_HOME to another folder.",
        )
    return version


def _back_up(connection: sqlite3.Connection, path: Path, version: int) -> None:
    """Copy the whole database, write-ahead log included, to `backups/` beside it."""
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    copy = make_private(path.parent / "backups") / f"{path.stem}-v{version}-{stamp}.db"
    # VACUUM INTO takes an empty file that is there, and would make a new one readable by all.
    os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    connection.execute("VACUUM INTO ?", (str(copy),))
