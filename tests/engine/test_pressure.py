"""When memory is short: one step after the other, the cheapest first, each shown; and then all is well again."""

import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lama_tui.config.settings import EngineSettings
from lama_tui.engine import shortage
from lama_tui.engine.backend import ModelSource, StepEvent
from lama_tui.engine.figures import EngineFigures
from lama_tui.engine.mlx_backend import MlxBackend
from lama_tui.engine.pressure import Relief, Rung, next_rung
from lama_tui.errors import OutOfMemoryError
from lama_tui.events import StreamEvent, StreamFinished, TextDelta
from tests.engine.conftest import PATIENCE, Rig, until
from tests.engine.fake import SIZE, FakeBackend

ONE, TWO = ModelSource("one", "/one"), ModelSource("two", "/two")


def test_the_ladder_is_climbed_step_by_step_and_begins_anew() -> None:
    every = set(Rung)
    assert next_rung(None, 0, every) is None
    climbed, last = [], None
    for _ in range(6):
        last = next_rung(last, 1, every)
        climbed.append(last)
    assert climbed == [*Rung, Rung.BUFFERS]
    assert next_rung(Rung.BUFFERS, 1, {Rung.BUFFERS, Rung.STOP}) is Rung.STOP, "what can do nothing is left out"
    assert next_rung(Rung.STOP, 1, {Rung.PROMPTS, Rung.STOP}) is Rung.PROMPTS
    assert next_rung(None, 1, set()) is None


@given(st.sampled_from([None, *Rung]), st.integers(0, 10), st.sets(st.sampled_from(Rung)))
def test_a_step_is_one_that_helps_and_none_is_left_out_for_ever(
    last: Rung | None, over: int, useful: set[Rung]
) -> None:
    step = next_rung(last, over, useful)
    assert (step is None) == (over == 0 or not useful)
    seen = set()
    for _ in Rung:
        last = next_rung(last, over, useful)
        seen.add(last)
    assert seen == ((useful if over else set()) or {None})


def test_every_step_has_words() -> None:
    said = {Relief(rung, 0, 3 * 1024**2, "org/m").words for rung in Rung}
    assert len(said) == len(Rung) and "unloaded org/m, 3 MiB" in said


class Memory:
    """An engine on a fake backend, and the steps that it published."""

    def __init__(self, published: list[EngineFigures]) -> None:
        self.backend = FakeBackend(room=3 * SIZE)
        self.backend.each = 1
        self.rig = Rig(lambda: self.backend, ONE, TWO)
        self.published = published

    @property
    def steps(self) -> list[Relief]:
        return list(dict.fromkeys(seen.relief for seen in list(self.published) if seen.relief is not None))

    def look(self) -> list[Rung]:
        return [step.rung for step in self.steps]

    async def climb_to(self, rung: Rung) -> None:
        await until(lambda: rung in self.look(), f"the step {rung.name}")

    async def climb(self, *rungs: Rung) -> None:
        """Step by step, and not further, where none is taken by itself."""
        for rung in rungs:
            self.rig.engine._worker._shortage._looked = -math.inf
            await self.climb_to(rung)


@pytest.fixture
async def memory(published: list[EngineFigures]) -> AsyncIterator[Memory]:
    memory = Memory(published)
    yield memory
    assert await memory.rig.engine.stop(PATIENCE)


async def running(memory: Memory, into: list[StreamEvent]) -> "asyncio.Task[None]":
    """An endless answer of the first model, with the second idle in memory."""
    await memory.rig.engine.load(TWO)
    task = asyncio.create_task(memory.rig.watch(memory.rig.request(ONE, tokens=10**6), into))
    await until(lambda: any(isinstance(event, TextDelta) for event in into), "text")
    return task


async def test_what_costs_little_is_enough(memory: Memory) -> None:
    events: list[StreamEvent] = []
    answer = await running(memory, events)
    memory.backend.buffers, memory.backend.prompts = 5, 30
    await memory.climb_to(Rung.PROMPTS)
    assert memory.look() == [Rung.BUFFERS, Rung.PROMPTS]
    assert memory.steps[-1].freed == 11 and memory.backend.prompts == 19, "as much as is needed, not more"
    assert not answer.done() and len(memory.backend.models) == 2
    answer.cancel()
    await asyncio.gather(answer, return_exceptions=True)


