"""What the models on this disk are known to be: where each came from, and the hash of every file.

Every method raises `StoreError`.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lama_tui.library.hub.values import HashAlgorithm, HubFile

if TYPE_CHECKING:
    from lama_tui.store.database import Database

SnapshotKind = Literal["hub", "import"]

_OF_A_FILE = ("path", "size", "algorithm", "hash", "checked", "ok", "mtime_ns")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One revision of one model. `source` is the endpoint, address or path that it came from.

    `revision` is the commit, of an import the hash of its list of files. `fetched` is UTC milliseconds.
    """

    ref: str
    revision: str
    kind: SnapshotKind
    source: str
    path: str
    fetched: int


@dataclass(frozen=True, slots=True)
class SnapshotFile:
    """A file as it was published, and what its last check found. Bytes, UTC milliseconds.

    `checked`, `ok` and `mtime_ns` are None where its hash was not computed again since it was fetched.
    """

    path: str
    size: int
    algorithm: HashAlgorithm
    hash: str
    checked: int | None = None
    ok: bool | None = None
    mtime_ns: int | None = None


class SnapshotTable:
    """The tables `snapshots` and `snapshot_files` of a database."""

    def __init__(self, database: "Database") -> None:
        self._database = database

    async def record(
        self, ref: str, revision: str, kind: SnapshotKind, source: str, path: str, files: Sequence[HubFile],
        right: Mapping[str, tuple[int, int]] | None = None, *, more: bool = False,
    ) -> None:  # fmt: skip
        """It is here, with these files; what was known of this revision before is replaced.

        With `more` they came beside others of the same revision, of which everything that is known stays.
        `right` are the paths whose hash was computed, as they came or later, and was right: when, and the file's
        `mtime_ns` then.
        """
        right = right or {}
        paths = {file.path for file in files}
        async with self._database.transaction(durable=True) as connection:
            before = await connection.execute_fetchall(
                "SELECT f.* FROM snapshot_files f JOIN snapshots s ON s.id = f.snapshot_id"
                " WHERE s.ref = ? AND s.revision = ?",
                (ref, revision),
            )
            kept = [row for row in before if more and row["path"] not in paths]
            await connection.execute(
                "DELETE FROM snapshots WHERE ref = ? AND revision = ?",
                (ref, revision),
            )
            cursor = await connection.execute(
                "INSERT INTO snapshots (ref, revision, kind, source, path, fetched) VALUES (?, ?, ?, ?, ?, ?)",
                (ref, revision, kind, source, path, time.time_ns() // 1_000_000),
            )
            await connection.executemany(
                "INSERT INTO snapshot_files (snapshot_id, path, size, algorithm, hash, checked, ok, mtime_ns)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (cursor.lastrowid, file.path, file.size, file.algorithm, file.hash, checked, ok, mtime_ns)
                    for file in files
                    for ok in (True if file.path in right else None,)
                    for checked, mtime_ns in (right.get(file.path, (None, None)),)
                ]
                + [(cursor.lastrowid, *(row[column] for column in _OF_A_FILE)) for row in kept],
            )

    async def files(self, ref: str, revision: str) -> list[SnapshotFile]:
        """The files of a revision by path; empty where nothing is known of it."""
        rows = await self._database.read(
            "SELECT f.* FROM snapshot_files f JOIN snapshots s ON s.id = f.snapshot_id"
            " WHERE s.ref = ? AND s.revision = ? ORDER BY f.path",
            (ref, revision),
        )
        return [
            SnapshotFile(
                row["path"],
                row["size"],
                row["algorithm"],
                row["hash"],
                row["checked"],
                None if row["ok"] is None else bool(row["ok"]),
                row["mtime_ns"],
            )
            for row in rows
        ]

    async def all(self) -> list[Snapshot]:
        """Everything that was fetched or imported and not forgotten, the newest first."""
        rows = await self._database.read("SELECT * FROM snapshots ORDER BY fetched DESC, id DESC")
        return [
            Snapshot(row["ref"], row["revision"], row["kind"], row["source"], row["path"], row["fetched"])
            for row in rows
        ]

    async def note_check(self, ref: str, revision: str, path: str, ok: bool, mtime_ns: int) -> None:
        """The hash of a file was computed now; `mtime_ns` is that of the file then."""
        async with self._database.transaction(quiet=True) as connection:
            await connection.execute(
                "UPDATE snapshot_files SET checked = ?, ok = ?, mtime_ns = ? WHERE path = ?"
                " AND snapshot_id = (SELECT id FROM snapshots WHERE ref = ? AND revision = ?)",
                (time.time_ns() // 1_000_000, ok, mtime_ns, path, ref, revision),
            )

    async def right(self) -> dict[str, dict[int, int]]:
        """The hashes of files that were right when they were last checked: their `mtime_ns` then, and when it was."""
        rows = await self._database.read("SELECT hash, mtime_ns, checked FROM snapshot_files WHERE ok = 1")
        found: dict[str, dict[int, int]] = {}
        for row in rows:
            times = found.setdefault(row["hash"], {})
            times[row["mtime_ns"]] = max(row["checked"], times.get(row["mtime_ns"], 0))
        return found

    async def differing(self) -> dict[str, frozenset[int]]:
        """The hashes of files whose last check failed, with the `mtime_ns` that the wrong file had then."""
        rows = await self._database.read("SELECT DISTINCT hash, mtime_ns FROM snapshot_files WHERE ok = 0")
        times: dict[str, set[int]] = {}
        for row in rows:
            times.setdefault(row["hash"], set()).add(row["mtime_ns"])
        return {hash_: frozenset(found) for hash_, found in times.items()}

    async def forget(self, ref: str, revision: str) -> None:
        """It was removed: nothing is known of this revision any more."""
        async with self._database.transaction() as connection:
            await connection.execute("DELETE FROM snapshots WHERE ref = ? AND revision = ?", (ref, revision))
