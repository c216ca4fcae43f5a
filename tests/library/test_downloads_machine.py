"""Anything that instances and people may do with the queue, in any order, while the hub misbehaves.

A walk of its own, for it runs in real time: a seed gives the same steps, which meet the downloads wherever these are.
"""

import asyncio
import random
import time
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from lama_tui.errors import DownloadError
from lama_tui.library.downloads.job import Job
from lama_tui.library.downloads.layout import PART, size_of
from lama_tui.library.downloads.retry import Backoff
from lama_tui.library.downloads.work import Pace
from lama_tui.library.snapshot_table import SnapshotTable
from tests.chance import seeds
from tests.library.downloading import Instance, instance, outside, random_bytes
from tests.library.hub import TestHub
from tests.library.hub_trouble import Trouble

PACE = Pace(
    Backoff(first=0.02, longest=0.05, tries=4),
    tick=0.02, look=0.03, tell=0.05, care=0.1,
)  # fmt: skip
REPOS = ("org/one", "org/two")
SIZE = 2_000_000
RATE = 8e6  # bytes a second: the weights take a quarter of one
TWICE = 1_000_000  # bytes that may be fetched again for each request that was cut
TROUBLES: tuple[dict, ...] = (
    {"status": 500},
    {"status": 429, "headers": {"Retry-After": "0"}},
    {"status": 503, "headers": {"Retry-After": "600"}},
    {"cut": 700_000},
    {"cut": 1_200_000, "reset": True},
    {"stall": 900_000, "seconds": 0.3},
    {"flip": 77},
    {"hang_up": True},
    {"pattern": "/api/models/", "status": 500},
    {"pattern": "^$"},  # none
)
ONLY = ("*.json", "model-2*")
FILES = r"/resolve/"


@dataclass
class Patience:
    """As `Limits`, for connections that are made from now on."""

    connect: float = 60.0
    stall: float = 0.15


def rests(job: Job) -> bool:
    """Whether it has ended, or waits for long: a last answer may still have said so."""
    return job.ended or (job.retry_at or 0) / 1000 > time.time() + 60


