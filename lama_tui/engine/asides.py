"""What is asked of the engine thread besides answers, and is done between their steps, never in their way."""

import time
from collections import deque

from lama_tui.engine.failures import explain, stopped
from lama_tui.engine.jobs import CountJob, ForgetJob
from lama_tui.engine.models import Models

REST = 20.0
"""While answers run, counting rests this many times as long as the last count took: it slows them by 5 % at most."""


class Asides:
    """The counts that wait, and the conversations to forget."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self._counts: deque[CountJob] = deque()
        self._forgets: deque[ForgetJob] = deque()
        self._next = 0.0

    def __len__(self) -> int:
        return len(self._counts) + len(self._forgets)

    def ask(self, job: CountJob | ForgetJob) -> None:
        """Let it wait for its turn."""
        if isinstance(job, CountJob):
            self._counts.append(job)
        else:
            self._forgets.append(job)

    def step(self, busy: bool) -> None:
        """Forget what is to be forgotten; count once, unless the last count would hold up what keeps it `busy`."""
        self._forget()
        if not self._counts or (busy and time.monotonic() < self._next):
            return
        job = self._counts.popleft()
        if job.cancelled:
            return
        began = time.monotonic()
        try:
            known, backend = job.source in self._models, self._models.backend
            job.finish(backend.count(job.source, job.messages, job.thinking) if known else None)
        except Exception as error:
            job.fail(explain(error))
        ended = time.monotonic()
        self._next = ended + REST * (ended - began)

    def end(self) -> None:
        """Nobody counts any more: answer those who still wait."""
        self._forget()
        while self._counts:
            self._counts.popleft().fail(stopped())

    def _forget(self) -> None:
        """Keep nothing of conversations that were deleted: their answers have ended by now."""
        while self._forgets:
            job = self._forgets.popleft()
            self._models.forget(job.conversation)
            job.finish()
