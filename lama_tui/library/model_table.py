"""What is known of the use of models, by the reference that people use. Every method raises `StoreError`."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lama_tui.store.database import Database


@dataclass(frozen=True, slots=True)
class ModelUse:
    """`last_used` is UTC milliseconds, None: never here. What is `pinned` is kept when room is needed."""

    last_used: int | None = None
    pinned: bool = False


class ModelTable:
    """The table `models` of a database."""

    def __init__(self, database: "Database") -> None:
        self._database = database

    async def all(self) -> Mapping[str, ModelUse]:
        """Every model that was used or pinned here, whether it is still installed or not."""
        rows = await self._database.read("SELECT ref, last_used, pinned FROM models")
        return {row["ref"]: ModelUse(row["last_used"], bool(row["pinned"])) for row in rows}

    async def note_use(self, reference: str) -> None:
        """It is used now."""
        async with self._database.transaction() as connection:
            await connection.execute(
                "INSERT INTO models (ref, last_used) VALUES (?, ?)"
                " ON CONFLICT (ref) DO UPDATE SET last_used = max(coalesce(last_used, 0), excluded.last_used)",
                (reference, time.time_ns() // 1_000_000),
            )

    async def pin(self, reference: str, pinned: bool) -> None:
        """Keep it when room is needed, or let it go then."""
        async with self._database.transaction() as connection:
            await connection.execute(
                "INSERT INTO models (ref, pinned) VALUES (?, ?)"
                " ON CONFLICT (ref) DO UPDATE SET pinned = excluded.pinned",
                (reference, pinned),
            )
