"""What the backend raises fails the requests in that call; the thread and the others live on."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from lama_tui.engine.backend import ModelSource, StepEvent
from lama_tui.errors import InferenceError, LamaError, ModelFormatError, ModelLoadError, OutOfMemoryError
from lama_tui.events import ModelLoading, StreamEvent, StreamFinished, TextDelta
from tests.engine.conftest import PATIENCE, Rig, until
from tests.engine.fake import SIZE, FakeBackend

ONE, TWO = ModelSource("one", "/one"), ModelSource("two", "/two")


def rig_with(backend: FakeBackend) -> Rig:
    return Rig(lambda: backend, ONE, TWO)


@pytest.mark.parametrize("call", ["open", "check", "load", "begin", "step"])
async def test_a_call_that_raises_fails_its_request_and_the_next_one_works(call: str) -> None:
    rig = rig_with(FakeBackend([call]))
    with pytest.raises(LamaError) as caught:
        await rig.answer(rig.request())
    assert isinstance(caught.value, InferenceError) and "on purpose" in caught.value.detail
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert isinstance((await rig.answer(rig.request()))[-1], StreamFinished)
    assert rig.running == 0
    assert await rig.engine.stop(PATIENCE)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[malloc_or_wait] Unable to allocate 64 bytes."),
        RuntimeError(
            "[METAL] Command buffer execution failed: Insufficient Memory "
            "(00000008:kIOGPUCommandBufferCallbackErrorOutOfMemory)"
        ),
    ],
)
async def test_a_lack_of_memory_says_what_to_do(error: Exception) -> None:
    rig = rig_with(FakeBackend(["step"], error))
    with pytest.raises(OutOfMemoryError, match="smaller model"):
        await rig.answer(rig.request())
    assert await rig.engine.stop(PATIENCE)


@pytest.mark.parametrize("call", ["unload", "loaded", "memory", "close"])
async def test_a_side_call_that_raises_hurts_no_answer(call: str) -> None:
    backend = FakeBackend([call])
    rig = rig_with(backend)
    assert isinstance((await rig.answer(rig.request()))[-1], StreamFinished)
    if call == "unload":
        with pytest.raises(InferenceError):
            await rig.engine.unload("one")
        assert list(backend.models) == ["one"], "what could not be unloaded is still there to be used"
    assert isinstance((await rig.answer(rig.request()))[-1], StreamFinished)
    assert await rig.engine.stop(PATIENCE)
    assert call in backend.calls and call not in backend.fails


async def test_a_cancel_that_raises_still_frees_the_place() -> None:
    backend = FakeBackend(["cancel"])
    rig = rig_with(backend)
    events = rig.engine.generate(rig.request(tokens=3000))
    async for event in events:
        if isinstance(event, TextDelta):
            break
    await events.aclose()
    await until(lambda: rig.running == 0, "the request ends")
    assert backend.fails == []
    assert isinstance((await rig.answer(rig.request()))[-1], StreamFinished)
    assert await rig.engine.stop(PATIENCE)


async def test_a_model_that_cannot_be_used_costs_nothing() -> None:
    backend = FakeBackend(room=SIZE)
    rig = rig_with(backend)
    await rig.answer(rig.request(ONE))
    backend.fails.append("check")
    with pytest.raises(InferenceError):
        await rig.answer(rig.request(TWO))
    assert [model.reference for model in rig.engine.figures().loaded] == ["one"]
    again = await rig.answer(rig.request(ONE))
    assert not any(isinstance(event, ModelLoading) for event in again)
    assert "unload" not in backend.calls
    await rig.answer(rig.request(TWO))
    assert [model.reference for model in rig.engine.figures().loaded] == ["two"]
    assert await rig.engine.stop(PATIENCE)


async def test_our_own_errors_arrive_as_they_are() -> None:
    error = ModelFormatError("bad", "because", "do this")
    rig = rig_with(FakeBackend(["load"], error))
    with pytest.raises(ModelFormatError) as caught:
        await rig.answer(rig.request())
    assert caught.value is error
    assert await rig.engine.stop(PATIENCE)


async def test_a_step_that_raises_ends_all_requests_in_it_and_later_ones_run() -> None:
    backend = FakeBackend()
    rig = rig_with(backend)
    seen: list[list[StreamEvent]] = [[], []]
    tasks = [asyncio.create_task(rig.watch(rig.request(tokens=3000), events)) for events in seen]
    await until(lambda: all(any(isinstance(event, TextDelta) for event in events) for events in seen), "both run")
    backend.fails.append("step")
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(result, InferenceError) for result in results)
    assert backend.answers == {}
    assert isinstance((await rig.answer(rig.request()))[-1], StreamFinished)
    assert await rig.engine.stop(PATIENCE)


async def test_a_failing_load_and_the_waiting_load_of_the_same_model() -> None:
    rig = rig_with(FakeBackend(["load"]))
    results = await asyncio.gather(rig.engine.load(ONE), rig.engine.load(ONE), return_exceptions=True)
    assert isinstance(results[0], InferenceError)
    assert not isinstance(results[1], BaseException) and results[1].reference == "one"
    assert await rig.engine.stop(PATIENCE)


async def test_a_backend_that_is_not_installed() -> None:
    def missing() -> FakeBackend:
        raise ImportError("no such runtime")

    rig = Rig(missing, ONE, TWO)
    with pytest.raises(ModelLoadError, match="no such runtime"):
        await rig.answer(rig.request())
    assert await rig.engine.stop(PATIENCE)


async def test_the_same_id_twice_does_not_mix_two_answers() -> None:
    refused = threading.Event()

    class Lasting(FakeBackend):
        """Answers until the second was refused."""

        def step(self) -> Sequence[StepEvent]:
            for answer in self.answers.values():
                answer.limit = answer.made + 1 if refused.is_set() else 1 << 30
            return super().step()

    rig = rig_with(Lasting())
    request = rig.request(tokens=200)
    first = asyncio.create_task(rig.answer(request))
    await until(lambda: rig.running == 1, "the first runs")
    with pytest.raises(InferenceError, match="runs already"):
        await rig.answer(request)
    refused.set()
    events = await first
    last = events[-1]
    said = "".join(event.text for event in events if isinstance(event, TextDelta)).split()
    assert said == [str(number + 1) for number in range(len(said))]
    assert isinstance(last, StreamFinished) and last.usage.completion_tokens == len(said)
    assert await rig.engine.stop(PATIENCE)


async def test_only_so_many_run_together_and_the_rest_follows() -> None:
    together: list[int] = []

    class Counting(FakeBackend):
        def step(self) -> Sequence[StepEvent]:
            together.append(len(self.answers))
            return super().step()

    rig = rig_with(Counting())
    await asyncio.gather(*(rig.answer(rig.request(tokens=30)) for _ in range(10)))
    assert 2 <= max(together) <= 4
    assert await rig.engine.stop(PATIENCE)


async def test_a_reader_whose_loop_is_gone_is_a_cancelled_one() -> None:
    backend = FakeBackend()
    rig = rig_with(backend)

    async def leave() -> None:
        events = rig.engine.generate(rig.request(tokens=3000))
        kept.append(events)
        async for event in events:
            if isinstance(event, TextDelta):
                return

    kept: list[object] = []
    abandoned = asyncio.new_event_loop()
    await asyncio.to_thread(abandoned.run_until_complete, leave())
    abandoned.close()  # without closing the iterator: a crash, not a goodbye
    await until(lambda: backend.answers == {} and rig.running == 0, "it is dropped")
    assert await rig.engine.stop(PATIENCE)
