"""What the hub has that is newer than what is installed, and when it was asked. Raises `StoreError` only."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lama_tui.library.updates.update import FileChange, Question, Update, WantedBy

if TYPE_CHECKING:
    from lama_tui.store.database import Database

_KEPT = 200
"""Changed files that are kept, and revisions to go back to."""


class UpdateTable:
    """The tables `updates`, one row a model, and `update_questions` of a database."""

    def __init__(self, database: "Database") -> None:
        self._database = database

    async def of(self, ref: str) -> Update | None:
        """What is known of one model."""
        return (await self.all()).get(ref)

    async def all(self) -> Mapping[str, Update]:
        """What is known, by reference; also of what is up to date, and of models that are gone."""
        return {row["ref"]: _update(row) for row in await self._database.read("SELECT * FROM updates")}

    async def note_question(self, wanted_by: WantedBy, models: int) -> None:
        """The hub is asked now, about so many models."""
        async with self._database.transaction() as connection:
            await connection.execute(
                "INSERT OR REPLACE INTO update_questions (wanted_by, models, at) VALUES (?, ?, ?)",
                (wanted_by, models, time.time_ns() // 1_000_000),
            )

    async def questions(self) -> Sequence[Question]:
        """The last one of each who wanted it, the newest first."""
        rows = await self._database.read("SELECT wanted_by, models, at FROM update_questions ORDER BY at DESC")
        return [Question(row["wanted_by"], row["models"], row["at"]) for row in rows]

    async def found(self, update: Update) -> None:
        """Keep what the hub said; where one can go back to, and what was refused, stays."""
        changes = json.dumps([[each.path, each.kind, each.size] for each in update.changes[:_KEPT]])
        async with self._database.transaction() as connection:
            await connection.execute(
                "INSERT INTO updates (ref, installed, newest, files, bytes, checked) VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (ref) DO UPDATE SET installed = excluded.installed, newest = excluded.newest,"
                " files = excluded.files, bytes = excluded.bytes, checked = excluded.checked",
                (update.ref, update.installed, update.newest, changes, update.size, update.checked),
            )

    async def will_leave(self, ref: str, in_force: str) -> None:
        """It is about to be updated: `in_force` is where one can go back to. What was refused is wished for now."""
        known = await self.of(ref) or Update(ref, in_force, in_force)
        before = [*(revision for revision in known.before if revision != in_force), in_force][-_KEPT:]
        await self._keep(replace(known, before=tuple(before), refused=None))

    async def went_back(self, ref: str, left: str, to: str) -> None:
        """`left` was given up for `to`; it is not offered again by itself."""
        known = await self.of(ref) or Update(ref, left, left)
        before = tuple(revision for revision in known.before if revision != to)
        await self._keep(replace(known, installed=to, newest=left, before=before, refused=left))

    async def _keep(self, update: Update) -> None:
        changes = json.dumps([[each.path, each.kind, each.size] for each in update.changes[:_KEPT]])
        async with self._database.transaction(durable=True) as connection:
            await connection.execute(
                "INSERT OR REPLACE INTO updates (ref, installed, newest, files, bytes, before, refused, checked)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(update.ref, update.installed, update.newest, changes, update.size),
                    *(json.dumps(update.before), update.refused, update.checked),
                ),
            )


def _update(row: Any) -> Update:
    changes = tuple(FileChange(path, kind, size) for path, kind, size in json.loads(row["files"]))
    return Update(
        row["ref"],
        row["installed"],
        row["newest"],
        changes,
        row["bytes"],
        tuple(json.loads(row["before"])),
        row["refused"],
        row["checked"],
    )
