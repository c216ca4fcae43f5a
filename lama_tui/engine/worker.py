"""What runs in the engine thread: it owns the backend, serves the line of jobs, and survives them.

Every call into the backend is guarded: what it raises fails the requests in that call and
nothing else. Cancelling and stopping are looked for between steps, and while a model loads.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from lama_tui.engine.asides import Asides
from lama_tui.engine.backend import Backend, ModelSource
from lama_tui.engine.failures import LoadAbandoned, explain, stopped
from lama_tui.engine.figures import EngineFigures
from lama_tui.engine.jobs import CountJob, ForgetJob, GenerationJob, Job, LoadJob, UnloadJob
from lama_tui.engine.line import Line
from lama_tui.engine.models import Models
from lama_tui.engine.pressure import Relief, Rung
from lama_tui.engine.running import Running
from lama_tui.engine.scheduler import Move, Next, first_to_load, idle_too_long, next_move
from lama_tui.engine.sharing import Sharing
from lama_tui.engine.shortage import Shortage
from lama_tui.errors import LamaError
from lama_tui.events import (
    ModelLoaded,
    ModelLoading,
    ModelUnloaded,
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


class Worker:
    """The engine thread's side. `submit`, `pin`, `nudge` and `stop` may be called from any thread."""

    def __init__(self, backend_factory: Callable[[], Backend], parallel: int, idle_unload: float = 0.0) -> None:
        self._parallel = parallel
        self._inbox: queue.SimpleQueue[Job | CountJob | ForgetJob | None] = queue.SimpleQueue()
        self._line = Line()
        self._models = Models(backend_factory, idle_unload)
        self._running = Running(self._models)
        self._asides = Asides(self._models)
        self._shortage = Shortage(self._models)
        self._loading: ModelSource | None = None
        self._speeds_of = ""
        self._stopping = False
        self._looked = 0.0
        self.figures = EngineFigures()
        """Replaced as a whole, so that any thread may read it."""

    def submit(self, job: Job | CountJob | ForgetJob) -> None:
        """Put a job in line."""
        self._inbox.put(job)

    def pin(self, references: frozenset[str]) -> None:
        """Keep these models in memory as long as others can make room."""
        self._models.pinned = references

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
                try:
                    self._turn()
                except Exception as error:  # a defect of ours: who waits must not wait for ever
                    log.exception("the engine failed")
                    self._fail_all(explain(error))
        finally:
            self._end()

    def _turn(self) -> None:
        """Look what there is to do, and do a piece of it."""
        self._receive()
        self._drop_cancelled()
        self._asides.step(bool(self._running))
        if self._look_again():
            self._unload_idle()
        self._relieve()
        self._move()

    def _must_end(self) -> bool:
        # A non-daemon thread would keep a program alive whose main thread died without a goodbye.
        return self._stopping or not threading.main_thread().is_alive()

    # -- who comes and who goes

    def _receive(self) -> None:
        """Take in new jobs; where there is nothing to do sleep, and then do what could wait."""
        idle = not (len(self._line) or self._running or len(self._asides) or self._loading)
        try:
            job = self._inbox.get(timeout=IDLE_CHECK) if idle else self._inbox.get_nowait()
            while True:
                self._take(job)
                idle = False
                job = self._inbox.get_nowait()
        except queue.Empty:
            if idle:
                self._models.rest(lambda: not self._inbox.empty())

    def _take(self, job: Job | CountJob | ForgetJob | None) -> None:
        if isinstance(job, CountJob | ForgetJob):
            self._asides.ask(job)
        elif job is not None:
            self._line.join(job)

    def _drop_cancelled(self) -> None:
        for waiting in self._line:
            if waiting.cancelled:
                self._leave_line(waiting)
                waiting.report(StreamFinished("cancelled", Usage()))
        for running in [job for job in self._running if job.cancelled]:
            self._cancel(running)
            self._look()

    def _cancel(self, job: GenerationJob) -> None:
        """End a running request as cancelled."""
        for event in self._running.drop(job):
            job.report(event)

    # -- the next move

    def _move(self) -> None:
        """Do what comes next."""
        if not len(self._line):  # the way of most tokens
            if self._running:
                self._step()
            return
        held = self._models.held(self._running.by_model())
        free = 0
        if (at := first_to_load(self._line.wishes, held)) is not None:
            job = self._line[at]
            try:
                job.wish = self._models.learn(job.wish)
                free = self._models.free()
            except Exception as error:
                self._fail(job, error)
                return
        self._carry_out(next_move(self._line.wishes, held, self._parallel, free))

    def _carry_out(self, chosen: Next) -> None:
        """Make a move. What fails in it fails the job that it is for."""
        if chosen.move is Move.STEP:
            self._line.tell_places(self._loading)
            self._step()
        elif chosen.move is not Move.WAIT:
            job = self._line[chosen.at]
            try:
                self._serve(job, chosen)
            except LoadAbandoned:
                log.info("loading was abandoned")
            except Exception as error:
                self._fail(job, error)

    def _serve(self, job: Job, chosen: Next) -> None:
        """Load, evict or unload for a job, or let it begin. Raises what the backend raises."""
        if chosen.move is Move.LOAD and job.wish.source is not None:
            self._load(job.wish.source)
        elif chosen.move is Move.EVICT:
            self._line.tell_places()
            job.report(gone := self._unload(chosen.evict))
            self.figures = replace(self.figures, relief=Relief.by(Rung.UNLOAD, gone.freed, gone.model))
        elif isinstance(job, UnloadJob):
            freed = self._unload(job.wish.reference).freed
            self._leave_line(job)
            job.finish(freed)
        elif isinstance(job, LoadJob):
            self._models.use(job.wish.reference)
            self._leave_line(job)
            job.finish(self._models[job.wish.reference])
        else:
            self._running.begin(job, lambda: job.cancelled or self._stopping)
            self._leave_line(job)

    def _leave_line(self, job: Job) -> None:
        """Take `job` out of the line and publish it, before its reader hears of the outcome."""
        self._line.leave(job)
        self._look()

    def _fail(self, job: Job, error: Exception) -> None:
        """A job in line fails alone; one that left meanwhile is not asked."""
        explained = explain(error)
        if job in self._line:
            self._leave_line(job)
            job.fail(explained)

    def _fail_all(self, error: LamaError) -> None:
        """Everything fails that runs or waits."""
        self._fail_running(error)
        for job in self._line:
            self._fail(job, error)

    # -- models

    def _unload_idle(self) -> None:
        """Unload a model that was not used for long."""
        keep, held = self._models.keep, self._models.held(self._running.by_model())
        reference = idle_too_long(self._line.wishes, held, time.monotonic() - keep)
        if not keep or reference is None:
            return
        try:
            self._unload(reference)
        except Exception:
            log.exception("%s could not be unloaded", reference)
            self._models.use(reference)  # tried again, though not at once
        self._look()

    def _relieve(self) -> None:
        """Where memory is short take the next step against that, and refuse what came to begin."""
        short = self._shortage
        try:
            unload, may_unload = (lambda idle: self._unload(idle).freed), self._loading is None
            if short.is_due and (relief := short.step(self._running.by_model(), may_unload, unload, self._stop_newest)):
                self._relieved(relief)
            new = [job for job in self._line if job.wish.source not in (None, self._loading)] if short.refusing else []
            if new and short.must_refuse(self._relieved):
                for job in new:
                    self._fail(job, short.refusal())
        except Exception:
            log.exception("nothing could be done about a shortage of memory")

    def _relieved(self, relief: Relief) -> None:
        self.figures = replace(self.figures, relief=relief)
        self._look()

    def _stop_newest(self) -> str:
        """Stop the answer that began last; the model that it was of."""
        job = self._running.newest
        self._running.drop(job)
        self._look()
        job.fail(self._shortage.stopping())
        return job.wish.reference

    def _unload(self, reference: str) -> ModelUnloaded:
        """Drop a model, if it is loaded, and publish that. Raises what the backend raises."""
        unloaded = self._models.unload(reference)
        if self._speeds_of == reference:
            self.figures = self.figures.without_speeds()
        if unloaded.freed:
            self.figures = self.figures.without(unloaded)
        self._look()
        return unloaded

    def _load(self, source: ModelSource) -> None:
        """Load a model beside what is loaded; while it lasts the figures tell how far it is, and what runs goes on."""
        self._loading = source
        self._line.tell_places(source)
        try:
            model = self._models.load(source, self._progress(source))
        finally:
            self._loading = None
            self.figures = replace(self.figures, loading=None)
            self._look()
        ready = ModelLoaded(model.reference, model.device, model.weights, model.context_window, model.seconds)
        for job in self._line.waiting_for(source):
            job.report(ready)

    def _progress(self, source: ModelSource) -> Callable[[int, int], None]:
        """What to call while `source` loads: it tells who waits, and lets what runs go on.

        Raises `LoadAbandoned` when nobody waits any more.
        """
        sharing = Sharing()

        def go_on() -> bool:
            self._wanted(source)
            return self._go_on()

        def progress(done: int, total: int) -> None:
            now = ModelLoading(source.reference, done, total)
            waiters = self._wanted(source)
            self.figures = replace(self.figures, loading=now)
            for job in waiters:
                job.report(now)
            sharing.turn(go_on)

        progress(0, 0)
        return progress

    def _wanted(self, source: ModelSource) -> list[Job]:
        """Who waits for what is loading. Raises `LoadAbandoned` where nobody does, and when the thread is to end."""
        self._receive()
        waiters = self._line.waiting_for(source)
        if not waiters or self._must_end():
            raise LoadAbandoned
        self._drop_cancelled()
        self._asides.step(bool(self._running))
        self._look_again()
        self._relieve()
        return waiters

    def _go_on(self) -> bool:
        """A move of other models while one loads; whether there was one."""
        held = self._models.held(self._running.by_model())
        chosen = next_move(self._line.wishes, held, self._parallel, 0, self._loading)
        self._carry_out(chosen)
        return chosen.move is not Move.WAIT

    # -- answers

    def _step(self) -> None:
        try:
            events = self._models.backend.step()
        except Exception as error:
            self._fail_running(explain(error))
            return
        for step_event in events:
            self._deliver(step_event.request, step_event.event)

    def _deliver(self, request: RequestId, event: StreamEvent) -> None:
        job = self._running.of(request)
        if job is None:
            return
        if isinstance(event, UsageUpdated | StreamFinished):
            self.figures = self.figures.with_speeds(event.usage)
            self._speeds_of = job.request.source.reference
        if isinstance(event, StreamFinished | StreamFailed):
            self._running.forget(job)
            self._look()  # before the reader hears of it, so that it finds figures that agree
        job.report(event)

    def _fail_running(self, error: LamaError) -> None:
        """A step that raised belongs to every request in it: all of them end, the thread does not."""
        failed = list(self._running)
        for job in failed:
            self._running.drop(job)
        self._look()
        for job in failed:
            job.fail(error)

    def _look_again(self) -> bool:
        """Publish new figures where that was not done for a while; whether it was so."""
        if time.monotonic() - self._looked < FIGURES_INTERVAL:
            return False
        self._looked = time.monotonic()
        self._look()
        return True

    def _look(self) -> None:
        """Publish new figures."""
        wanted = {wish.reference for wish in self._line.wishes}
        figures = replace(self.figures, running=len(self._running), waiting=len(self._line))
        self.figures = self._models.seen(figures, self._running.by_model(), wanted)

    def _end(self) -> None:
        """Answer everyone who still waits, then release the backend in its own thread."""
        while not self._inbox.empty():
            self._take(self._inbox.get_nowait())
        for running in self._running:
            self._cancel(running)
        for waiting in self._line:
            self._line.leave(waiting)
            waiting.fail(stopped())
        self._asides.end()
        self._models.close()
        self.figures = EngineFigures(device=self.figures.device)
