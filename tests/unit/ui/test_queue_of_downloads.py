"""What the screens hear of the queue of downloads."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lama_tui.library.downloads.job import Job, JobId
from lama_tui.ui.screens.models.queue import Queue

RUNNING = Job(JobId(1), "download", "org/tiny", "https://hub", "main", "running", updated=10)
FAILED = replace(RUNNING, state="failed", updated=12)


class _EndsWhileItIsRead:
    """Downloads of which one ends after its row was read and before the reader goes on."""

    def __init__(self) -> None:
        self.listener: Any = None
        self.ends = False

    def subscribe(self, listener: Any) -> Any:
        self.listener = listener
        return lambda: None

    async def jobs(self) -> Sequence[Job]:
        if self.ends:
            self.listener(FAILED)
        return [RUNNING]


async def test_an_end_is_told_once_whatever_is_read_meanwhile() -> None:
    downloads, ended = _EndsWhileItIsRead(), []

    async def opened() -> Any:
        return downloads

    queue = Queue(opened, ended.append)
    await queue.open()
    downloads.ends = True
    await queue.look()
    assert queue.jobs == [FAILED]
    downloads.listener(replace(FAILED, rate=None))
    assert ended == [FAILED]
