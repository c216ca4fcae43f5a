"""The prefill step of each model that was found best on this machine. Every method raises `StoreError`."""

from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields
from typing import TYPE_CHECKING

from lama_tui.security.gate import clean  # the name of a folder need not be text, which a table wants

if TYPE_CHECKING:
    from lama_tui.store.database import Database


@dataclass(frozen=True, slots=True)
class Tuning:
    """What `lama bench --tune` found: `batch_size` tokens a step, `before` that was in use. Tokens a second, UTC ms."""

    ref: str
    device: str
    batch_size: int
    prefill_tok_s: float
    before: int
    before_tok_s: float
    at: int


_COLUMNS = ", ".join(field.name for field in fields(Tuning))


class TuningTable:
    """The table `tunings` of a database: one row a model."""

    def __init__(self, database: "Database") -> None:
        self._database = database

    async def of(self, ref: str) -> Tuning | None:
        """What was found for `ref`; None where it was not tuned."""
        rows = await self._database.read(f"SELECT {_COLUMNS} FROM tunings WHERE ref = ?", (clean(ref),))  # noqa: S608
        return next((Tuning(*row) for row in rows), None)

    async def all(self) -> Mapping[str, Tuning]:
        """What was found for every model that was tuned, whether it is still installed or not."""
        rows = await self._database.read(f"SELECT {_COLUMNS} FROM tunings")  # noqa: S608
        return {row["ref"]: Tuning(*row) for row in rows}

    async def record(self, tuning: Tuning) -> None:
        """Keep it, in place of what was found before."""
        marks = ", ".join("?" * len(fields(Tuning)))
        async with self._database.transaction() as connection:
            await connection.execute(
                f"INSERT OR REPLACE INTO tunings ({_COLUMNS}) VALUES ({marks})",  # noqa: S608 — names of a class's fields
                astuple(tuning),
            )

    async def forget(self, ref: str) -> bool:
        """Let the settings say again how it reads; whether there was anything to forget."""
        async with self._database.transaction() as connection:
            cursor = await connection.execute("DELETE FROM tunings WHERE ref = ?", (ref,))
            return cursor.rowcount > 0
