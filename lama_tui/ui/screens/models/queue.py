"""The queue of downloads as the screens see it: the newest of every job, told at most twice a second. No widgets."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from lama_tui.library.downloads.job import Job, JobId

if TYPE_CHECKING:
    from lama_tui.library.downloads.queue import Downloads

PACE = 0.5
"""Seconds between two tellings while nothing ends."""


class Queue:
    """Opened when it is first needed. Lives as long as the workspace; costs nothing while nothing is fetched.

    `ended` hears of every job that ends, once.
    """

    def __init__(self, open_downloads: Callable[[], Awaitable["Downloads"]], ended: Callable[[Job], None]) -> None:
        self._open_downloads = open_downloads
        self._ended = ended
        self._opening = asyncio.Lock()
        self._downloads: Downloads | None = None
        self._unsubscribe: Callable[[], None] = lambda: None
        self._jobs: dict[JobId, Job] = {}
        self._by_ref: dict[str, Job] = {}
        self._awaited: set[JobId] = set()
        self._listeners: list[Callable[[], None]] = []
        self._telling: asyncio.TimerHandle | None = None

    @property
    def jobs(self) -> Sequence[Job]:
        """Those that are not ended first, each in the order they were asked for."""
        return sorted(self._jobs.values(), key=lambda job: (job.ended, -job.updated if job.ended else job.id))

    @property
    def is_open(self) -> bool:
        """Whether `jobs` are those of the database."""
        return self._downloads is not None

    def job_of(self, ref: str) -> Job | None:
        """The newest job of a model."""
        return self._by_ref.get(ref)

    def follow(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` when something changed; the result ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    async def open(self) -> "Downloads":
        """The queue itself. Raises `LamaError`."""
        async with self._opening:
            if self._downloads is None:
                downloads = await self._open_downloads()
                self._unsubscribe = downloads.subscribe(self._heard)
                self._downloads = downloads
        await self.look()
        return self._downloads

    async def look(self) -> None:
        """Read all jobs anew, those of other instances too. Raises `LamaError`."""
        if self._downloads is not None:
            self._replace(await self._downloads.jobs())
            self._tell()

    async def add(self, ref: str, files: Sequence[str] = ()) -> JobId:
        """Fetch a model, or only those of its files that match a pattern of `files`. Raises `LamaError`."""
        job = await (await self.open()).add(ref, files=files)
        self._awaited.add(job)  # it may have ended before it was ever seen
        await self.look()
        return job

    async def add_import(
        self, source: str, *, name: str = "", sha256: str = "", link: bool = False, insecure_http: bool = False
    ) -> JobId:
        """Bring in a model from a path or an address. Raises `LamaError`."""
        job = await (await self.open()).add_import(
            source, name=name, sha256=sha256, link=link, insecure_http=insecure_http
        )
        self._awaited.add(job)
        await self.look()
        return job

    async def forget(self, jobs: Sequence[JobId]) -> None:
        """Take those off the list that have ended. Raises `LamaError`."""
        downloads = await self.open()
        try:
            for job in jobs:
                await downloads.forget(job)
        finally:
            await self.look()

    async def wish(self, what: "Callable[[Downloads], Awaitable[object]]") -> None:
        """Ask something of the queue, then look what came of it. Raises `LamaError`."""
        await what(await self.open())
        await self.look()

    def close(self) -> None:
        """Hear of nothing any more."""
        self._unsubscribe()
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None

    # --- what is heard -------------------------------------------------------------

    def _replace(self, jobs: Sequence[Job]) -> None:
        before, self._jobs = self._jobs, {}
        self._by_ref = {}
        for job in sorted(jobs, key=lambda job: job.id):
            self._keep(job, before.get(job.id))

    def _keep(self, job: Job, before: Job | None) -> None:
        if before is not None and before.ended and not job.ended and job.updated <= before.updated:
            job = before  # it was read before it ended, and its end was heard of meanwhile
        self._jobs[job.id] = job
        newest = self._by_ref.get(job.ref)
        if newest is None or newest.id <= job.id:
            self._by_ref[job.ref] = job
        if job.ended and (job.id in self._awaited or (before is not None and not before.ended)):
            self._awaited.discard(job.id)
            self._ended(job)

    def _heard(self, job: Job) -> None:
        """A job changed. Its end, and a new state, are told at once."""
        before = self._jobs.get(job.id)
        self._keep(job, before)
        if before is None or before.state != job.state:
            self._tell()
        elif self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(PACE, self._tell)

    def _tell(self) -> None:
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None
        for listener in list(self._listeners):
            listener()
