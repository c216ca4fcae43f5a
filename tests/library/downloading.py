"""An instance that downloads, as tests of the queue use it: its own database connection, one hub, little patience."""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from lama_tui.config.settings import LibrarySettings, PrivacySettings, Settings
from lama_tui.library.downloads.job import Job, JobId
from lama_tui.library.downloads.layout import RepoFolder
from lama_tui.library.downloads.queue import Downloads
from lama_tui.library.downloads.retry import Backoff
from lama_tui.library.downloads.work import Pace
from lama_tui.library.hub.access import HubAccess
from lama_tui.library.hub.hub import Hub
from lama_tui.library.importing.imports import Imports
from lama_tui.library.snapshot_table import SnapshotTable
from lama_tui.paths import Paths
from lama_tui.providers.fetch import Limits
from lama_tui.store.database import Database
from tests.library.hub import TestHub

REPO = "org/tiny-4bit"
WAIT = 60.0  # seconds that a condition may take
IMPATIENT = Pace(Backoff(first=0.15, longest=0.2, tries=3), Limits(connect=120.0, stall=120.0))
"""Tries again soon. It does not give up soon: a machine that is busy sends nothing for a while either."""


def random_bytes(count: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(count)


def model_files(size: int = 3_000_000) -> dict[str, bytes]:
    """A model whose weights are the only large file."""
    return {
        "config.json": b'{"model_type": "llama"}',
        "model.safetensors": random_bytes(size),
        "tokenizer.json": b"{}",
        "README.md": b"# tiny\n",
    }


@dataclass
class Instance:
    """One lama. `seen` are the jobs as its listener heard of them."""

    downloads: Downloads
    database: Database
    hub: Hub
    settings: Settings
    cache: Path
    seen: list[Job] = field(default_factory=list)

    def change(self, **privacy: bool) -> None:
        self.settings = replace(self.settings, privacy=replace(self.settings.privacy, **privacy))

    async def until(self, job: JobId, met: Callable[[Job], bool], within: float = WAIT) -> Job:
        """The job when it was first seen so."""
        async with asyncio.timeout(within):
            while True:
                now = await self.downloads.job(job)
                if now is not None and met(now):
                    return now
                await asyncio.sleep(0.02)

    async def ended(self, job: JobId) -> Job:
        """The job when it has ended, and the listener has heard of it."""
        return await self.until(
            job, lambda now: now.ended and any(heard.id == job and heard.state == now.state for heard in self.seen)
        )

    def folder(self, repo: str = REPO) -> RepoFolder:
        return RepoFolder(self.cache, repo)

    def blobs(self, repo: str = REPO) -> dict[str, int]:
        """What lies there, by name; every whole one is checked."""
        found = {}
        for path in sorted(self.folder(repo).path.glob("blobs/*")):
            data = path.read_bytes()
            found[path.name] = len(data)
            if not path.name.endswith(".part"):
                git = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
                assert path.name in (hashlib.sha256(data).hexdigest(), git), f"{path.name} is corrupt"
        return found


@asynccontextmanager
async def instance(
    hub: TestHub,
    home: Path,
    *,
    pace: Pace = IMPATIENT,
    adopt: bool = True,
    settings: Settings | None = None,
    access: HubAccess | None = None,
    on_battery: Callable[[], bool | None] = lambda: None,
    cache: Path | None = None,
) -> AsyncIterator[Instance]:
    """A lama of this home, closed at the end."""
    settings = settings or Settings(library=LibrarySettings(), privacy=PrivacySettings())
    paths = Paths.from_environment({"LAMA_HOME": str(home / "lama")})
    database = await Database.open(paths)
    asks = Hub(access or HubAccess(hub.endpoint), settings.privacy.local_only)
    cache = cache or home / "hub" / "hub"

    async def opened() -> Hub:
        return asks

    made = Instance(None, database, asks, settings, cache)  # type: ignore[arg-type]

    async def snapshots() -> SnapshotTable:
        return SnapshotTable(database)

    imports = Imports(paths, snapshots)
    made.downloads = Downloads(
        database, opened, lambda: made.settings, imports, adopt=adopt, on_battery=on_battery, cache=cache, pace=pace
    )
    made.downloads.subscribe(made.seen.append)
    try:
        yield made
    finally:
        await made.downloads.close()
        await asks.close()
        await database.close()


def outside(home: Path, allowed: Sequence[str] = ("lama", "hub")) -> list[str]:
    """What was written beside the places that are ours."""
    return sorted(path.name for path in home.iterdir() if path.name not in allowed)
