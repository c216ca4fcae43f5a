"""The queue of downloads and imports that all instances share, as one of them sees it and works on it."""

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lama_tui.config.settings import Settings
from lama_tui.errors import DownloadError, LamaError, StoreError
from lama_tui.library.downloads.hub_workers import HubWorkers
from lama_tui.library.downloads.job import Job, JobId, JobKind, JobState
from lama_tui.library.downloads.job_table import Figures, JobOptions, JobTable, QueuedJob, Wish
from lama_tui.library.downloads.listeners import Listener, Listeners
from lama_tui.library.downloads.work import AsksHub, Pace
from lama_tui.library.downloads.workers import JobWork, Workers
from lama_tui.library.hub.client import check_repo
from lama_tui.library.hub_cache import hub_cache_folder
from lama_tui.library.importing.workers import ImportWorkers
from lama_tui.library.safe_path import safe_path
from lama_tui.library.snapshot_table import SnapshotTable
from lama_tui.security.gate import clean_line

if TYPE_CHECKING:
    from lama_tui.library.importing.imports import Imports
    from lama_tui.store.database import Database

log = logging.getLogger(__name__)

_WORKABLE = ("queued", "running", "waiting")


@dataclass(slots=True)
class _Mine:
    """A job that this instance works on, and what was last written of it."""

    work: JobWork
    task: asyncio.Task[None]
    told: tuple[JobState, str, int | None] | None = ("running", "", None)


