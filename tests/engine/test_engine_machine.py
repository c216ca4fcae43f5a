"""The worker under every order of wishes, cancellations, failures and shortages that Hypothesis thinks of.

It is driven turn by turn in the thread of the test, over the fake backend, which checks by itself that a model is
loaded only where there is room, unloaded only when it is idle, and asked only when it is loaded.
"""

import itertools
import logging

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lama_tui.engine.backend import GenerationRequest, ModelSource
from lama_tui.engine.jobs import CountJob, ForgetJob, GenerationJob, LoadJob, UnloadJob
from lama_tui.engine.scheduler import Wish
from lama_tui.engine.worker import Worker
from lama_tui.errors import LamaError
from lama_tui.events import ModelLoaded, ModelLoading, Queued, StreamEvent, StreamFailed, StreamFinished, TextDelta
from lama_tui.types import ChatMessage, RequestId, Sampling
from tests.engine.fake import SIZE, FakeBackend

PARALLEL = 2
KEEP = 1e6
ENOUGH = 3000
"""Turns after which everything must have ended."""
sources = st.sampled_from([ModelSource(name, folder) for name, folder in ("a/", "b/", "c/", "a!")])
CALLS = [
    *("check", "needs", "free", "load", "read", "unload", "loaded", "count", "begin", "step", "cancel", "memory"),
    *("pressure", "drop_buffers", "shrink_prompts", "forget", "rest"),
]
ENDS = (StreamFinished, StreamFailed)


class Reader(GenerationJob):
    """A request whose events are kept; no event loop is needed to read them."""

    def __init__(self, request: GenerationRequest) -> None:
        self.request = request
        self.wish = Wish(request.source.reference, request.source)
        self.told: Queued | None = None
        self.cancelled = False
        self.events: list[StreamEvent] = []

    def report(self, event: StreamEvent) -> None:
        self.events.append(event)

    @property
    def has_ended(self) -> bool:
        return bool(self.events) and isinstance(self.events[-1], ENDS)


class EngineMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.backend = FakeBackend(room=2 * SIZE)
        self.backend.pace, self.backend.each = 0.0, 1
        self.worker = Worker(lambda: self.backend, PARALLEL, KEEP)
        self.readers: list[Reader] = []
        self.others: list[LoadJob | UnloadJob | CountJob | ForgetJob] = []
        self.failed = False
        logging.disable(logging.CRITICAL)

    # -- what people do

    @rule(source=sources, tokens=st.integers(1, 6), text=st.integers(0, 40))
    def ask(self, source: ModelSource, tokens: int, text: int) -> None:
        self.add(source, tokens, text)

    def add(self, source: ModelSource, tokens: int, text: int) -> None:
        request = GenerationRequest(
            RequestId(f"r{len(self.readers)}"), source, (ChatMessage("user", "x" * text),), Sampling(0.0, tokens)
        )
        self.readers.append(Reader(request))
        self.worker.submit(self.readers[-1])

    @rule(several=st.lists(st.tuples(sources, st.integers(1, 6), st.integers(0, 40)), min_size=2, max_size=6))
    def ask_at_once(self, several: list[tuple[ModelSource, int, int]]) -> None:
        for one in several:
            self.add(*one)
        self.turn(5)

    @rule(source=sources, kind=st.sampled_from(["load", "unload", "count", "forget"]))
    def wish(self, source: ModelSource, kind: str) -> None:
        self.add_wish(source, kind)

    def add_wish(self, source: ModelSource, kind: str) -> None:
        made = {
            "load": lambda: LoadJob(source),
            "unload": lambda: UnloadJob(source.reference),
            "count": lambda: CountJob(source, (ChatMessage("user", "x"),)),
            "forget": lambda: ForgetJob(1),
        }
        job = made[kind]()
        self.others.append(job)
        self.worker.submit(job)

    @precondition(lambda self: self.readers)
    @rule(at=st.integers(0, 10**6))
    def leave(self, at: int) -> None:
        self.readers[at % len(self.readers)].cancelled = True

    @precondition(lambda self: self.others)
    @rule(at=st.integers(0, 10**6))
    def take_back(self, at: int) -> None:
        self.others[at % len(self.others)].done.cancel()

    @rule(references=st.frozensets(st.sampled_from("abc")))
    def pin(self, references: frozenset[str]) -> None:
        self.worker.pin(references)

    @rule()
    def go_away_for_long(self) -> None:
        for resident in self.worker._models._residents.values():
            resident.used -= 2 * KEEP

    # -- what happens

    @rule(
        at=st.integers(0, 19),
        source=sources,
        what=st.sampled_from(["ask", "leave all", "load", "unload", "count", "forget"]),
    )
    def something_happens_while_the_next_model_loads(self, at: int, source: ModelSource, what: str) -> None:
        steps = itertools.count()

        def watch() -> None:
            if next(steps) != at:
                return
            if what == "ask":
                self.add(source, 2, 3)
            elif what == "leave all":
                self.leave_all()
            else:
                self.add_wish(source, what)

        self.backend.on_progress = watch

    def leave_all(self) -> None:
        for reader in self.readers:
            reader.cancelled = True

    @rule(call=st.sampled_from(CALLS))
    def a_call_will_fail(self, call: str) -> None:
        self.failed = True
        self.backend.fails = [call]
        self.turn(10)

    @rule(taken=st.integers(0, 2 * SIZE), prompts=st.integers(0, SIZE), buffers=st.integers(0, SIZE))
    def memory_changes(self, taken: int, prompts: int, buffers: int) -> None:
        self.backend.taken, self.backend.prompts, self.backend.buffers = taken, prompts, buffers

    @rule(turns=st.integers(1, 30))
    def work(self, turns: int) -> None:
        self.turn(turns)

    def turn(self, turns: int) -> None:
        for _ in range(turns):
            self.worker.nudge()  # it does not sleep where there is nothing to do
            self.worker._shortage._looked = -1.0
            self.worker._turn()

    @rule()
    def work_until_all_is_done(self) -> None:
        self.backend.taken = self.backend.prompts = self.backend.buffers = 0
        for _ in range(ENOUGH):
            if all(reader.has_ended for reader in self.readers) and all(job.done.done() for job in self.others):
                break
            self.turn(1)
        else:
            raise AssertionError("somebody waits for ever")
        self.turn(1)
        figures = self.worker.figures
        assert (figures.running, figures.waiting, figures.loading) == (0, 0, None)
        if not self.failed:
            assert {model.reference for model in figures.loaded} == set(self.backend.models)

    # -- what must hold

    @invariant()
    def everybody_hears_of_one_end_and_of_nothing_after_it(self) -> None:
        for reader in self.readers:
            ends = [at for at, event in enumerate(reader.events) if isinstance(event, ENDS)]
            assert ends in ([], [len(reader.events) - 1])

    @invariant()
    def what_runs_runs_in_the_backend_too(self) -> None:
        assert set(self.backend.answers) == {job.request.id for job in self.worker._running}
        assert set(self.backend.models) == set(self.worker._models._residents)
        assert all(count <= PARALLEL for count in self.worker._running.by_model().values())
        waiting = [job for job in self.worker._line if isinstance(job, Reader)]
        assert not {id(job) for job in waiting} & {id(job) for job in self.worker._running}

    @invariant()
    def of_one_model_who_came_first_begins_first(self) -> None:
        order: dict[ModelSource, list[int]] = {}
        by_id = {reader.request.id: at for at, reader in enumerate(self.readers)}
        for request in self.backend.begun:
            at = by_id[request]
            order.setdefault(self.readers[at].request.source, []).append(at)
        assert all(began == sorted(began) for began in order.values())

    @invariant()
    def events_come_in_their_order(self) -> None:
        for reader in self.readers:
            kinds = [type(event) for event in reader.events]
            texts = [at for at, kind in enumerate(kinds) if kind is TextDelta]
            before = [at for at, kind in enumerate(kinds) if kind in (Queued, ModelLoading, ModelLoaded)]
            assert not texts or not before or max(before) < min(texts)
            for event in reader.events:
                assert not isinstance(event, Queued) or 1 <= event.place <= event.of

    def teardown(self) -> None:
        try:
            self.backend.on_progress = lambda: None
            self.worker._end()
            assert all(reader.has_ended for reader in self.readers)
            for job in self.others:
                assert job.done.done()
                if not job.done.cancelled():
                    assert job.done.exception() is None or isinstance(job.done.exception(), LamaError)
        finally:
            logging.disable(logging.NOTSET)


EngineMachine.TestCase.settings = settings(
    max_examples=100, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestEngineMachine = EngineMachine.TestCase


class LongEngineMachine(EngineMachine):
    """The same, for as long as the soaks have."""


LongEngineMachine.TestCase.settings = settings(
    max_examples=300, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck)
)
TestLongEngineMachine = pytest.mark.slow(LongEngineMachine.TestCase)
