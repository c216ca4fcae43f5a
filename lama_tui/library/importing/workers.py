"""Who works on the imports of the queue."""

import asyncio
from typing import TYPE_CHECKING

from lama_tui.library.downloads.job_table import QueuedJob

if TYPE_CHECKING:
    from lama_tui.library.downloads.work import Pace
    from lama_tui.library.importing.imports import Imports
    from lama_tui.library.importing.job import ImportWork


class ImportWorkers:
    """Lets `imports` bring in what jobs name. Its parts are imported by the first job."""

    def __init__(self, imports: "Imports", pace: "Pace") -> None:
        self._imports = imports
        self._pace = pace

    async def begin(self, row: QueuedJob) -> "ImportWork":
        """Somebody for one import."""
        return (await asyncio.to_thread(_import_work))(row, self._imports, self._pace)

    async def remove_parts(self, row: QueuedJob) -> None:
        """What came from an address, and what was copied of a folder, unless somebody works in it."""
        await self._imports.remove_parts(row.job.source, row.job.ref)


def _import_work() -> "type[ImportWork]":
    from lama_tui.library.importing.job import ImportWork

    return ImportWork
