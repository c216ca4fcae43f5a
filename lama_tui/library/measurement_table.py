"""Speeds as measured on this machine, one row a model, revision and length of prompt. Raises `StoreError` only."""

from collections import defaultdict
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
    `experts` are those of a mixture, 0 is dense; `runs` how many the medians are of.
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
    experts: int = 0
    runs: int = 1


@dataclass(frozen=True, slots=True)
class ChatSpeed:
    """How fast a model wrote its last answers in conversations: the median of so many `answers`."""

    ref: str
    decode_tok_s: float
    answers: int


_ANSWERS = 300  # the last ones of all models that are looked at
_TOKENS = 16  # a shorter answer says little of speed
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

    async def of_chats(self) -> Sequence[ChatSpeed]:
        """What the last answers in conversations say, by the reference of their model."""
        from statistics import median  # imports much, for one caller

        rows = await self._database.read(
            "SELECT model, json_extract(usage, '$.decode_tok_s') AS speed,"
            " json_extract(usage, '$.completion_tokens') AS tokens"
            " FROM (SELECT model, usage FROM messages WHERE role = 'assistant' AND model <> ''"
            " ORDER BY id DESC LIMIT ?)",
            (_ANSWERS,),
        )
        speeds: dict[str, list[float]] = defaultdict(list)
        for row in rows:
            if row["speed"] and (row["tokens"] or 0) >= _TOKENS:
                speeds[row["model"]].append(float(row["speed"]))
        return [ChatSpeed(ref, median(of_ref), len(of_ref)) for ref, of_ref in speeds.items()]
