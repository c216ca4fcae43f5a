"""Looks at the machine once a second while someone watches, never on the event loop.

Probes run in one daemon thread. A probe that raises, or takes longer than the limit, is left out
and tried again later; its figures are None meanwhile. A thread that hangs is abandoned and
replaced, so that one driver that never answers costs its own figures only.
"""

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence

from lama_tui.events import ResourceSample
from lama_tui.monitor.probes import Probe

log = logging.getLogger(__name__)

Listener = Callable[[ResourceSample], None]
"""Called on the event loop with each sample; must be quick."""


class Sampler:
    """One `ResourceSample` an interval to every listener.

    Runs between `start` and `stop`, and only while someone listens. All methods are for the
    event loop's thread. Times are in seconds: `limit` for one probe, `retry` until a dropped one
    is tried again.
    """

    def __init__(self, probes: Sequence[Probe], interval: float = 1.0, limit: float = 0.5, retry: float = 30.0) -> None:
        self._probes = [_Guarded(probe) for probe in probes]
        self._interval = interval
        self._limit = limit
        self._retry = retry
        self._listeners: list[Listener] = []
        self._thread: _ProbeThread | None = None
        self._task: asyncio.Task[None] | None = None
        self._started = False

    def start(self) -> None:
        """Begin to sample as soon as someone listens."""
        self._started = True
        self._run_if_wanted()

    async def stop(self) -> None:
        """Stop sampling; does not wait for a probe that hangs. Safe to call twice."""
        self._started = False
        task = self._pause()
        if task is not None:
            await asyncio.gather(task, return_exceptions=True)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with each sample until the returned function is called."""
        self._listeners.append(listener)
        self._run_if_wanted()

        def unsubscribe() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)
            if not self._listeners:
                self._pause()

        return unsubscribe

    @property
    def running(self) -> bool:
        """Whether it samples now."""
        return self._task is not None

    def _run_if_wanted(self) -> None:
        if self._started and self._listeners and self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="monitor")

    def _pause(self) -> asyncio.Task[None] | None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
        if self._thread is not None:
            self._thread.abandon()
            self._thread = None
        return task

    async def _run(self) -> None:
        while True:
            began = time.monotonic()
            sample = await self._look()
            for listener in tuple(self._listeners):
                try:
                    listener(sample)
                except Exception:
                    log.exception("a listener of the monitor failed")
            await asyncio.sleep(max(0.05, began + self._interval - time.monotonic()))

    async def _look(self) -> ResourceSample:
        """One sample of all probes that are not left out."""
        sample = ResourceSample(at=time.time_ns() // 1_000_000)
        for guarded in self._probes:
            now = time.monotonic()
            if guarded.left_out_until > now or guarded.hanging:
                continue
            if self._thread is None:
                self._thread = _ProbeThread(asyncio.get_running_loop())
            answer = self._thread.run(guarded, sample)
            # not timeout or wait_for: an answer counts that came in time, though this loop was late to see it
            await asyncio.wait((answer,), timeout=self._limit)
            if not answer.done():
                answer.cancel()
                self._thread.abandon()
                self._thread = None
                if guarded.hanging:  # else the machine is too busy to begin with it: it is asked again the next time
                    self._leave_out(guarded, now, TimeoutError())
            elif (error := answer.exception()) is not None:
                self._leave_out(guarded, now, error)
            else:
                sample = answer.result()
        return sample

    def _leave_out(self, guarded: "_Guarded", now: float, why: BaseException) -> None:
        guarded.left_out_until = now + self._retry
        log.warning("the monitor leaves out %s for %.0f s: %r", guarded.name, self._retry, why)


class _Guarded:
    """A probe and what became of it. `hanging` is True while a thread is inside it."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self.name = type(probe).__name__
        self.left_out_until = 0.0
        self.hanging = False

    def __call__(self, sample: ResourceSample) -> ResourceSample:
        self.hanging = True
        try:
            return self._probe(sample)
        finally:
            self.hanging = False


class _ProbeThread:
    """Runs one probe at a time and posts what came of it to the loop.

    A daemon, and not an executor of `concurrent.futures`: the interpreter joins those at exit,
    and a probe that hangs would keep the program from ending.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._work: queue.SimpleQueue[tuple[Probe, ResourceSample, asyncio.Future[ResourceSample]] | None]
        self._work = queue.SimpleQueue()
        threading.Thread(target=self._serve, name="lama-monitor", daemon=True).start()

    def run(self, probe: Probe, sample: ResourceSample) -> asyncio.Future[ResourceSample]:
        """Ask for `probe(sample)`; the future may be cancelled, the probe runs on."""
        future: asyncio.Future[ResourceSample] = self._loop.create_future()
        self._work.put((probe, sample, future))
        return future

    def abandon(self) -> None:
        """End the thread after what it is doing, however long that takes."""
        self._work.put(None)

    def _serve(self) -> None:
        while (item := self._work.get()) is not None:
            probe, sample, future = item
            if future.cancelled():  # nobody waits any more, and it may be asked elsewhere
                continue
            try:
                outcome: ResourceSample | Exception = probe(sample)
            except Exception as error:
                outcome = error
            try:
                self._loop.call_soon_threadsafe(_settle, future, outcome)
            except RuntimeError:  # the loop is closed: nobody waits
                return


def _settle(future: asyncio.Future[ResourceSample], outcome: ResourceSample | Exception) -> None:
    if future.done():
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