class Downloads:
    """The jobs of all instances; some of them are worked on here. Belongs to one event loop; making one blocks.

    With `adopt` this instance works on any job that nobody works on, else only on those that it added or resumed.
    One that fills another hub cache than `cache` is left to instances that use that one. `on_battery` blocks for a
    moment; None means that there is none. Every method raises `StoreError`.
    """

    def __init__(
        self,
        database: "Database",
        hub: Callable[[], Awaitable[AsksHub]],
        settings: Callable[[], Settings],
        imports: "Imports",
        *,
        adopt: bool = True,
        on_battery: Callable[[], bool | None] = lambda: None,
        cache: Path | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._database = database
        self._table = JobTable(database)
        self._open_hub = hub
        self._settings = settings
        self._imports = imports
        self._adopt = adopt
        self._on_battery = on_battery
        cache = cache or hub_cache_folder()
        self._cache = os.path.realpath(cache)  # one folder, however many links lead to it
        self._pace = pace or Pace()
        from_hub = HubWorkers(self._table, SnapshotTable(database), hub, settings, cache, self._pace)
        from_elsewhere = ImportWorkers(imports, self._pace)
        self._workers: dict[JobKind, Workers] = {"download": from_hub, "update": from_hub, "import": from_elsewhere}
        self._wanted: set[JobId] = set()
        self._mine: dict[JobId, _Mine] = {}
        self._unsettled: dict[JobId, tuple[JobState, LamaError | None]] = {}
        self._written: dict[JobId, Figures] = {}
        self._listeners = Listeners()
        self._live: frozenset[str] = frozenset()
        self._looked_after = float("-inf")
        self._battery = False
        self._nudge = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None
        self._closed = False

    def start(self) -> None:
        """Go on with what is unfinished; costs nothing while there is nothing."""
        self._nudge.set()
        if self._watching is None and not self._closed:
            self._watching = asyncio.get_running_loop().create_task(self._watch(), name="downloads")
            self._watching.add_done_callback(_log_end)

    async def add(
        self, ref: str, revision: str = "main", kind: JobKind = "download", files: Sequence[str] = ()
    ) -> JobId:
        """Fetch a model of the hub (`ORG/NAME`): a new job, or the unfinished one that does the same.

        `files` are shell patterns of those that are wanted. Raises `DownloadError` for impossible names.
        """
        check_repo(ref)
        safe_path(revision)
        hub = await self._open_hub()
        options = JobOptions(tuple(files))
        return await self._join(await self._table.add(kind, ref, hub.access.endpoint, revision, options, self._cache))

    async def add_import(
        self, source: str, *, name: str = "", sha256: str = "", link: bool = False, insecure_http: bool = False
    ) -> JobId:
        """Bring in a model from an address or a path: a new job, or the unfinished one that does the same.

        Its `ref` is `name`, or comes from the source; flags as of `lama import`. Raises a `LamaError` for what can be
        seen to be wrong before it begins: `ModelError` for the name, the path or the hash, `DownloadError` for the
        address.
        """
        ref, source = await self._imports.check(
            source, name=name, sha256=sha256, link=link, insecure_http=insecure_http
        )
        if not await self._table.has_import(ref, source):  # one that was killed behind its end has the name already
            await self._imports.check_free(ref)
        options = JobOptions(sha256=sha256.lower(), link=link, insecure_http=insecure_http)
        return await self._join(await self._table.add("import", ref, source, "", options))

    async def _join(self, job: JobId) -> JobId:
        """Work on a job that a person wants now."""
        self._wanted.add(job)
        row = await self._table.job(job)
        if row is not None and (row.job.state == "paused" or row.wish != "run"):
            await self._table.wish(job, "run", await self._alive())
            row = await self._table.job(job)
        if row is not None:
            self._publish(row)
        self.start()
        return job

    async def pause(self, job: JobId) -> None:
        """Let it rest until it is resumed; what came stays."""
        await self._wish(job, "pause")

    async def resume(self, job: JobId) -> None:
        """Go on with one that is paused, failed or cancelled; one that waits tries now."""
        self._wanted.add(job)
        await self._wish(job, "run")

    async def retry(self, job: JobId) -> None:
        """Try again, or now."""
        await self.resume(job)

    async def cancel(self, job: JobId, keep_parts: bool = True) -> None:
        """End it; without `keep_parts` what came of it is removed, unless another model has it too."""
        await self._wish(job, "cancel", keep_parts)

    async def forget(self, job: JobId) -> None:
        """Take one that has ended off the list. Raises `DownloadError` for one that has not."""
        if not await self._table.forget(job) and await self._table.job(job) is not None:
            raise DownloadError("This download has not ended", "", "Cancel it first")
        self._listeners.shown.pop(job, None)

    async def jobs(self) -> Sequence[Job]:
        """Those that are not ended, then the newest that are, with the newest figures."""
        rows = await self._table.jobs()
        if any(row.job.state in _WORKABLE for row in rows):
            self.start()
        if any(self._is_elsewhere(row.job) for row in rows):
            await self._alive()
        return [self._as_now(row) for row in rows]

    async def job(self, job: JobId) -> Job | None:
        """One of them; None when it was forgotten."""
        row = await self._table.job(job)
        if row is not None and self._is_elsewhere(row.job):
            await self._alive()
        return None if row is None else self._as_now(row)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with every job that changed, on the event loop, four times a second at most; ends come
        always. Call the result to end that."""
        return self._listeners.add(listener)

    async def close(self) -> None:
        """Stop what runs here, so that another instance or the next start goes on; safe to call twice."""
        if self._closed:
            return
        self._closed = True
        if self._watching is not None:
            self._watching.cancel()
            with suppress(asyncio.CancelledError):
                await self._watching
        for job in list(self._mine):  # whatever the database says, nothing goes on
            await self._stop(job)
        with suppress(LamaError):  # the table will show an owner that is gone
            await self._tell()
            for job in list(self._mine):
                await self._table.settle(job, "queued")

    # what follows is the one task that works while there is something unfinished

    async def _watch(self) -> None:
        looked = told = float("-inf")
        try:
            while True:
                now = time.monotonic()
                try:
                    if self._nudge.is_set() or now - looked >= self._pace.look:
                        self._nudge.clear()
                        looked = now
                        await self._take_care(now)
                        if not await self._look() and not self._nudge.is_set():
                            return
                    if now - told >= self._pace.tell:
                        told = now
                        await self._tell()
                except LamaError as error:  # the database: it may be locked or full, and not be so later
                    log.warning("downloads: %s", error)
                self._publish_mine()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._pace.tick if self._mine else self._pace.look):
                        await self._nudge.wait()
        finally:
            self._watching = None

    async def _look(self) -> bool:
        """Follow wishes, claim, show what others do; False when there is nothing to do any more."""
        for job_id, (state, error) in list(self._unsettled.items()):
            await self._settle(job_id, state, error)
        unfinished = bool(self._unsettled)
        for row in await self._table.watched(self._listeners.shown.keys()):
            job = row.job
            if job.id in self._mine:
                await self._follow(row)
            elif job.state in _WORKABLE:
                row = await self._consider(row)
            self._publish(row)
            unfinished |= row.job.state in _WORKABLE or job.id in self._mine
        return unfinished

    async def _consider(self, row: QueuedJob) -> QueuedJob:
        """A job of which this instance is not the owner: is anybody, and could it be us?"""
        job = row.job
        if job.owner is not None and job.owner not in self._live:
            self._live = await self._database.live_instances()
        if job.owner in self._live:
            return row
        if row.wish != "run":  # its owner died before it followed
            await self._wish(job.id, row.wish, row.options.keep_parts)
        elif (self._adopt or job.id in self._wanted) and not self._is_elsewhere(job):
            await self._begin(row)
        return await self._table.job(job.id) or row

    async def _begin(self, row: QueuedJob) -> None:
        job = row.job
        if not await self._table.claim(job.id, await self._alive(), self._pace.jobs):
            return
        try:
            work = await self._workers[job.kind].begin(row)
        except LamaError as error:
            await self._settle(job.id, "failed", error)
            return
        work.allow(self._settings().privacy.local_only, self._battery)
        task = asyncio.get_running_loop().create_task(self._run(work), name=f"download {job.id}")
        self._mine[job.id] = _Mine(work, task)

    async def _run(self, work: JobWork) -> None:
        job = work.row.job
        try:
            await work.run()
        except LamaError as error:
            log.warning("the download of %s failed: %s", job.ref, error)
            await self._settle(job.id, "failed", error)
        except Exception as error:
            log.exception("the download of %s failed", job.ref)
            said = DownloadError("This is a fault in lama", type(error).__name__, "`lama --debug` logs more")
            await self._settle(job.id, "failed", said)
        else:
            await self._settle(job.id, "done")

    async def _follow(self, row: QueuedJob) -> None:
        """What is wished of a job of this instance, and what keeps it from going on."""
        mine = self._mine[row.job.id]
        if row.wish == "pause":
            await self._stop(row.job.id)
            await self._settle(row.job.id, "paused")
        elif row.wish == "cancel":
            await self._stop(row.job.id)
            if not row.options.keep_parts:
                await self._workers[row.job.kind].remove_parts(row)
            await self._settle(row.job.id, "cancelled")
        else:
            if row.at_once:
                await self._table.heard(row.job.id)
                mine.work.waiting.end()
                mine.told = None  # whatever is told next is news
            mine.work.allow(self._settings().privacy.local_only, self._battery)

    async def _stop(self, job: JobId) -> None:
        if (mine := self._mine.get(job)) is None:
            return  # it ended while another was stopped
        mine.task.cancel()
        with suppress(asyncio.CancelledError):
            await mine.task

    async def _settle(self, job: JobId, state: JobState, error: LamaError | None = None) -> None:
        """It is no longer this instance's. What cannot be written now is written later."""
        try:
            await self._tell()
            await self._table.settle(job, state, error=error)
            self._unsettled.pop(job, None)
            self._nudge.set()
        except StoreError as failure:  # the next look tries again, in its time
            log.warning("the end of a download was not kept yet: %s", failure)
            # one that failed for want of the database goes on when there is one again
            self._unsettled[job] = ("queued", None) if isinstance(error, StoreError) else (state, error)
        self._mine.pop(job, None)
        with suppress(StoreError):
            if row := await self._table.job(job):
                if row.job.state not in _WORKABLE:  # else it is still this instance that was asked for it
                    self._wanted.discard(job)
                self._publish(row)

    async def _wish(self, job: JobId, wish: Wish, keep_parts: bool = True) -> None:
        if await self._table.wish(job, wish, await self._alive(), keep_parts):
            row = await self._table.job(job)
            if row is not None:
                if wish == "cancel" and not keep_parts:
                    await self._workers[row.job.kind].remove_parts(row)
                self._publish(row)
        self._nudge.set()
        self.start()

    async def _tell(self) -> None:
        """Write how far the jobs of this instance are, and how they stand."""
        if not self._mine:
            return
        figures = {job: mine.work.figures() for job, mine in self._mine.items()}
        if new_figures := [(job, now) for job, now in figures.items() if now != self._written.get(job)]:
            await self._table.tell(new_figures)
            self._written = figures
        for job, mine in list(self._mine.items()):
            if new := mine.work.take_new():
                await self._table.mark_done(job, new)
            stands = mine.work.waiting.state
            if stands != mine.told and not mine.task.done():
                state, why, retry_at = stands
                await self._table.settle(job, state, why=why, retry_at=retry_at, attempts=mine.work.attempts, keep=True)
                mine.told = stands  # not before: what could not be written is written next time

    async def _alive(self) -> frozenset[str]:
        self._live = await self._database.live_instances()
        return self._live

    async def _take_care(self, now: float) -> None:
        """Look now and then at what changes slowly."""
        if now - self._looked_after < self._pace.care:
            return
        self._looked_after = now
        self._live = await self._database.live_instances()
        careful = self._settings().library.downloads == "pause-on-battery"
        self._battery = careful and bool(await asyncio.to_thread(self._on_battery))

    def _is_elsewhere(self, job: Job) -> bool:
        """Whether it is to go on, and fills a cache that is not this instance's."""
        return job.state in _WORKABLE and job.cache not in ("", self._cache)

    def _as_now(self, row: QueuedJob) -> Job:
        """The job with figures that are not written yet."""
        if self._is_elsewhere(row.job) and row.job.owner not in self._live:
            folder = clean_line(row.job.cache, 160)
            why = f"it goes on in a lama whose models are in {folder} (HF_HOME)"
            return replace(row.job, state="waiting", why=why, retry_at=None, rate=None, left=None, now="")
        mine = self._mine.get(row.job.id)
        if mine is None or mine.task.done():
            return row.job
        figures = mine.work.figures()
        state, why, retry_at = mine.work.waiting.state
        total, rate = figures.total_bytes, figures.rate
        return replace(
            row.job, state=state, why=why, retry_at=retry_at, attempts=mine.work.attempts, mine=True,
            done_bytes=figures.done_bytes, total_bytes=total, files_done=figures.files_done, files=figures.files,
            rate=rate, now=figures.now,
            left=max(0, total - figures.done_bytes) / rate if rate and total is not None else None,
        )  # fmt: skip

    def _publish_mine(self) -> None:
        for job, mine in self._mine.items():
            self._publish(replace(mine.work.row, job=self._listeners.shown.get(job, mine.work.row.job)))

    def _publish(self, row: QueuedJob) -> None:
        self._listeners.tell(self._as_now(row))


def _log_end(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.error("downloads stopped", exc_info=error)
