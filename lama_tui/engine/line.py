"""The line of jobs that wait for the engine thread, in the order they came."""

from collections.abc import Iterator

from lama_tui.engine.backend import ModelSource
from lama_tui.engine.jobs import Job
from lama_tui.engine.scheduler import Wish
from lama_tui.events import Queued


class Line:
    """Who waits, for what, and which place each was told last."""

    def __init__(self) -> None:
        self._jobs: list[Job] = []

    def __len__(self) -> int:
        return len(self._jobs)

    def __iter__(self) -> Iterator[Job]:
        return iter(list(self._jobs))

    def __getitem__(self, at: int) -> Job:
        return self._jobs[at]

    @property
    def wishes(self) -> list[Wish]:
        """What they want, in their order."""
        return [job.wish for job in self._jobs]

    def join(self, job: Job) -> None:
        """Stand behind all others."""
        self._jobs.append(job)

    def leave(self, job: Job) -> None:
        """Stand here no longer."""
        self._jobs.remove(job)

    def waiting_for(self, source: ModelSource) -> list[Job]:
        """Those who want `source` and still want it."""
        return [job for job in self._jobs if job.wish.source == source and not job.cancelled]

    def tell_places(self, loading: ModelSource | None = None) -> None:
        """Tell each its place where that is new; who waits for what is `loading` hears of that instead."""
        waiting = [job for job in self._jobs if loading is None or job.wish.source != loading]
        for at, job in enumerate(waiting):
            queued = Queued(at + 1, len(waiting))
            if job.told != queued:
                job.told = queued
                job.report(queued)
