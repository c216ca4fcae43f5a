"""Speeds as measured on this machine, one row a model, revision and length of prompt. Raises `StoreError` only."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lama_tui.store.database import Database


@dataclass(frozen=True, slots=True)
class Measurement:
    """Medians of the runs of one benchmark. Bytes, tokens, tokens a second, UTC milliseconds; None is unknown.

    `weights` are bytes in memory as the backend measured them, `device` is its name for people ("cpu", "Apple M2
    Max"). `prompt_tokens` and `completion_tokens` are those of one run. `revision` is "" for what has none.
    """

    ref: str
    revision: str
    device: str
    architecture: str | None
    params: int | None
    bits: int | None
    weights: int
    prompt_tokens: int
    completion_tokens: int
    prefill_tok_s: float | None
    decode_tok_s: float | None
    ttft_ms: float | None
    peak_memory: int | None
    at: int


_COLUMNS = ", ".join(field.name for field in fields(Measurement))


class MeasurementTable:
    """The table `measurements` of a database."""

    def __init__(self, database: "Database") -> None:
        self._database = database

    async def record(self, measurement: Measurement) -> None:
        """Keep one. Earlier ones stay: what a model did before an upgrade is worth knowing."""
        marks = ", ".join("?" * len(fields(Measurement)))
        async with self._database.transaction() as connection:
            await connection.execute(
                f"INSERT INTO measurements ({_COLUMNS}) VALUES ({marks})",  # noqa: S608 — names of a class's fields
                astuple(measurement),
            )

    async def of(self, ref: str, revision: str | None = None) -> Sequence[Measurement]:
        """Those of `ref`, the newest first; of all its revisions where that is None."""
        rows = await self._database.read(
            f"SELECT {_COLUMNS} FROM measurements WHERE ref = ? AND coalesce(?, revision) = revision"  # noqa: S608
            " ORDER BY at DESC, id DESC",
            (ref, revision),
        )
        return [Measurement(*row) for row in rows]

    async def all(self) -> Sequence[Measurement]:
        """Everything that was measured here, the newest first; models that are gone too: others are like them."""
        rows = await self._database.read(f"SELECT {_COLUMNS} FROM measurements ORDER BY at DESC, id DESC")  # noqa: S608
        return [Measurement(*row) for row in rows]
