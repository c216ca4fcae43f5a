"""Who works on downloads and updates: models of the hub, into its cache."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lama_tui.config.settings import Settings
from lama_tui.errors import DownloadError
from lama_tui.library.downloads.job_table import JobTable, QueuedJob
from lama_tui.library.downloads.layout import RepoFolder
from lama_tui.library.downloads.leftovers import remove_parts
from lama_tui.library.downloads.work import AsksHub, Pace, Work

if TYPE_CHECKING:
    from lama_tui.library.snapshot_table import SnapshotTable


class HubWorkers:
    """Asks the hub that `open_hub` gives, and fills `cache`."""

    def __init__(
        self,
        table: JobTable,
        snapshots: "SnapshotTable",
        open_hub: Callable[[], Awaitable[AsksHub]],
        settings: Callable[[], Settings],
        cache: Path,
        pace: Pace,
    ) -> None:
        self._table = table
        self._snapshots = snapshots
        self._open_hub = open_hub
        self._settings = settings
        self._cache = cache
        self._pace = pace

    async def begin(self, row: QueuedJob) -> Work:
        """Raises `DownloadError` for a job of another hub."""
        hub, source = await self._open_hub(), row.job.source
        if hub.access.endpoint != source:
            raise DownloadError(
                "This download is from another hub",
                f"It was begun at {source}, and HF_ENDPOINT is {hub.access.endpoint} now",
                "Set HF_ENDPOINT as it was, or begin again",
            )
        pace = replace(self._pace, concurrent=self._settings().library.concurrent_files)
        return Work(row, self._table, self._snapshots, hub, self._cache, pace)

    async def remove_parts(self, row: QueuedJob) -> None:
        """Parts, and whole files that no snapshot has and no other job needs, in the cache that it was added for."""
        needed = await self._table.needed_by_others(row.job.id)
        files = [file for file in await self._table.files(row.job.id) if file.hash not in needed]
        await asyncio.to_thread(remove_parts, RepoFolder(Path(row.job.cache or self._cache), row.job.ref), files)