class Queueing:
    """Some instances over one database and one cache, what was published for them, and what was done so far."""

    def __init__(self, seed: int, home: Path, hub: TestHub) -> None:
        self.seed = seed
        self.home = home
        self.hub = hub
        self.chance = random.Random(seed)
        self.steps: list[str] = []
        self.lamas: list[tuple[Instance, AsyncExitStack]] = []
        self.patience = Patience()
        self.pace = replace(PACE, limits=self.patience)  # type: ignore[arg-type]
        self.published: dict[str, bytes] = {}  # by the name of the blob
        self.versions = 0
        self.troubles: list[Trouble] = []
        self.removed = 0  # bytes that were taken away on purpose
        self.given_up: set[str | None] = set()  # commits of jobs that were cancelled on the way, after one was killed
        self.killed = False
        self.sound: set[tuple[str, int, int]] = set()  # blobs that were read, as they were
        for repo in REPOS:
            self.commit(repo, weights=True)
        self.hub.trouble(FILES, rate=RATE)

    # what may happen

    async def add(self) -> None:
        """Two jobs of one repo need the same files."""
        repo = self.chance.choice(REPOS)
        for files in self.chance.choice((((),), (ONLY,), (ONLY, ()))):
            await self.any_lama().downloads.add(repo, files=files)

    async def wish(self) -> None:
        downloads = self.any_lama().downloads
        if not (jobs := await downloads.jobs()):
            return
        job = self.chance.choice(jobs)
        wish = self.chance.choice(("pause", "pause", "resume", "resume", "keep", "remove", "forget"))
        self.steps[-1] += f" {wish} {job.id}"
        if wish == "pause":
            await downloads.pause(job.id)
        elif wish == "resume":
            await downloads.resume(job.id)
        elif wish == "forget":
            with suppress(DownloadError):
                await downloads.forget(job.id)
        else:
            self.removed += 0 if wish == "keep" or job.ended else SIZE + SIZE // 4
            await downloads.cancel(job.id, keep_parts=wish == "keep")
            if self.killed and not job.ended:
                now = await downloads.job(job.id)
                self.given_up |= {job.commit, now.commit if now else None}

    async def open(self) -> None:
        if len(self.lamas) < 3:
            stack = AsyncExitStack()
            lama = await stack.enter_async_context(instance(self.hub, self.home, pace=self.pace))
            self.lamas.append((lama, stack))
            await lama.downloads.jobs()

    async def close(self) -> None:
        _lama, stack = self.lamas.pop(self.chance.randrange(len(self.lamas)))
        await stack.aclose()
        if not self.lamas:
            await self.open()

    async def die(self) -> None:
        """What a killed one leaves: it lives no more, and never told how far it was."""
        lama, stack = self.lamas.pop(self.chance.randrange(len(self.lamas)))
        await lama.database.close()
        self.killed = True
        if not self.lamas:
            await self.open()
        await asyncio.sleep(self.moment())
        await stack.aclose()

    async def local_only(self) -> None:
        self.any_lama().change(local_only=self.chance.random() < 0.5)

    async def trouble(self) -> None:
        how = self.chance.choice(TROUBLES)
        self.steps[-1] += f" {how}"
        self.hub.behave()
        times = self.chance.choice((1, 2, None))
        made = self.hub.trouble(**({"pattern": FILES, "rate": RATE, "times": times} | how))
        self.hub.trouble(FILES, rate=RATE)
        self.troubles.append(made)

    async def publish(self) -> None:
        """Another commit: of the weights, or of a small file alone."""
        self.commit(self.chance.choice(REPOS), self.chance.random() < 0.6)

    async def time_passes(self) -> None:
        await asyncio.sleep(0.1)

    # what always holds

    async def one_works_on_a_job(self):
        before, after = await self.owners(), await self.owners()  # one that goes from hand to hand is in two of a look
        both = {job: names & after.get(job, set()) for job, names in before.items()}
        assert all(len(names) <= 1 for names in both.values()), both

    async def owners(self) -> dict[int, set[str]]:
        """Who says of each job that it works on it; they are asked one after the other."""
        owners: dict[int, set[str]] = {}
        for lama, _ in self.lamas:
            for job in await lama.downloads.jobs():
                if job.mine:
                    owners.setdefault(job.id, set()).add(lama.database.instance)
        return owners

    def what_lies_there_is_what_was_published(self):
        cache = self.home / "hub" / "hub"
        for repo in REPOS:
            folder = self.lamas[0][0].folder(repo)
            for path in folder.path.glob("blobs/*"):
                name = path.name.removesuffix(PART)
                assert name in self.published, path
                with suppress(FileNotFoundError):  # it became whole, or was removed
                    self.look_at(path, self.published[name])
            for commit in folder.path.glob("snapshots/*"):
                files = self.hub.repos[repo].revisions[commit.name]
                for link in (path for path in commit.rglob("[!.]*") if not path.is_dir()):
                    stored = files[link.relative_to(commit).as_posix()]
                    assert link.resolve(strict=True) == folder.blob(stored.etag).resolve()
            for ref in folder.path.glob("refs/[!.]*"):
                assert (folder.snapshot(ref.read_text()) / "config.json").exists()
        assert not outside(self.home)
        ours = {self.lamas[0][0].folder(repo).name for repo in REPOS}
        assert {path.name for path in cache.glob("*")} <= {".locks", *ours}

    async def what_is_known_is_on_the_disk(self):
        table = SnapshotTable(self.lamas[0][0].database)
        for snapshot in await table.all():
            for file in await table.files(snapshot.ref, snapshot.revision):
                there = self.lamas[0][0].folder(snapshot.ref).snapshot(snapshot.revision) / file.path
                assert size_of(there) == file.size
                assert there.readlink().name == file.hash

    def look_at(self, path: Path, published: bytes) -> None:
        status = path.stat()
        seen = (str(path), status.st_mtime_ns, status.st_size)
        if path.name.endswith(PART):
            data = path.read_bytes()
            assert len(data) <= len(published)
            if not self.met("flip"):
                assert published.startswith(data), f"{path.name} is another file"
        elif seen not in self.sound:
            assert path.read_bytes() == published, f"{path.name} is corrupt"
            self.sound.add(seen)

    # at the end all comes to rest

    async def come_to_rest(self) -> None:
        self.hub.behave()
        self.patience.stall = 60.0  # what is late now is a busy machine
        lama = self.lamas[-1][0]
        for job in await lama.downloads.jobs():
            if job.state != "done":
                await lama.downloads.resume(job.id)
        for job in await lama.downloads.jobs():
            while not (done := await lama.until(job.id, rests)).ended:
                await lama.downloads.retry(job.id)
                await asyncio.sleep(PACE.look)
            assert done.state == "done", (done.state, done.why, done.error)
            assert (done.owner, done.done_bytes) == (None, done.total_bytes)
            await self.has_all(lama, done)
        self.what_lies_there()
        known = await SnapshotTable(lama.database).all()
        on_disk = {path for repo in REPOS for path in lama.folder(repo).path.glob("snapshots/*")}
        unknown = on_disk - {Path(snapshot.path) for snapshot in known}
        # one of a lama that was killed may have been cancelled when all was laid out and not recorded, and forgotten
        assert {path.name for path in unknown} <= self.given_up

    async def has_all(self, lama: Instance, job: Job) -> None:
        rows = await lama.database.read("SELECT path, size, hash FROM job_files WHERE job_id = ?", (job.id,))
        assert rows
        snapshot = lama.folder(job.ref).snapshot(job.commit or "")
        known = {file.path: file for file in await SnapshotTable(lama.database).files(job.ref, job.commit or "")}
        for row in rows:
            assert (snapshot / row["path"]).resolve(strict=True).name == row["hash"]
            assert known[row["path"]].hash == row["hash"]

    def what_lies_there(self) -> None:
        """Nothing half, and not much was fetched twice."""
        lying = 0
        for repo in REPOS:
            folder = self.lamas[0][0].folder(repo)
            assert not list(folder.path.rglob(".lama-*"))
            lying += sum(path.stat().st_size for path in folder.path.glob("blobs/*"))
        given = len(self.hub.asked("GET", FILES)) - self.met("status") - self.met("hang_up")
        cuts = max(0, given - self.whole())
        may = lying + self.removed + self.met("flip") * SIZE + cuts * TWICE  # what is wrong is thrown away
        assert self.hub.sent <= may, (self.hub.sent, may)

    def whole(self) -> int:
        """Files that came to their end."""
        names = (path.name for repo in REPOS for path in self.lamas[0][0].folder(repo).path.glob("blobs/*"))
        return sum(not name.endswith(PART) for name in names)

    def met(self, what: str) -> int:
        """How many requests for files were in this trouble."""
        return sum(
            trouble.seen if trouble.times is None else min(trouble.seen, trouble.times)
            for trouble in self.troubles
            if getattr(trouble, what) and trouble.pattern == FILES
        )

    # and the ways to it

    def any_lama(self) -> Instance:
        return self.chance.choice(self.lamas)[0]

    def moment(self) -> float:
        return self.chance.choice((0.0, 0.0, 0.01, 0.04, 0.1))

    def commit(self, repo: str, weights: bool) -> None:
        self.versions += 1
        before = self.hub.repos.get(repo)
        files = {path: stored.content for path, stored in before.files.items()} if before else {}
        files["config.json"] = b'{"model_type": "llama", "v": %d}' % self.versions
        files["deep/er/notes.json"] = b"{}"
        if weights:
            files["model-1.safetensors"] = random_bytes(SIZE, self.versions)
            files["model-2.safetensors"] = random_bytes(SIZE // 4, self.versions + 100)
        self.hub.add(repo, files, tags=("mlx",))
        for stored in self.hub.repos[repo].files.values():
            self.published[stored.etag] = stored.content

    async def holds(self) -> None:
        await self.one_works_on_a_job()
        self.what_lies_there_is_what_was_published()
        await self.what_is_known_is_on_the_disk()

    async def walk(self, steps: int) -> None:
        ways = (self.add, self.wish, self.open, self.close, self.die, self.local_only, self.trouble, self.publish,
                self.time_passes)  # fmt: skip
        try:
            await self.open()
            await self.add()
            for way in self.chance.choices(ways, weights=(6, 6, 2, 1, 2, 1, 4, 3, 1), k=steps):
                self.steps.append(way.__name__)
                await way()
                await asyncio.sleep(self.moment())
                await self.holds()
            self.steps.append("rest")
            await self.come_to_rest()
            await self.holds()
        except BaseException as error:
            error.add_note(f"seed {self.seed}, after {', '.join(self.steps)}")
            raise
        finally:
            while self.lamas:
                await self.lamas.pop()[1].aclose()


async def play(seed: int, home: Path, steps: int) -> None:
    with TestHub() as hub:
        await Queueing(seed, home, hub).walk(steps)


@pytest.mark.parametrize("seed", seeds(1))
async def test_a_few_orders(seed, tmp_path):
    await play(seed, tmp_path, 15)


@pytest.mark.slow
@pytest.mark.parametrize("seed", seeds(*range(10, 22)))
async def test_many_orders(seed, tmp_path):
    await play(seed, tmp_path, 60)
