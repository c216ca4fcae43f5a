"""The engine as asyncio sees it: answers are async iterators, the work happens in one thread.

The thread is not a daemon (a daemon that owns MLX aborts the process at exit) and starts on
first use, so that a workspace that only talks to servers never has one.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Collection
from typing import TypeVar

from lama_tui.engine.backend import Backend, GenerationRequest, LoadedModel, ModelSource
from lama_tui.engine.failures import stopped
from lama_tui.engine.figures import EngineFigures, ModelActivity
from lama_tui.engine.jobs import CountJob, ForgetJob, GenerationJob, Job, LoadJob, UnloadJob
from lama_tui.engine.worker import Worker
from lama_tui.events import StreamEvent, StreamFailed, StreamFinished
from lama_tui.types import ChatMessage

__all__ = ["Engine", "EngineFigures", "ModelActivity"]


T = TypeVar("T")


class Engine:
    """Runs models of one backend in a thread of its own. All methods belong to the event loop.

    Each model answers `parallel` requests together. One that was not used for `idle_unload` seconds leaves memory;
    0: none does so by itself.
    """

    def __init__(self, backend_factory: Callable[[], Backend], *, parallel: int = 4, idle_unload: float = 0.0) -> None:
        self._worker = Worker(backend_factory, parallel, idle_unload)
        self._thread: threading.Thread | None = None
        self._stopped = False

    def _submit(self, job: Job | CountJob | ForgetJob) -> None:
        """Put a job in line, starting the thread on the first one. Raises `InferenceError` after `stop`."""
        if self._stopped:
            raise stopped()
        if self._thread is None:
            self._thread = threading.Thread(target=self._worker.run, name="lama-engine", daemon=False)
            self._thread.start()
        self._worker.submit(job)

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[StreamEvent]:
        """Events of one answer, ending with `StreamFinished`. Raises a `LamaError`.

        Begins with `Queued` where it has to wait, `ModelUnloaded` for what made room, `ModelLoading` and
        `ModelLoaded` where the model was not in memory. Closing
        the iterator, or cancelling the task that reads it, ends the request in the thread
        after its current step.
        """
        job = GenerationJob(request)
        self._submit(job)
        try:
            while True:
                for event in await job.buffer.take():
                    if isinstance(event, StreamFailed):
                        raise event.error
                    yield event
                    if isinstance(event, StreamFinished):
                        return
        finally:
            job.cancelled = True
            self._worker.nudge()

    async def load(self, source: ModelSource) -> LoadedModel:
        """Load a model as soon as there is room for it. Raises a `ModelError`; cancelling abandons the load."""
        job = LoadJob(source)
        self._submit(job)
        return await self._answer(asyncio.wrap_future(job.done))

    async def unload(self, reference: str) -> int:
        """Drop a model after its answers have ended; the bytes freed, 0 if it was not loaded."""
        job = UnloadJob(reference)
        self._submit(job)
        return await self._answer(asyncio.wrap_future(job.done))

    def pin(self, references: Collection[str]) -> None:
        """Keep these models in memory, and no others: they go only where nothing else can make room."""
        self._worker.pin(frozenset(references))

    async def count(
        self, source: ModelSource, messages: tuple[ChatMessage, ...], thinking: bool | None = None
    ) -> int | None:
        """Tokens of the prompt that `messages` make, asked to be `thinking` or not; None: as the model does by itself.

        None unless `source` is loaded. Raises a `LamaError`.

        Does not wait in line, and answers that run are not held up by more than a few percent; cancelling
        takes the question back.
        """
        if self._thread is None:
            return None
        job = CountJob(source, messages, thinking)
        self._submit(job)
        return await self._answer(asyncio.wrap_future(job.done))

    async def forget(self, conversation: int) -> None:
        """Keep nothing of a conversation in memory, whatever was computed for it. What is on the disk stays."""
        if self._thread is None or self._stopped:
            return
        job = ForgetJob(conversation)
        self._submit(job)
        await asyncio.wrap_future(job.done)

    async def _answer(self, future: "asyncio.Future[T]") -> T:
        try:
            return await future
        except asyncio.CancelledError:
            self._worker.nudge()
            raise

    def figures(self) -> EngineFigures:
        """What the engine is doing, as last published by the thread; never blocks."""
        return self._worker.figures

    async def stop(self, timeout: float = 2.0) -> bool:
        """End what runs, release the model and join the thread; a second call does not wait again.

        False when the thread had not ended after `timeout` seconds.
        """
        waited, self._stopped = self._stopped, True
        if self._thread is None:
            return True
        if not waited:
            self._worker.stop()
            await asyncio.to_thread(self._thread.join, timeout)
        return not self._thread.is_alive()
