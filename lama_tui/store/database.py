"""The database: one writer connection behind one lock, one reader for lists."""

import asyncio
import logging
import os
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiosqlite

from lama_tui.errors import StoreError
from lama_tui.paths import Paths, make_private
from lama_tui.store.instances import INSTANCES, Instances
from lama_tui.store.migrate import migrate, read_migrations
from lama_tui.store.sqlite_errors import translated

_log = logging.getLogger(__name__)

_BUSY_MS = 5000  # how long a statement waits for another process


class Database:
    """An open database. Everything that it raises is a `StoreError`."""

    def __init__(
        self, path: Path, instances: Instances, writer: aiosqlite.Connection, reader: aiosqlite.Connection
    ) -> None:
        self.path = path
        self._instances = instances
        self._writer = writer
        self._reader = reader
        self._lock = asyncio.Lock()
        self._durable: bool | None = None
        self._commits = 0
        self._closed = False

    @classmethod
    async def open(cls, paths: Paths) -> "Database":
        """Open `data/lama.db`, made or upgraded where needed.

        Raises `StoreError`: not writable, no space, not a database, newer, or to be upgraded
        while another instance holds it. The file is left as it was then.
        """
        path = paths.database
        instances = Instances(paths.data / INSTANCES)
        with translated(path):
            await asyncio.to_thread(_prepare, path, instances)
        connections: list[aiosqlite.Connection] = []
        try:
            with translated(path):
                for query_only in ("OFF", "ON"):
                    connection = await aiosqlite.connect(path, isolation_level=None, timeout=_BUSY_MS / 1000)
                    connections.append(connection)
                    connection.row_factory = sqlite3.Row
                    for pragma in (f"busy_timeout={_BUSY_MS}", "foreign_keys=ON", f"query_only={query_only}"):
                        await connection.execute(f"PRAGMA {pragma}")
        except BaseException:
            for connection in connections:
                await connection.close()
            instances.leave()
            raise
        return cls(path, instances, *connections)

    @property
    def instance(self) -> str:
        """The name of this opening of the database; no two ever share one."""
        return self._instances.name

    async def live_instances(self) -> frozenset[str]:
        """Names of all instances, on any terminal, that have the database open now."""

        def look() -> frozenset[str]:
            with self._instances.gate():
                return self._instances.live()

        with translated(self.path):
            return await asyncio.to_thread(look)

    async def lives(self, instance: str) -> bool:
        """Whether an instance whose name was read from the database has it open now; waits for no other one."""
        with translated(self.path):
            return await asyncio.to_thread(self._instances.lives, instance)

    @asynccontextmanager
    async def transaction(self, *, durable: bool = False, quiet: bool = False) -> AsyncIterator[aiosqlite.Connection]:
        """The writer connection inside one `BEGIN IMMEDIATE`; committed at the end, undone by an exception.

        `durable` commits survive a power cut (`synchronous=FULL`, a few ms); others survive the
        end of the process only. `quiet` ones do not count in this instance's own `version`.
        """
        async with self._lock:
            self._require_open()
            with translated(self.path):
                try:
                    if durable is not self._durable:
                        # Has no effect inside a transaction.
                        await self._writer.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
                        self._durable = durable
                    await self._writer.execute("BEGIN IMMEDIATE")
                    yield self._writer
                    await self._writer.commit()
                    self._commits += not quiet
                except BaseException:
                    # After a cancelled BEGIN too: the connection's thread works in order, so the
                    # roll-back comes after whatever was asked before. Without effect outside a transaction.
                    await asyncio.shield(self._writer.rollback())
                    raise

    async def read(self, sql: str, parameters: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Rows of one statement on the reader connection, which sees what is committed."""
        self._require_open()
        with translated(self.path):
            try:
                return list(await self._reader.execute_fetchall(sql, parameters))
            except ValueError:  # aiosqlite's word for a connection that was closed meanwhile
                self._require_open()
                raise

    async def version(self) -> tuple[int, int]:
        """Two numbers of which one is another after a commit: by another instance, and by this one."""
        self._require_open()
        with translated(self.path):
            # asked of the writer, whose own commits do not change it
            rows = await self._writer.execute_fetchall("PRAGMA data_version")
            return next(iter(rows))[0], self._commits

    def _require_open(self) -> None:
        """Raise `StoreError` after `close`."""
        if self._closed:
            raise StoreError("The conversations are closed", "lama is quitting.", "Start it again.")

    async def close(self) -> None:
        """Close both connections after the running transaction; safe to call twice."""
        async with self._lock:
            if self._closed:
                return
            self._closed = True
            for connection in (self._reader, self._writer):
                try:
                    await connection.close()
                except sqlite3.Error:
                    # Everything is committed; only tidying the write-ahead log can fail here.
                    _log.warning("closing %s", self.path, exc_info=True)
            self._instances.leave()


def _prepare(path: Path, instances: Instances) -> None:
    """Take a place among the instances and bring the file to the present schema."""
    make_private(path.parent)
    with instances.gate():
        instances.join()
        try:
            _make_private_file(path)
            migrate(path, read_migrations(), instances.live() - {instances.name})
        except BaseException:
            instances.leave()
            raise


def _make_private_file(path: Path) -> None:
    """Create the file for its owner only, or take away what others may; SQLite's side files follow it."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    for private, mode in ((path.parent, 0o700), (path, 0o600)):
        if private.stat().st_mode & 0o077:
            # Some file systems have no modes to change.
            with suppress(PermissionError):
                private.chmod(mode)
