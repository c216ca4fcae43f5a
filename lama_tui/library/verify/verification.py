"""Takes a model through the levels, one after the other, and keeps what each said."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lama_tui.engine.thread import Engine
from lama_tui.library.downloads.job_table import JobTable
from lama_tui.library.installed import InstalledModel
from lama_tui.library.measurement_table import MeasurementTable
from lama_tui.library.snapshot_table import SnapshotTable
from lama_tui.library.trusted_code import TrustedCode
from lama_tui.library.verify.benchmarked import check_benchmarked
from lama_tui.library.verify.check import Check, Checks, Level, Watch
from lama_tui.library.verify.check_table import CheckTable
from lama_tui.library.verify.complete import check_complete
from lama_tui.library.verify.generates import check_generates
from lama_tui.library.verify.hashes import check_hashes, hashes_so_far
from lama_tui.library.verify.record import Record, record_of
from lama_tui.library.verify.supported import check_supported
from lama_tui.security.gate import clean
from lama_tui.types import GUIDE

if TYPE_CHECKING:
    from lama_tui.store.database import Database


_COMING = "Still being downloaded"
_LATER = "Not before its files are complete"


def _unwatched(_: object) -> None:
    """Nobody looks."""


class Verification:
    """Checks models of this machine. `engine` runs the smoke test; None: models are not run."""

    def __init__(self, database: "Database", engine: Engine | None = None) -> None:
        self._snapshots = SnapshotTable(database)
        self._measurements = MeasurementTable(database)
        self._table = CheckTable(database)
        self._jobs = JobTable(database)
        self._trusted = TrustedCode(database)
        self._engine = engine

    async def levels(
        self, model: InstalledModel, *, deep: bool = False, watch: Watch = _unwatched
    ) -> AsyncGenerator[Check]:
        """What each level says, in their order, as soon as it is known. Raises `StoreError`.

        Not `deep`, no byte of weights is read and nothing is run: hashes and generating are told as they were
        found before, as long as no file changed since. Closing the iterator or cancelling stops the work.
        """
        model = replace(model, ref=clean(model.ref))  # the name of a folder need not be text, which the tables want
        record = await record_of(model, self._snapshots)
        before = await self._table.of(model.ref, model.revision or "")
        found: dict[Level, Check] = {}

        async def tell(check: Check, *, keep: bool = True) -> Check:
            check = check.with_hint(_mend(model, record))
            found[check.level] = await self._table.record(model.ref, model.revision or "", check) if keep else check
            return found[check.level]

        complete = await self._complete(model, record)
        yield await tell(complete)
        if _is_begun(model, found):  # nothing of it is wrong: it is not here yet
            yield await tell(Check("hashes", "unknown", _LATER))
        elif deep:
            yield await tell(await check_hashes(record, self._snapshots, watch))
            record = await record_of(model, self._snapshots)
        else:
            so_far = await asyncio.to_thread(hashes_so_far, record)
            yield await tell(_with_way(so_far, model, record))
        yield await tell(await self._supported(model, found))
        ran, keep = await self._generates(model, found, before, deep, watch)
        yield await tell(ran, keep=keep)
        yield await tell(await check_benchmarked(model, self._measurements))

    async def _complete(self, model: InstalledModel, record: Record) -> Check:
        if model.path:
            check = await asyncio.to_thread(check_complete, Path(model.path), record)
            if check.status != "failed":
                return check
        else:
            check = Check("complete", "unknown", model.problem.capitalize(), hint=_mend(model, record))
        jobs = [row.job for row in await self._jobs.jobs() if row.job.ref == record.ref and row.job.kind == "download"]
        if any(not job.ended for job in jobs):
            return Check("complete", "unknown", _COMING, hint=f"`lama pull {record.ref}` shows how far it is.")
        return check

    async def _supported(self, model: InstalledModel, found: Checks) -> Check:
        if found["complete"].status == "failed" or _is_begun(model, found):
            return Check("supported", "unknown", _LATER)
        return await asyncio.to_thread(check_supported, model.ref, Path(model.path))

    async def _generates(
        self, model: InstalledModel, found: Checks, before: Checks, deep: bool, watch: Watch
    ) -> tuple[Check, bool]:
        """What running it says, and whether that is new."""
        if _is_begun(model, found):
            return Check("generates", "unknown", _LATER), True
        wrong = next((found[level] for level in ("complete", "hashes", "supported") if _failed(found, level)), None)
        if wrong is not None:  # what differs from what was published is not to be run either
            return Check("generates", "unknown", f"It was not run: {wrong.level} failed"), True
        if deep and self._engine is not None:
            return await check_generates(self._engine, await self._trusted.told(model), watch), True
        if (known := before.get("generates")) is not None:
            return known, False
        return Check("generates", "unknown", "It was not run yet", hint=_deep(model)), True


def _failed(found: Checks, level: Level) -> bool:
    return level in found and found[level].status == "failed"


def _is_begun(model: InstalledModel, found: Checks) -> bool:
    """Whether it is not here yet: what is missing of it is no failure."""
    return not model.path or found["complete"].detail == _COMING


def _deep(model: InstalledModel) -> str:
    return f"`lama verify {model.ref} --deep` does it."


def _with_way(check: Check, model: InstalledModel, record: Record) -> Check:
    """An open question about hashes, with how to answer it."""
    return replace(check, hint=_deep(model)) if check.status == "unknown" and record.files else check


def _mend(model: InstalledModel, record: Record) -> str:
    """What puts the files of a model right."""
    if model.ref == GUIDE:
        return "It is part of lama: install lama again."
    if model.revision or not model.path:
        return f"`lama pull {model.ref}` fetches what is missing or differs."
    if record.source == "store":
        return f"Remove it (`lama rm {model.ref}`) and import it again."
    return "Get the model again."
