"""What runs in the engine thread: it owns the backend, serves the line of jobs, and survives them.

Every call into the backend is guarded: what it raises fails the requests in that call and
nothing else. Cancelling and stopping are looked for between steps, and while a model loads.
"""

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from lama_tui.engine.backend import Backend, DeviceFacts, LoadedModel, MemoryFigures, ModelSource
from lama_tui.engine.jobs import CountJob, GenerationJob, Job, LoadJob, UnloadJob
from lama_tui.engine.scheduler import Move, next_move
from lama_tui.errors import InferenceError, LamaError, ModelLoadError
from lama_tui.events import (
    ModelLoaded,
    ModelLoading,
    StreamEvent,
    StreamFailed,
    StreamFinished,
    UsageUpdated,
)
from lama_tui.types import RequestId, Usage

log = logging.getLogger(__name__)

FIGURES_INTERVAL = 0.05
"""Seconds between two looks at the backend's memory while it works."""
IDLE_CHECK = 1.0
"""Seconds after which an idle thread looks whether the program still lives."""
COUNTING_REST = 20.0
"""While answers run, counting rests this many times as long as the last count took: it slows them by 5 % at most."""


@dataclass(frozen=True, slots=True)
class EngineFigures:
    """What the engine is doing. `device` and `memory` are None until it was first used.

    The speeds (tokens per second) and the time to the first token are of the newest answer of the
    loaded model that had one; they change while it runs.
    """

    device: DeviceFacts | None = None
    loaded: tuple[LoadedModel, ...] = ()
    memory: MemoryFigures | None = None
    loading: ModelLoading | None = None
    running: int = 0
    waiting: int = 0
    prefill_tok_s: float | None = None
    decode_tok_s: float | None = None
    ttft_ms: float | None = None

    @property
    def weights(self) -> int:
        """Bytes of all loaded models."""
        return sum(model.weights for model in self.loaded)


class LoadAbandoned(Exception):
    """Nobody waits any more for the model that is loading."""