async def test_all_the_way_up_and_down_again(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[StreamEvent] = []
    answer = await running(memory, events)
    backend, rig = memory.backend, memory.rig
    monkeypatch.setattr(shortage, "INTERVAL", math.inf)  # it refuses until it was asked
    backend.buffers, backend.prompts, backend.taken = 1, 1, 2 * SIZE
    await memory.climb(Rung.BUFFERS, Rung.PROMPTS, Rung.REFUSE)
    with pytest.raises(OutOfMemoryError, match="Memory is short"):
        await rig.answer(rig.request(ONE, tokens=1))
    monkeypatch.setattr(shortage, "INTERVAL", 0.0)
    await memory.climb_to(Rung.STOP)
    assert memory.look() == list(Rung)
    assert [step.model for step in memory.steps] == ["", "", "", "two", "one"]
    with pytest.raises(OutOfMemoryError, match="was stopped"):
        await answer
    assert backend.answers == {} and any(isinstance(event, TextDelta) for event in events), "the text stays"
    backend.taken = 0
    await until(lambda: not rig.running, "nothing runs")
    assert isinstance((await rig.answer(rig.request(ONE, tokens=1)))[-1], StreamFinished)


async def test_buffers_that_are_enough_go_again_before_anything_that_is_missed() -> None:
    class Churning(FakeBackend):
        def step(self) -> Sequence[StepEvent]:
            self.buffers = 30  # as growing KV leaves them
            return super().step()

    backend = Churning(room=3 * SIZE)
    rig = Rig(lambda: backend, ONE, TWO)
    backend.taken = 2 * SIZE - 5
    answer = asyncio.create_task(rig.answer(rig.request(ONE, tokens=10**6)))
    await until(lambda: backend.calls.count("drop_buffers") > 4, "they are handed back again and again")
    assert not answer.done() and "shrink_prompts" not in backend.calls
    answer.cancel()
    await asyncio.gather(answer, return_exceptions=True)
    assert await rig.engine.stop(PATIENCE)


async def test_all_that_is_idle_goes_before_any_answer() -> None:
    backend = FakeBackend(room=4 * SIZE)
    rig = Rig(lambda: backend, ONE, TWO)
    for idle in (TWO, ModelSource("three", "/three")):
        await rig.engine.load(idle)
    answer = asyncio.create_task(rig.answer(rig.request(ONE, tokens=10**6)))
    await until(lambda: rig.running == 1 and len(backend.models) == 3, "one answers")
    backend.taken = 3 * SIZE
    await until(lambda: list(backend.models) == ["one"] or answer.done(), "the others go")
    seen = backend.calls.count("pressure")
    await until(lambda: backend.calls.count("pressure") > seen or answer.done(), "it looks again")
    assert not answer.done()
    answer.cancel()
    await asyncio.gather(answer, return_exceptions=True)
    assert await rig.engine.stop(PATIENCE)


async def test_nobody_is_refused_for_what_is_only_remembered(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = await running(memory, [])
    backend, rig = memory.backend, memory.rig
    monkeypatch.setattr(shortage, "INTERVAL", math.inf)
    backend.taken = 3 * SIZE
    await memory.climb(Rung.REFUSE, Rung.UNLOAD, Rung.STOP)
    with pytest.raises(OutOfMemoryError, match="was stopped"):
        await answer
    backend.taken, backend.prompts, backend.buffers = 2 * SIZE - 1, SIZE, SIZE  # what the answer had computed
    assert isinstance((await rig.answer(rig.request(ONE, tokens=1)))[-1], StreamFinished)
    assert memory.look()[-2:] == [Rung.BUFFERS, Rung.PROMPTS]


async def test_the_answer_that_began_last_is_stopped_and_the_other_goes_on(memory: Memory) -> None:
    older: list[StreamEvent] = []
    younger: list[StreamEvent] = []
    first = await running(memory, older)
    second = asyncio.create_task(memory.rig.watch(memory.rig.request(ONE, tokens=10**6), younger))
    await until(lambda: any(isinstance(event, TextDelta) for event in younger), "text")
    memory.backend.taken = 2 * SIZE - 1  # one answer and its model just fit
    with pytest.raises(OutOfMemoryError, match="was stopped"):
        await second
    seen = len(older)
    await until(lambda: len(older) > seen, "the first goes on")
    assert not first.done()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)


@pytest.mark.parametrize("call", ["pressure", "memory", "drop_buffers", "shrink_prompts", "unload", "cancel"])
async def test_a_step_that_fails_is_passed_over(memory: Memory, call: str) -> None:
    events: list[StreamEvent] = []
    answer = await running(memory, events)
    memory.backend.fails = [call]
    memory.backend.buffers, memory.backend.prompts, memory.backend.taken = 1, 1, 2 * SIZE
    with pytest.raises(OutOfMemoryError):
        await answer
    assert memory.backend.fails == []
    memory.backend.taken = 0
    assert isinstance((await memory.rig.answer(memory.rig.request(ONE, tokens=1)))[-1], StreamFinished)


async def test_what_mlx_holds_is_really_let_go(tiny_models: tuple[Path, Path]) -> None:
    class Short(MlxBackend):
        short = False

        def pressure(self) -> int:
            memory = self.memory()
            return memory.cache + (memory.prompts or 0) if self.short else 0

    backend = Short(EngineSettings(batch_size=64))
    source = ModelSource("one", str(tiny_models[0]))
    rig = Rig(lambda: backend, source, source)
    try:
        first = await rig.answer(rig.request(text="x" * 300, tokens=2))
        again = await rig.answer(rig.request(text="x" * 300, tokens=2))
        assert cached(first) == 0 < (cached(again) or 0)
        backend.short = True
        await until(
            lambda: (relief := rig.engine.figures().relief) is not None and relief.rung is Rung.PROMPTS, "let go"
        )
        relief = rig.engine.figures().relief
        assert relief is not None and relief.freed > 300 * 2 * 2 * 32 * 4
        await until(lambda: (memory := rig.engine.figures().memory) is not None and memory.prompts == 0, "published")
        assert [model.reference for model in rig.engine.figures().loaded] == ["one"], "that was enough"
        assert cached(await rig.answer(rig.request(text="x" * 300, tokens=2))) == 0
    finally:
        assert await rig.engine.stop(PATIENCE)


def cached(events: list[StreamEvent]) -> int | None:
    end = events[-1]
    assert isinstance(end, StreamFinished)
    return end.usage.cached_tokens
