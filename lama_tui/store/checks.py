"""Looks for damage in the database file."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from lama_tui.errors import StoreError
from lama_tui.store.instances import INSTANCES, Instances
from lama_tui.store.migrate import known_version, read_migrations, refuse_if_held
from lama_tui.store.sqlite_errors import translated


async def quick_check(path: Path) -> None:
    """Read the whole database on a thread and a connection of its own (about 50 ms for 80 MB).

    Raises `StoreError` that says what is damaged.
    """
    problems = await asyncio.to_thread(_problems, path)
    if problems:
        raise StoreError(
            "The file of the conversations is damaged",
            f"{path}: {'; '.join(problems)}.",
            "Export what can be read, then put back a backup (data/backups).",
        )


async def schema_check(path: Path) -> None:
    """Raise `StoreError` for a database that this version of lama cannot use now; changes nothing in it."""
    await asyncio.to_thread(_look_at_schema, path)


def _look_at_schema(path: Path) -> None:
    with translated(path), closing(sqlite3.connect(path, timeout=5.0)) as connection:
        connection.execute("PRAGMA query_only=ON")
        latest = read_migrations()[-1].number
        version = known_version(connection, path, latest)
        instances = Instances(path.parent / INSTANCES)
        if version < latest and (path.parent / INSTANCES).is_dir():
            with instances.gate():
                refuse_if_held(path, version, latest, instances.live())


def _problems(path: Path) -> list[str]:
    """What `PRAGMA quick_check` lists, at most ten; empty when all is well."""
    with translated(path), closing(sqlite3.connect(path, timeout=5.0)) as connection:
        connection.execute("PRAGMA query_only=ON")
        rows = [str(row[0]) for row in connection.execute("PRAGMA quick_check(10)")]
        return [] if rows == ["ok"] else rows
