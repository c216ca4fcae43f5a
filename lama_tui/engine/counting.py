"""Questions for a count of tokens: answered between the steps of answers, and never in their way."""

import time
from collections import deque

from lama_tui.engine.failures import explain, stopped
from lama_tui.engine.jobs import CountJob
from lama_tui.engine.models import Models

REST = 20.0
"""While answers run, counting rests this many times as long as the last count took: it slows them by 5 % at most."""


class Counting:
    """The questions that wait."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self._jobs: deque[CountJob] = deque()
        self._next = 0.0

    def __len__(self) -> int:
        return len(self._jobs)

    def ask(self, job: CountJob) -> None:
        """Let it wait for its turn."""
        self._jobs.append(job)

    def step(self, busy: bool) -> None:
        """Answer one, unless the last one would hold up what keeps the thread `busy`."""
        if not self._jobs or (busy and time.monotonic() < self._next):
            return
        job = self._jobs.popleft()
        if job.cancelled:
            return
        began = time.monotonic()
        try:
            job.finish(self._models.backend.count(job.source, job.messages) if job.source in self._models else None)
        except Exception as error:
            job.fail(explain(error))
        ended = time.monotonic()
        self._next = ended + REST * (ended - began)

    def end(self) -> None:
        """Answer those who still wait: there is nobody to count any more."""
        while self._jobs:
            self._jobs.popleft().fail(stopped())
