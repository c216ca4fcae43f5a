"""What the database knows of models that are removed, and which files a download still wants. Raises `StoreError`."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from lama_tui.library.downloads.job import ENDED

if TYPE_CHECKING:
    from lama_tui.store.database import Database

_UNFINISHED = f"state NOT IN ({', '.join(map(repr, sorted(ENDED)))})"


class RecordTable:
    """The rows about models in the tables of others, as far as storage needs them."""

    def __init__(self, database: "Database") -> None:
        self._database = database

    async def forget(self, ref: str, revisions: tuple[str, ...] | None) -> None:
        """What was fetched, checked and seen to be newer is gone; all of `ref` where no revisions are named.

        Measured speeds and when it was used stay: they say something about others like it, and about people.
        """
        async with self._database.transaction() as connection:
            if revisions is None:
                await connection.execute("DELETE FROM snapshots WHERE ref = ?", (ref,))
                await connection.execute("DELETE FROM model_checks WHERE ref = ?", (ref,))
                await connection.execute("DELETE FROM updates WHERE ref = ?", (ref,))
                await connection.execute("DELETE FROM trusted_code WHERE ref = ?", (ref,))
                return
            rows = [(ref, revision) for revision in revisions]
            await connection.executemany("DELETE FROM snapshots WHERE ref = ? AND revision = ?", rows)
            await connection.executemany("DELETE FROM model_checks WHERE ref = ? AND revision = ?", rows)
            await connection.executemany("DELETE FROM updates WHERE ref = ? AND installed = ?", rows)

    async def forget_files(self, repo: str, files: Collection[tuple[str, str]]) -> None:
        """Some files of a repo (commit and path of each) are gone, and nobody should miss them."""
        async with self._database.transaction() as connection:
            await connection.executemany(
                "DELETE FROM snapshot_files WHERE path = ?"
                " AND snapshot_id IN (SELECT id FROM snapshots WHERE ref = ? AND revision = ?)",
                [(path, repo, commit) for commit, path in files],
            )

    async def is_pinned(self, ref: str) -> bool:
        """Whether a person said that it, or a GGUF file of it, is to be kept when room is needed."""
        sql = "SELECT 1 FROM models WHERE pinned AND (ref = ? OR substr(ref, 1, ?) = ?)"
        return bool(await self._database.read(sql, (ref, len(ref) + 1, f"{ref}/")))

    async def unfinished(self) -> Mapping[str, str]:
        """Models that a job works on or will, and the state of that job."""
        rows = await self._database.read(f"SELECT ref, state FROM jobs WHERE {_UNFINISHED}")  # noqa: S608 — our words
        return {row["ref"]: row["state"] for row in rows}

    async def importing(self) -> frozenset[str]:
        """Addresses and paths of imports that are not ended."""
        rows = await self._database.read(f"SELECT source FROM jobs WHERE kind = 'import' AND {_UNFINISHED}")  # noqa: S608
        return frozenset(row["source"] for row in rows)

    async def hashes(self) -> tuple[frozenset[str], frozenset[str]]:
        """Hashes of the files that unfinished jobs fetch, and of those that ended ones did."""
        rows = await self._database.read(
            f"SELECT DISTINCT hash, {_UNFINISHED} AS wanted FROM job_files JOIN jobs ON jobs.id = job_id"  # noqa: S608
        )
        wanted = frozenset(row["hash"] for row in rows if row["wanted"])
        return wanted, frozenset(row["hash"] for row in rows) - wanted
