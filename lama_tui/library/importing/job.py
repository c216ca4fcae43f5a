"""One import of the queue while this instance works on it: fetch where it comes from an address, copy, unpack, check.

A trouble of the network that passes is slept over and shown as `waiting`, with why; what came stays, and the next try
goes on at the byte. What comes from a path needs no network, and nothing holds it.
"""

import time
from pathlib import Path
from urllib.parse import urlsplit

from lama_tui.errors import LamaError
from lama_tui.library.downloads.job_table import Figures, QueuedJob
from lama_tui.library.downloads.rate import Rate
from lama_tui.library.downloads.waiting import Waiting, said
from lama_tui.library.downloads.work import Pace
from lama_tui.library.downloads.workers import obstacle
from lama_tui.library.hub.access import is_offline
from lama_tui.library.importing.fetch import is_address
from lama_tui.library.importing.imports import Imports
from lama_tui.library.importing.target import Busy, NoRoom
from lama_tui.library.importing.work import ImportProgress
from lama_tui.providers.address import is_loopback
from lama_tui.providers.fetch import Fetcher, Stopped

_FULL_FOR = 10.0  # seconds before a disk that was full is tried again
_BUSY_FOR = 2.0  # seconds between two looks at what another one fetches


class ImportWork:
    """The work on one import. `waiting` tells how it stands, `attempts` counts tries in a row that brought nothing."""

    def __init__(self, row: QueuedJob, imports: Imports, pace: Pace) -> None:
        self.row = row
        self.waiting = Waiting()
        self.attempts = 0
        self._imports = imports
        self._pace = pace
        self._local_only = False
        self._fetcher: Fetcher | None = None
        self._now = ImportProgress("checking")
        self._fetched = row.job.done_bytes, row.job.total_bytes  # of an address
        self._files: int | None = None
        self._rate = Rate()

    async def run(self) -> None:
        """Work until the model is there. Raises a `LamaError`; may be cancelled at any time."""
        attempt, job = 0, self.row.job
        if await self._imports.is_done(job.source, job.ref, job.created):  # who had it was killed behind its end
            return await self._imports.remove_parts(job.source, job.ref)
        while True:
            await self.waiting.gate()
            before = self._fetched[0]
            try:
                return await self._try()
            except Stopped:
                continue  # something is not allowed any more: the gate knows
            except Busy as error:
                await self.waiting.sleep(_BUSY_FOR, error.title)
            except NoRoom as error:
                if self._now.step == "unpacking":  # it would fill the disk again and again
                    raise
                await self.waiting.sleep(_FULL_FOR, said(error))
            except LamaError as error:
                attempt = self.attempts = 1 if self._fetched[0] > before else attempt + 1
                pause = self._pace.backoff.before(attempt, error)
                if pause is None:
                    raise
                await self.waiting.sleep(pause, said(error))

    def allow(self, local_only: bool, on_battery: bool) -> None:
        """Follow what is allowed now: what is fetched begins again where it still may, else it stops and waits."""
        job = self.row.job
        if not is_address(job.source):
            return
        host = urlsplit(job.source).hostname or ""
        offline = is_offline() and not is_loopback(host)
        why = obstacle(host, offline=offline, local_only=local_only, on_battery=on_battery)
        changed = local_only != self._local_only
        self._local_only = local_only
        if self._fetcher is not None and (changed or (why and why != self.waiting.held)):
            self._fetcher.stop()
        if why != self.waiting.held:
            self.waiting.hold(why)

    def figures(self) -> Figures:
        """How far it is: bytes that came from the address, with what is done to them then in words; of a path those of
        the step that it is at."""
        at, resting = self._now, self.waiting.state[0] == "waiting"
        came = is_address(self.row.job.source)
        done, total = self._fetched if came else (at.done, at.total)
        if resting or (came and at.step != "fetching"):
            self._rate.restart()
        else:
            self._rate.note(time.monotonic(), done)
        files_done = self._files or 0
        return Figures(done, total, files_done, self._files, self._rate.now(), "" if resting else _words(at))

    def take_new(self) -> list[str]:
        """None: the files of an import are not known before it ends."""
        return []

    async def _try(self) -> None:
        job, options = self.row.job, self.row.options
        if is_address(job.source):
            self._fetcher = Fetcher(self._local_only, self._pace.limits)
            try:
                done = await self._imports.fetch(
                    job.source, self._fetcher, name=job.ref, sha256=options.sha256,
                    insecure_http=options.insecure_http, watch=self._watch,
                )  # fmt: skip
            finally:
                self._fetcher = None
        else:
            done = await self._imports.add(
                Path(job.source), name=job.ref, sha256=options.sha256, link=options.link, watch=self._watch
            )
            self._now = ImportProgress("checking", done.size, done.size)
        self._files = len(done.files)

    def _watch(self, now: ImportProgress) -> None:
        if now.step != self._now.step:
            self._rate.restart()
        if now.step == "fetching":
            self._fetched = now.done, now.total
        self._now = now


def _words(now: ImportProgress) -> str:
    """The file that is fetched, as of downloads; else the step, the file, and how far it is."""
    if now.step == "fetching":
        return now.now
    share = f" {100 * now.done // now.total} %" if now.total else ""
    return f"{now.step} {now.now}".rstrip() + share
