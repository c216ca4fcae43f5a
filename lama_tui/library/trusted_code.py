"""Programs that models bring: which of them the person agreed to run, for which model, at exactly which bytes."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lama_tui.engine.model_code import demand_trust
from lama_tui.engine.model_files import read_code
from lama_tui.library.installed import InstalledModel
from lama_tui.security.gate import clean

if TYPE_CHECKING:
    from lama_tui.store.database import Database


@dataclass(frozen=True, slots=True)
class Trust:
    """`digest` is that of the code as it was read (`ModelCode.digest`), `at` when, in UTC milliseconds."""

    digest: str
    at: int


class TrustedCode:
    """The table `trusted_code` of a database: one row a model. Every method raises `StoreError`.

    References are cleaned: the name of a folder need not be text, which a table wants.
    """

    def __init__(self, database: "Database") -> None:
        self._database = database

    async def of(self, ref: str) -> Trust | None:
        """What was agreed to of `ref`; None: nothing."""
        rows = await self._database.read("SELECT digest, at FROM trusted_code WHERE ref = ?", (clean(ref),))
        return next((Trust(row["digest"], row["at"]) for row in rows), None)

    async def told(self, model: InstalledModel) -> InstalledModel:
        """`model`, with what was agreed to of it."""
        trust = await self.of(model.ref) if model.code else None
        return replace(model, trusted=trust.digest if trust is not None else "")

    async def all(self) -> Mapping[str, Trust]:
        """What was agreed to, whether the model is still installed or not."""
        rows = await self._database.read("SELECT ref, digest, at FROM trusted_code ORDER BY ref")
        return {row["ref"]: Trust(row["digest"], row["at"]) for row in rows}

    async def trust(self, ref: str, digest: str) -> None:
        """The person read this code of `ref` and agrees to run it, in place of what was agreed to before."""
        async with self._database.transaction() as connection:
            await connection.execute(
                "INSERT OR REPLACE INTO trusted_code (ref, digest, at) VALUES (?, ?, ?)",
                (clean(ref), digest, time.time_ns() // 1_000_000),
            )

    async def withdraw(self, ref: str) -> bool:
        """Agree to nothing of `ref` any more; whether there was anything."""
        async with self._database.transaction() as connection:
            cursor = await connection.execute("DELETE FROM trusted_code WHERE ref = ?", (clean(ref),))
            return cursor.rowcount > 0


async def demand_agreement(model: InstalledModel) -> None:
    """Raise `UntrustedCodeError` where a model brings a program that was not agreed to."""
    if model.code:
        demand_trust(model.ref, await asyncio.to_thread(read_code, Path(model.path)), model.trusted)
