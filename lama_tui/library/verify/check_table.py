"""What was found about models, one row a level and revision. Raises `StoreError` only."""

import json
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lama_tui.library.verify.check import LEVELS, Check, Checks, Difference, Level
from lama_tui.library.verify.record import FOUND
from lama_tui.security.gate import clean

if TYPE_CHECKING:
    from lama_tui.store.database import Database

_COLUMNS = "ref, revision, level, status, detail, differences, hint, at"
FRESH = (
    "at >= coalesce((SELECT max(s.fetched) FROM snapshots s WHERE s.ref = model_checks.ref AND s.source != ?"
    " AND (s.revision = model_checks.revision OR (model_checks.revision = '' AND s.kind = 'import'))), 0)"
)
"""The rows that were found of the files that are here now; `FOUND`: when other tools fetched theirs nobody knows."""

_KEPT = 100
"""Differences of one level that are kept: of a model that is all wrong a hundred files say enough."""


class CheckTable:
    """The table `model_checks` of a database. The revision of what has none is ""."""

    def __init__(self, database: "Database") -> None:
        self._database = database

    async def record(self, ref: str, revision: str, check: Check) -> Check:
        """Keep what a level said, in place of what it said before; returns it with the time."""
        check = check if check.at is not None else replace(check, at=time.time_ns() // 1_000_000)
        differences = json.dumps([[each.path, each.what] for each in check.differences[:_KEPT]])
        async with self._database.transaction() as connection:
            await connection.execute(
                f"INSERT OR REPLACE INTO model_checks ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                (
                    *(ref, revision, check.level, check.status, clean(check.detail), differences),
                    *(clean(check.hint), check.at),  # names of files that are no text cannot be stored
                ),
            )
        return check

    async def of(self, ref: str, revision: str) -> Checks:
        """What is known of one revision; levels that were never looked at are not in it."""
        rows = await self._database.read(
            f"SELECT {_COLUMNS} FROM model_checks WHERE ref = ? AND revision = ? AND {FRESH}",  # noqa: S608
            (ref, revision, FOUND),
        )
        return {row["level"]: _check(row) for row in rows if row["level"] in LEVELS}

    async def all(self) -> Mapping[tuple[str, str], Checks]:
        """What is known of all models, by reference and revision."""
        found: dict[tuple[str, str], dict[Level, Check]] = defaultdict(dict)
        for row in await self._database.read(f"SELECT {_COLUMNS} FROM model_checks WHERE {FRESH}", (FOUND,)):  # noqa: S608
            if row["level"] in LEVELS:
                found[row["ref"], row["revision"]][row["level"]] = _check(row)
        return found

    async def forget(self, ref: str, revision: str) -> None:
        """Its files are others now, or gone: nothing is known of it."""
        async with self._database.transaction() as connection:
            await connection.execute("DELETE FROM model_checks WHERE ref = ? AND revision = ?", (ref, revision))


def _check(row: Any) -> Check:
    differences = tuple(Difference(path, what) for path, what in json.loads(row["differences"]))
    return Check(row["level"], row["status"], row["detail"], differences, row["hint"], row["at"])