class Worker:
    """The engine thread's side. `submit`, `nudge` and `stop` may be called from any thread."""

    def __init__(self, backend_factory: Callable[[], Backend], parallel: int) -> None:
        self._factory = backend_factory
        self._parallel = parallel
        self._inbox: queue.SimpleQueue[Job | CountJob | None] = queue.SimpleQueue()
        self._waiting: deque[Job] = deque()
        self._counts: deque[CountJob] = deque()
        self._next_count = 0.0
        self._running: dict[RequestId, GenerationJob] = {}
        self._backend: Backend | None = None
        self._loaded: ModelSource | None = None
        self._stopping = False
        self._looked = 0.0
        self.figures = EngineFigures()
        """Replaced as a whole, so that any thread may read it."""

    def submit(self, job: Job | CountJob) -> None:
        """Put a job in line."""
        self._inbox.put(job)

    def nudge(self) -> None:
        """Make the thread look: something was cancelled."""
        self._inbox.put(None)

    def stop(self) -> None:
        """Ask the thread to end as soon as the current step allows."""
        self._stopping = True
        self._inbox.put(None)

    def run(self) -> None:
        """The thread's life: serve jobs until stopped, then release everything."""
        try:
            while not self._must_end():
                self._receive()
                self._drop_cancelled()
                self._count()
                self._move()
        finally:
            self._end()

    def _must_end(self) -> bool:
        # A non-daemon thread would keep a program alive whose main thread died without a goodbye.
        return self._stopping or not threading.main_thread().is_alive()

    def _receive(self) -> None:
        """Take in new jobs; sleep only where there is nothing to do."""
        idle = not self._waiting and not self._running and not self._counts
        try:
            job = self._inbox.get(timeout=IDLE_CHECK) if idle else self._inbox.get_nowait()
            while True:
                self._take(job)
                job = self._inbox.get_nowait()
        except queue.Empty:
            pass

    def _take(self, job: Job | CountJob | None) -> None:
        if isinstance(job, CountJob):
            self._counts.append(job)
        elif job is not None:
            self._waiting.append(job)

    def _count(self) -> None:
        """Answer one question for a count, unless the last one would hold up the answers that run."""
        if not self._counts or (self._running and time.monotonic() < self._next_count):
            return
        job = self._counts.popleft()
        if job.cancelled:
            return
        began = time.monotonic()
        try:
            job.finish(self._opened().count(job.source, job.messages) if job.source == self._loaded else None)
        except Exception as error:
            job.fail(_explain(error))
        ended = time.monotonic()
        self._next_count = ended + COUNTING_REST * (ended - began)

    def _drop_cancelled(self) -> None:
        gone = [job for job in self._waiting if job.cancelled]
        for job in gone:
            self._waiting.remove(job)
            job.report(StreamFinished("cancelled", Usage()))
        for job in [job for job in self._running.values() if job.cancelled]:
            self._cancel(job)
            self._look()

    def _cancel(self, job: GenerationJob) -> None:
        """End a running request in the backend; its place is free even if that fails."""
        del self._running[job.request.id]
        try:
            events = self._opened().cancel(job.request.id)
        except Exception:
            log.exception("the backend failed to cancel %s", job.request.id)
            job.report(StreamFinished("cancelled", Usage()))
            return
        for event in events:
            job.report(event.event)

    def _move(self) -> None:
        first = self._waiting[0].first if self._waiting else None
        move = next_move(first, len(self._running), self._loaded, self._parallel)
        if move is Move.STEP:
            self._step()
        elif move is not Move.WAIT:
            job = self._waiting[0]
            try:
                self._serve(job, move)
            except LoadAbandoned:
                log.info("loading was abandoned")
            except Exception as error:
                self._leave_line(job)
                job.fail(_explain(error))

    def _serve(self, job: Job, move: Move) -> None:
        """Load for, unload for, or admit the first in line. Raises what the backend raises."""
        if move is Move.LOAD and job.first.source is not None:
            self._load(job.first.source)
            return
        if isinstance(job, UnloadJob):
            freed = self._unload() if self._is_loaded(job.reference) else 0
            self._leave_line(job)
            job.finish(freed)
        elif isinstance(job, LoadJob):
            model = next(iter(self._opened().loaded()))
            self._leave_line(job)
            job.finish(model)
        else:
            if job.request.id in self._running:
                raise InferenceError("The request runs already", f"Its id is {job.request.id}.", "Use a new id.")
            self._opened().begin(job.request)
            self._running[job.request.id] = job
            self._leave_line(job)

    def _leave_line(self, job: Job) -> None:
        """Take `job` out of the line and publish it, before its reader hears of the outcome."""
        self._waiting.remove(job)
        self._look()

    def _is_loaded(self, reference: str) -> bool:
        return self._loaded is not None and self._loaded.reference == reference

    def _opened(self) -> Backend:
        """The backend, opened on first use: until then nothing of it is imported."""
        if self._backend is None:
            backend = self._factory()
            device = backend.open()
            self._backend = backend
            self.figures = replace(self.figures, device=device)
            log.info("engine: %s (%s)", device.name, device.kind)
        return self._backend

    def _unload(self) -> int:
        loaded, self._loaded = self._loaded, None
        self.figures = replace(self.figures, prefill_tok_s=None, decode_tok_s=None, ttft_ms=None)
        freed = self._opened().unload(loaded.reference) if loaded else 0
        if loaded:
            log.info("unloaded %s, %d bytes freed", loaded.reference, freed)
        return freed

    def _load(self, source: ModelSource) -> None:
        """As `_swap`; while it lasts the figures tell how far it is."""
        try:
            self._swap(source)
        finally:
            self.figures = replace(self.figures, loading=None)
            self._look()

    def _swap(self, source: ModelSource) -> None:
        """Swap the loaded model, telling everyone who waits for `source` how far it is.

        Where the files of `source` cannot be used, what is loaded stays.
        """

        def progress(done: int, total: int) -> None:
            self._receive()
            waiters = [job for job in self._waiting if job.first.source == source and not job.cancelled]
            if not waiters or self._must_end():
                raise LoadAbandoned
            now = ModelLoading(source.reference, done, total)
            self.figures = replace(self.figures, loading=now)
            for job in waiters:
                job.report(now)

        progress(0, 0)
        backend = self._opened()
        backend.check(source)
        self._unload()
        self._look()
        model = backend.load(source, progress)
        self._loaded = source
        log.info("loaded %s in %.2f s, %d bytes", model.reference, model.seconds, model.weights)
        ready = ModelLoaded(model.reference, model.device, model.weights, model.context_window, model.seconds)
        for job in self._waiting:
            if job.first.source == source:
                job.report(ready)

    def _step(self) -> None:
        try:
            events = self._opened().step()
        except Exception as error:
            log.exception("a step failed")
            self._fail_running(_explain(error))
            return
        for step_event in events:
            self._deliver(step_event.request, step_event.event)
        if time.monotonic() - self._looked > FIGURES_INTERVAL:
            self._look()

    def _deliver(self, request: RequestId, event: StreamEvent) -> None:
        job = self._running.get(request)
        if job is None:
            return
        if isinstance(event, UsageUpdated | StreamFinished):
            self._publish_speeds(event.usage)
        if isinstance(event, StreamFinished | StreamFailed):
            del self._running[request]
            self._look()  # before the reader hears of it, so that it finds figures that agree
        job.report(event)

    def _publish_speeds(self, usage: Usage) -> None:
        """Publish the speeds of a running answer; what it has not measured yet stays that of the one before."""
        before = self.figures
        self.figures = replace(
            before,
            prefill_tok_s=before.prefill_tok_s if usage.prefill_tok_s is None else usage.prefill_tok_s,
            decode_tok_s=before.decode_tok_s if usage.decode_tok_s is None else usage.decode_tok_s,
            ttft_ms=before.ttft_ms if usage.ttft_ms is None else usage.ttft_ms,
        )

    def _fail_running(self, error: LamaError) -> None:
        """A step that raised belongs to every request in it: all of them end, the thread does not."""
        failed, self._running = self._running, {}
        for request in failed:
            try:
                self._opened().cancel(request)
            except Exception:
                log.exception("the backend failed to drop %s", request)
        self._look()
        for job in failed.values():
            job.fail(error)

    def _look(self) -> None:
        """Publish new figures."""
        self._looked = time.monotonic()
        self.figures = replace(self.figures, running=len(self._running), waiting=len(self._waiting))
        if self._backend is None:
            return
        try:
            loaded, memory = tuple(self._backend.loaded()), self._backend.memory()
        except Exception:
            log.exception("the backend failed to report its memory")
            return
        self.figures = replace(self.figures, loaded=loaded, memory=memory)

    def _end(self) -> None:
        """Answer everyone who still waits, then release the backend in its own thread."""
        self._receive_rest()
        for running in list(self._running.values()):
            self._cancel(running)
        for waiting in self._waiting:
            waiting.fail(stopped())
        self._waiting.clear()
        for count in self._counts:
            count.fail(stopped())
        self._counts.clear()
        backend, self._backend, self._loaded = self._backend, None, None
        if backend is not None:
            try:
                backend.close()
            except Exception:
                log.exception("the backend failed to close")
        self.figures = EngineFigures(device=self.figures.device)

    def _receive_rest(self) -> None:
        while not self._inbox.empty():
            self._take(self._inbox.get_nowait())


def stopped() -> InferenceError:
    """The error of everything that is asked of an engine that has ended."""
    return InferenceError("The engine has stopped", "Lama is closing.", "Start lama again.")


def _explain(error: Exception) -> LamaError:
    """Give a foreign exception that escaped the backend the shape of ours."""
    if isinstance(error, LamaError):
        return error
    detail = f"{type(error).__name__}: {error}"[:500]
    if isinstance(error, ImportError):
        explained: LamaError = ModelLoadError(
            "The inference runtime could not be started", detail, "Run `lama doctor`."
        )
    else:
        explained = InferenceError("The engine failed", detail, "Try again; the log has the details.")
    explained.__cause__ = error
    return explained
