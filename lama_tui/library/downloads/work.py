"""One job while this instance works on it: ask what there is, fetch several files at once, lay them out.

Everything that blocks runs in threads; what is here only waits for them. A trouble that passes is slept over and
shown as `waiting`, with why; one that does not ends the job.
"""

import asyncio
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from lama_tui.errors import LamaError, ModelIntegrityError
from lama_tui.library.downloads.job_table import Figures, JobTable, QueuedJob
from lama_tui.library.downloads.layout import RepoFolder, lay_out
from lama_tui.library.downloads.plan import Plan, choose, held, plan
from lama_tui.library.downloads.rate import Rate
from lama_tui.library.downloads.retry import Backoff
from lama_tui.library.downloads.space import DiskFull, check_space, of_disk
from lama_tui.library.downloads.transfer import Transfer
from lama_tui.library.downloads.waiting import Waiting, said
from lama_tui.library.downloads.workers import obstacle
from lama_tui.library.hub.access import HubAccess
from lama_tui.library.hub.client import check_repo
from lama_tui.library.hub.values import HubDetails, HubFile
from lama_tui.library.safe_path import safe_path, safe_paths
from lama_tui.library.verify.aside import known_right, set_bad_aside
from lama_tui.providers.fetch import Fetcher, Limits, Stopped
from lama_tui.security.gate import clean_line
from lama_tui.security.hanging import begin

if TYPE_CHECKING:
    from lama_tui.library.snapshot_table import SnapshotTable

_STOPPING = 3.0  # seconds that a thread gets to end; what it holds is free when the program ends
_RECORDING = 30.0  # that a snapshot gets to be recorded or undone: more than a busy machine takes, a disk may hang
_FULL_FOR = 10.0  # seconds before a disk that was full is tried again


class AsksHub(Protocol):
    """What is needed of the hub."""

    access: HubAccess

    async def listing(self, repo: str, revision: str = "main") -> HubDetails:
        """The files of one revision."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How patient downloads are. `concurrent` files of a job at once, `jobs` at once by all instances together.

    Seconds between two looks: `tick` at what runs here, `look` at the table, for wishes and what others do, `care` at
    battery and owners; `tell` between two writes of how far it is.
    """

    backoff: Backoff = field(default_factory=Backoff)
    limits: Limits = field(default_factory=Limits)
    concurrent: int = 4
    jobs: int = 2
    tick: float = 0.25
    look: float = 0.45
    tell: float = 1.0
    care: float = 2.0


