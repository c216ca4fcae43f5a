"""Stopping at once: an answer after one step at most, the whole engine within two seconds, in whatever it does."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Sequence

import pytest
from workspace import in_time

from lama_tui.engine.backend import GenerationRequest, ModelSource, StepEvent, never
from lama_tui.engine.thread import Engine
from lama_tui.errors import InferenceError
from lama_tui.events import PromptProgress, StreamEvent, StreamFinished, TextDelta
from lama_tui.types import ChatMessage
from tests.engine.conftest import PATIENCE, Rig, until
from tests.engine.fake import SIZE, FakeBackend

ONE, TWO = ModelSource("one", "/one"), ModelSource("two", "/two")
HELLO = (ChatMessage("user", "hello"),)
LONG = 0.3
"""Seconds that a call takes which cannot be interrupted."""


class Held(FakeBackend):
    """One call of it takes long; `inside` is set while it does."""

    def __init__(self, call: str, room: int = 100 * SIZE) -> None:
        super().__init__(room=room)
        self.call = call
        self.inside = threading.Event()

    def _called(self, name: str) -> None:
        super()._called(name)
        if name == self.call and not self.inside.is_set():
            self.inside.set()
            time.sleep(LONG)


async def ask(rig: Rig, source: ModelSource, tokens: int = 10**6) -> list[StreamEvent]:
    return await rig.answer(rig.request(source, tokens=tokens))


Work = Callable[[Rig], Coroutine[object, object, object]]


async def evict(rig: Rig) -> object:
    await rig.engine.load(ONE)
    return await ask(rig, TWO)


async def count(rig: Rig) -> object:
    await rig.engine.load(ONE)
    return await rig.engine.count(ONE, HELLO)


async def unload(rig: Rig) -> object:
    await rig.engine.load(ONE)
    return await rig.engine.unload("one")


STATES: dict[str, tuple[str, Work]] = {
    "opening": ("open", lambda rig: ask(rig, ONE)),
    "looking at files": ("check", lambda rig: ask(rig, ONE)),
    "loading": ("read", lambda rig: ask(rig, ONE)),
    "beginning": ("begin", lambda rig: ask(rig, ONE)),
    "stepping": ("step", lambda rig: ask(rig, ONE)),
    "evicting": ("unload", evict),
    "unloading": ("unload", unload),
    "counting": ("count", count),
    "forgetting": ("forget", lambda rig: rig.engine.forget(1)),
}


@pytest.mark.parametrize("state", STATES)
async def test_the_engine_stops_within_two_seconds(state: str) -> None:
    call, work = STATES[state]
    backend = Held(call, room=SIZE if state == "evicting" else 100 * SIZE)
    rig = Rig(lambda: backend, ONE, TWO)
    if state == "forgetting":
        await rig.engine.load(ONE)
    tasks: list[asyncio.Task[object]] = [asyncio.create_task(work(rig))]  # type: ignore[arg-type]
    await until(backend.inside.is_set, state)
    tasks += [asyncio.create_task(ask(rig, source)) for source in (ONE, TWO)]
    await asyncio.sleep(0)
    began = time.monotonic()
    assert await rig.engine.stop(in_time(2.0))
    assert time.monotonic() - began < in_time(2.0)
    for result in await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), PATIENCE):
        if isinstance(result, list):
            assert isinstance(result[-1], StreamFinished)
        else:
            assert result is None or isinstance(result, int | InferenceError)
    assert backend.calls[-1] == "close" and backend.answers == {}


@pytest.mark.parametrize("who", ["a question", "quitting"])
async def test_nobody_waits_for_what_could_wait(who: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Resting(FakeBackend):
        """Has more to write than anybody waits for."""

        inside = threading.Event()
        waited: list[bool] = []  # noqa: RUF012

        def rest(self, given_up: Callable[[], bool] = never) -> bool:
            self.inside.set()
            end = time.monotonic() + PATIENCE / 2
            while not given_up() and time.monotonic() < end:
                time.sleep(0.001)
            self.waited.append(time.monotonic() >= end)
            return True

    monkeypatch.setattr("lama_tui.engine.worker.IDLE_CHECK", 0.01)
    rig = Rig(Resting, ONE, TWO)
    await rig.engine.load(ONE)
    await until(Resting.inside.is_set, "it writes")
    if who == "a question":
        assert isinstance((await ask(rig, ONE, 3))[-1], StreamFinished)
    assert await rig.engine.stop(PATIENCE)
    assert Resting.waited and not any(Resting.waited), "it went on although it was given up"


@pytest.mark.parametrize("until_event", [PromptProgress, TextDelta])
async def test_a_cancelled_answer_takes_one_more_step_at_most(until_event: type[StreamEvent]) -> None:
    class Watching(FakeBackend):
        """Notes at each step whether the reader had left before."""

        given_up: Callable[[], bool] = staticmethod(never)
        left: list[bool]

        def begin(self, request: GenerationRequest, given_up: Callable[[], bool] = never) -> None:
            self.given_up, self.left = given_up, []
            super().begin(request, given_up)

        def step(self) -> Sequence[StepEvent]:
            self.left.append(self.given_up())
            return super().step()

    backend = Watching()
    rig = Rig(lambda: backend, ONE, TWO)
    events = rig.engine.generate(rig.request(text="x" * 10**6 if until_event is PromptProgress else "x", tokens=10**6))
    async for event in events:
        if isinstance(event, until_event):
            break
    await events.aclose()
    await until(lambda: "cancel" in backend.calls, "the cancel arrives")
    assert backend.left and backend.left.count(True) <= 1
    assert await rig.engine.stop(PATIENCE)


async def test_a_cancelled_answer_of_one_model_does_not_wait_for_another_that_loads() -> None:
    backend = FakeBackend()
    rig = Rig(lambda: backend, ONE, TWO)
    cancelled = rig.linger(TWO)
    await rig.engine.load(ONE)
    events = rig.engine.generate(rig.request(ONE, tokens=10**6))
    async for event in events:
        if isinstance(event, TextDelta):
            break
    loading = asyncio.create_task(rig.engine.load(TWO))
    await until(lambda: rig.engine.figures().loading is not None, "it loads")
    await events.aclose()
    await until(lambda: backend.answers == {}, "it is cancelled")
    assert not loading.done()
    cancelled.set()
    await loading
    assert await rig.engine.stop(PATIENCE)


async def test_a_step_that_never_returns_is_told_and_not_waited_for() -> None:
    let, inside = threading.Event(), threading.Event()

    class Stuck(FakeBackend):
        def step(self) -> Sequence[StepEvent]:
            inside.set()
            let.wait(PATIENCE)
            return super().step()

    engine = Engine(Stuck)
    rig = Rig(Stuck, ONE, TWO)
    rig.engine = engine
    answer = asyncio.create_task(ask(rig, ONE))
    await until(inside.is_set, "it runs")
    assert not await engine.stop(0.05)
    let.set()
    await asyncio.gather(answer, return_exceptions=True)
    await until(lambda: rig.engine.figures().loaded == (), "it ends by itself")
