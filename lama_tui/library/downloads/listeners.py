"""Who hears of jobs, and what they heard last: each gets a job when something of it changed, and only then."""

import logging
from collections.abc import Callable
from dataclasses import replace

from lama_tui.library.downloads.job import Job, JobId

log = logging.getLogger(__name__)

Listener = Callable[[Job], None]


class Listeners:
    """Those who listen, and `shown`: the jobs as they were told."""

    def __init__(self) -> None:
        self.shown: dict[JobId, Job] = {}
        self._listeners: dict[object, Listener] = {}

    def add(self, listener: Listener) -> Callable[[], None]:
        """Tell `listener` too; call the result to end that."""
        key = object()
        self._listeners[key] = listener
        return lambda: self._listeners.pop(key, None) and None

    def tell(self, job: Job) -> None:
        """Tell how a job is now, where that is news."""
        before = self.shown.get(job.id)
        self.shown[job.id] = job
        if before is not None and replace(before, updated=job.updated) == job:
            return
        if before is None and job.ended:
            return  # it had ended before anybody looked
        for listener in list(self._listeners.values()):
            try:
                listener(job)
            except Exception:
                log.exception("a listener of downloads failed")
