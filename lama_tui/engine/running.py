"""The answers that run in the engine thread, in the order in which they began."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator

from lama_tui.engine.jobs import GenerationJob
from lama_tui.engine.models import Models
from lama_tui.errors import InferenceError
from lama_tui.events import StreamEvent, StreamFinished
from lama_tui.types import RequestId, Usage

log = logging.getLogger(__name__)


class Running:
    """Begins them in the backend and ends them there. Belongs to the engine thread."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self._jobs: dict[RequestId, GenerationJob] = {}

    def __len__(self) -> int:
        return len(self._jobs)

    def __iter__(self) -> Iterator[GenerationJob]:
        return iter(list(self._jobs.values()))

    def of(self, request: RequestId) -> GenerationJob | None:
        """The job of a request, while it runs."""
        return self._jobs.get(request)

    @property
    def newest(self) -> GenerationJob:
        """The one that began last; there is one."""
        return list(self._jobs.values())[-1]

    def by_model(self) -> Counter[str]:
        """How many requests of each model run."""
        return Counter(job.request.source.reference for job in self._jobs.values())

    def begin(self, job: GenerationJob, given_up: Callable[[], bool]) -> None:
        """Let a request begin. Raises `InferenceError` where it runs already, and what the backend raises."""
        if job.request.id in self._jobs:
            raise InferenceError("The request runs already", f"Its id is {job.request.id}.", "Use a new id.")
        self._models.backend.begin(job.request, given_up)
        self._jobs[job.request.id] = job
        self._models.use(job.wish.reference)

    def forget(self, job: GenerationJob) -> None:
        """It runs no more."""
        del self._jobs[job.request.id]
        self._models.use(job.request.source.reference)

    def drop(self, job: GenerationJob) -> list[StreamEvent]:
        """End a request in the backend; its last events. Its place is free even if that fails."""
        self.forget(job)
        try:
            return [event.event for event in self._models.backend.cancel(job.request.id)]
        except Exception:
            log.exception("the backend failed to cancel %s", job.request.id)
            return [StreamFinished("cancelled", Usage())]