class Work:
    """The work on one job. `waiting` tells how it stands, `attempts` counts tries in a row that brought nothing."""

    def __init__(
        self, row: QueuedJob, table: JobTable, snapshots: "SnapshotTable", hub: AsksHub, cache: Path, pace: Pace
    ) -> None:
        self.row = row
        self.folder = RepoFolder(cache, row.job.ref)
        self.waiting = Waiting()
        self.attempts = 0
        self._table = table
        self._snapshots = snapshots
        self._hub = hub
        self._pace = pace
        self._local_only = False
        self._fetchers: set[Fetcher] = set()
        self._plan: Plan | None = None
        self._active: dict[Transfer, int] = {}  # and the bytes of its part when it began
        self._finished = 0  # bytes of files that are whole
        self._parts = 0  # bytes of parts that nobody works on yet
        self._fetched = 0
        self._files_done = 0
        self._paths: dict[str, list[str]] = {}
        self._new: list[str] = []
        self._checked: dict[str, int] = {}  # hashes that were computed as the bytes came, and the time of the file then
        self._rate = Rate()

    async def run(self) -> None:
        """Work until the model is there. Raises a `LamaError`; may be cancelled at any time."""
        job = self.row.job
        check_repo(job.ref)
        safe_path(job.revision)
        await self.waiting.gate()
        commit, files = await self._listing()
        try:
            await set_bad_aside(self.folder, files, self._snapshots)
        except OSError as error:
            raise of_disk(error) from error
        is_here = False
        while not is_here:
            found = await asyncio.to_thread(plan, files, self.folder, commit)
            self._begin(found)
            if found.missing:
                await self._room(found.needed)
                await self._fetch_all(found, commit)
            else:
                is_here = await self._lay_out(commit, files)

    def allow(self, local_only: bool, on_battery: bool) -> None:
        """Follow what is allowed now: what runs begins again where it still may, else it stops and waits."""
        access = self._hub.access
        why = obstacle(access.host, offline=access.offline, local_only=local_only, on_battery=on_battery)
        if local_only != self._local_only or (why and why != self.waiting.held):
            self._stop_fetching()
        self._local_only = local_only
        if why != self.waiting.held:
            self.waiting.hold(why)

    def figures(self) -> Figures:
        """How far it is, and how fast by now."""
        done, fetched, now = self._finished + self._parts, self._fetched, ""
        for transfer, part in self._active.items():
            at = transfer.done if transfer.phase in ("fetching", "saving") else max(transfer.done, part)
            done, fetched = done + at, fetched + transfer.fetched
            said = {"checking": "checking ", "waiting": "another program fetches "}.get(transfer.phase, "")
            now = now or said + transfer.file.path
        if self.waiting.state[0] == "waiting":
            self._rate.restart()
            now = ""
        else:
            self._rate.note(time.monotonic(), fetched)
        if self._plan is None:
            return Figures(done, None, 0, None, None, "")
        return Figures(done, self._plan.total, self._files_done, len(self._plan.files), self._rate.now(), now)

    def take_new(self) -> list[str]:
        """Paths of files that became whole since the last call."""
        new, self._new = self._new, []
        return new

    async def _listing(self) -> tuple[str, tuple[HubFile, ...]]:
        """The commit and the files, asked once for a job."""
        job = self.row.job
        if job.commit is not None and (known := await self._table.files(job.id)):
            return job.commit, known
        attempt = 0
        while True:
            await self.waiting.gate()
            try:
                details = await self._hub.listing(job.ref, job.revision)
                break
            except LamaError as error:
                attempt += 1
                await self._sleep_over(error, attempt)
        files = choose(details.files, self.row.options.patterns)
        also = await asyncio.to_thread(held, details.files, self.folder, details.commit)
        files = tuple({file.path: file for file in (*files, *also)}.values())
        safe_paths(file.path for file in files)
        before = {file.path: file.hash for file in await self._snapshots.files(job.ref, details.commit)}
        if changed := next((file for file in files if before.get(file.path, file.hash) != file.hash), None):
            raise ModelIntegrityError(
                f"The hub gives other files for a revision that was fetched from it before: {job.ref}",
                f"{clean_line(changed.path, 80)} of {details.commit[:12]} had the hash {before[changed.path]}, and a"
                " revision never changes",
                "What is here stays as it is. Ask its publisher, or check HF_ENDPOINT",
            )
        found = await asyncio.to_thread(plan, files, self.folder, details.commit)
        await self._table.set_files(job.id, details.commit, files, found.total)
        return details.commit, files

    async def _lay_out(self, commit: str, files: Sequence[HubFile]) -> bool:
        """Make the snapshot; False where that has to be tried again, as the disk was full or a file went away."""
        await self.waiting.gate()
        try:
            await self._make(commit, files)
            return True
        except OSError as error:
            found = await asyncio.to_thread(plan, files, self.folder, commit)
            if isinstance(error, FileNotFoundError) and found.missing:
                return False
            trouble = of_disk(error)
            if not isinstance(trouble, DiskFull):
                raise trouble from error
            await self.waiting.sleep(_FULL_FOR, said(trouble))
            return False

    async def _make(self, commit: str, files: Sequence[HubFile]) -> None:
        """Make the snapshot and record it, both or neither: where it is cancelled meanwhile the thread goes on."""
        given_up = threading.Event()
        making = asyncio.get_running_loop().create_task(self._make_and_record(commit, files, given_up.is_set))
        try:
            await asyncio.shield(making)
        except asyncio.CancelledError:
            given_up.set()
            with suppress(Exception):
                await asyncio.wait_for(making, _RECORDING)
            raise

    async def _make_and_record(self, commit: str, files: Sequence[HubFile], given_up: Callable[[], bool]) -> None:
        job = self.row.job
        path = await asyncio.to_thread(lay_out, self.folder, commit, job.revision, files, given_up=given_up)
        right = await known_right(self.folder, files, self._checked, self._snapshots)
        await self._snapshots.record(job.ref, commit, "hub", job.source, str(path), files, right, more=True)

    def _begin(self, found: Plan) -> None:
        missing = {file.hash for file in found.missing}
        self._plan = found
        self._finished = sum({file.hash: file.size for file in found.files if file.hash not in missing}.values())
        self._parts = found.have - self._finished
        self._files_done = sum(file.hash not in missing for file in found.files)
        self._paths = defaultdict(list)
        for file in found.files:
            self._paths[file.hash].append(file.path)

    async def _room(self, needed: int) -> None:
        """Wait until there is room on the disk for all of it."""
        while True:
            await self.waiting.gate()
            try:
                return await asyncio.to_thread(check_space, self.folder.path, needed)
            except DiskFull as error:
                await self.waiting.sleep(_FULL_FOR, said(error))

    async def _fetch_all(self, found: Plan, commit: str) -> None:
        left = deque(found.missing)
        self.waiting.workers = workers = min(self._pace.concurrent, len(left))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(workers):
                    group.create_task(self._fetch_some(left, found, commit))
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        finally:
            self.waiting.workers = 1

    async def _fetch_some(self, left: deque[HubFile], found: Plan, commit: str) -> None:
        """One of those who fetch: a file after the other, over one connection where that lasts."""
        fetcher = self._new_fetcher()
        try:
            while left:
                file = left.popleft()
                part = found.parts.get(file.hash, 0)
                transfer = Transfer(self.folder, file, commit, self._hub.access)
                self._active[transfer] = part
                self._parts -= part
                try:
                    fetcher = await self._fetch(transfer, fetcher)
                except BaseException:
                    self._parts += max(transfer.done, part)  # it stays on the disk, to go on from there
                    raise
                finally:
                    del self._active[transfer]
                    self._fetched += transfer.fetched
                self._finished += file.size
                if transfer.fetched and transfer.mtime_ns is not None:
                    self._checked[file.hash] = transfer.mtime_ns
                self._files_done += len(self._paths[file.hash])
                self._new += self._paths[file.hash]
        finally:
            self._drop(fetcher)
            self.waiting.workers -= 1

    async def _fetch(self, transfer: Transfer, fetcher: Fetcher) -> Fetcher:
        """Fetch one file, whatever it takes; returns the connection to go on with."""
        attempt = 0
        while True:
            await self.waiting.gate()
            before = transfer.fetched
            try:
                await self._in_thread(transfer, fetcher)
                return fetcher
            except Stopped:
                self._drop(fetcher)
                fetcher = self._new_fetcher()
            except DiskFull as error:
                self.waiting.hold_for(_FULL_FOR, said(error))
            except ModelIntegrityError:
                if transfer.mismatches > 1:
                    raise
            except LamaError as error:
                attempt = 1 if transfer.fetched > before else attempt + 1
                await self._sleep_over(error, attempt)

    async def _in_thread(self, transfer: Transfer, fetcher: Fetcher) -> None:
        running = asyncio.wrap_future(begin(lambda: transfer.run(fetcher)))
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError:
            fetcher.stop()
            with suppress(Exception):
                await asyncio.wait_for(running, _STOPPING)
            raise

    async def _sleep_over(self, error: LamaError, attempt: int) -> None:
        """Wait for the next try; raises `error` where there is none."""
        pause = self._pace.backoff.before(attempt, error)
        if pause is None:
            raise error
        self.attempts = attempt
        if getattr(error, "retry_after", None) is not None:  # meant for every request
            self.waiting.hold_for(pause, said(error))
        else:
            await self.waiting.sleep(pause, said(error))

    def _stop_fetching(self) -> None:
        for fetcher in self._fetchers:
            fetcher.stop()

    def _new_fetcher(self) -> Fetcher:
        fetcher = Fetcher(self._local_only, self._pace.limits)
        self._fetchers.add(fetcher)
        return fetcher

    def _drop(self, fetcher: Fetcher) -> None:
        self._fetchers.discard(fetcher)
        fetcher.close()
