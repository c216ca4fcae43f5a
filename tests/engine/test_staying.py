"""How long a model stays in memory: idle, pinned, wanted; and what the engine tells of it."""

import asyncio
import time

import pytest

from lama_tui.engine.backend import ModelSource
from lama_tui.engine.figures import ModelActivity
from lama_tui.engine.models import LOOK
from lama_tui.engine.sharing import Sharing
from lama_tui.engine.thread import Engine
from lama_tui.events import StreamEvent, StreamFinished
from tests.engine.conftest import PATIENCE, Rig, until
from tests.engine.fake import SIZE, FakeBackend

ONE, TWO = ModelSource("one", "/one"), ModelSource("two", "/two")


def rig_with(backend: FakeBackend, idle_unload: float = 0.0) -> Rig:
    rig = Rig(lambda: backend, ONE, TWO)
    rig.engine = Engine(lambda: backend, idle_unload=idle_unload)
    return rig


def loaded(rig: Rig) -> list[str]:
    return [model.reference for model in rig.engine.figures().loaded]


def activity(rig: Rig) -> dict[str, ModelActivity]:
    return {model.reference: model for model in rig.engine.figures().activity}


async def test_a_model_that_nobody_uses_leaves_and_a_pinned_one_stays(rig: Rig) -> None:
    rig.engine = Engine(rig.make_backend, idle_unload=0.2)
    rig.engine.pin(["two"])
    await rig.engine.load(rig.second)
    await rig.answer(rig.request())
    await until(lambda: loaded(rig) == ["two"], "one leaves")
    (unloaded,) = rig.engine.figures().unloaded
    assert unloaded.model == "one" and unloaded.freed > 0
    rig.engine.pin([])
    await until(lambda: loaded(rig) == [], "so does the other, once it is not pinned any more")
    assert [gone.model for gone in rig.engine.figures().unloaded] == ["one", "two"]


async def test_it_is_told_when_a_model_will_leave() -> None:
    rig = rig_with(FakeBackend(), idle_unload=600.0)
    rig.engine.pin(["two"])
    before = time.time_ns() // 1_000_000
    await rig.answer(rig.request(TWO))
    await rig.answer(rig.request())
    after = time.time_ns() // 1_000_000
    await until(lambda: activity(rig)["one"].unload_at is not None, "the last answer has ended")
    assert activity(rig)["two"] == ModelActivity("two", pinned=True)
    assert before + 600_000 <= (activity(rig)["one"].unload_at or 0) <= after + 600_000
    assert await rig.engine.stop(PATIENCE)


async def test_a_model_that_answers_or_is_wanted_does_not_leave() -> None:
    backend = FakeBackend()
    rig = rig_with(backend)
    looked = rig.hold("step", idle_unload=0.001)
    events: list[StreamEvent] = []
    running = asyncio.create_task(rig.watch(rig.request(tokens=200), events))
    await until(lambda: rig.running == 1, "it runs")
    assert activity(rig)["one"] == ModelActivity("one", running=1)
    looked.set()
    await running
    assert isinstance(events[-1], StreamFinished) and events[-1].reason == "length"
    assert backend.calls.count("load") == 1
    await until(lambda: loaded(rig) == [], "it leaves afterwards")
    assert await rig.engine.stop(PATIENCE)


async def test_a_model_that_cannot_be_unloaded_is_tried_again_and_usable_meanwhile() -> None:
    backend = FakeBackend(["unload"])
    rig = rig_with(backend, idle_unload=0.01)
    await rig.answer(rig.request())
    await until(lambda: backend.fails == [], "it fails")
    await rig.answer(rig.request(tokens=3))
    await until(lambda: backend.models == {}, "it leaves at last")
    assert await rig.engine.stop(PATIENCE)


async def test_room_is_made_by_what_was_used_longest_ago_and_by_pinned_models_last() -> None:
    backend = FakeBackend(room=3 * SIZE)
    rig = rig_with(backend)
    rig.engine.pin(["a"])
    sources = {name: ModelSource(name, f"/{name}") for name in "abcde"}
    for name in "abc":
        await rig.engine.load(sources[name])
    await rig.answer(rig.request(sources["b"], tokens=1))
    await rig.answer(rig.request(sources["d"], tokens=1))
    assert loaded(rig) == ["a", "b", "d"]
    await rig.answer(rig.request(sources["e"], tokens=1))
    assert loaded(rig) == ["a", "d", "e"]
    rig.engine.pin(["a", "d", "e"])
    await rig.answer(rig.request(sources["b"], tokens=1))
    assert loaded(rig) == ["d", "e", "b"], "what is pinned does not keep others out"
    assert await rig.engine.stop(PATIENCE)


async def test_who_waits_for_room_does_not_slow_who_answers() -> None:
    backend = FakeBackend(room=SIZE)
    rig = Rig(lambda: backend, ONE, TWO)
    answer = asyncio.create_task(rig.answer(rig.request(ONE, tokens=10**6)))
    await until(lambda: rig.running == 1, "one answers")
    waits = asyncio.create_task(rig.answer(rig.request(TWO, tokens=1)))
    await until(lambda: "free" in backend.calls, "the other looks for room")
    began = time.monotonic()
    backend.calls.clear()
    await until(lambda: backend.calls.count("step") > 50, "the first goes on")
    seen = list(backend.calls)
    assert seen.count("free") <= (time.monotonic() - began) / LOOK + 1
    answer.cancel()
    assert isinstance((await waits)[-1], StreamFinished)
    assert await rig.engine.stop(PATIENCE)


async def test_a_failing_eviction_fails_who_needed_the_room_and_costs_nothing_else() -> None:
    backend = FakeBackend(["unload"], room=SIZE)
    rig = rig_with(backend)
    await rig.engine.load(ONE)
    with pytest.raises(Exception, match="engine failed"):
        await rig.answer(rig.request(TWO))
    assert loaded(rig) == ["one"]
    assert isinstance((await rig.answer(rig.request(ONE)))[-1], StreamFinished)
    assert isinstance((await rig.answer(rig.request(TWO)))[-1], StreamFinished)
    assert await rig.engine.stop(PATIENCE)


def test_answers_get_as_long_as_the_load_took() -> None:
    now = 0.0
    sharing = Sharing(lambda: now)
    turns: list[float] = []

    def step(seconds: float) -> bool:
        nonlocal now
        now += seconds
        turns.append(seconds)
        return True

    now += 10
    sharing.turn(lambda: step(4))
    assert turns == [4, 4, 4], "ten seconds are owed, and the last step takes two too long"
    now += 1
    sharing.turn(lambda: step(4))
    assert len(turns) == 3, "which the load gets back"
    now += 3
    sharing.turn(lambda: step(4))
    assert len(turns) == 4
    now += 100
    sharing.turn(lambda: False)
    now += 1
    sharing.turn(lambda: step(4))
    now += 2
    sharing.turn(lambda: step(4))
    assert len(turns) == 5, "who had nothing to do saves nothing up"
