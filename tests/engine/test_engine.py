"""The contract of the engine, on a fake backend and on MLX."""

import asyncio
from collections.abc import Sequence

import pytest

from lama_tui.engine.backend import Backend, StepEvent
from lama_tui.engine.figures import EngineFigures
from lama_tui.engine.thread import Engine
from lama_tui.errors import InferenceError
from lama_tui.events import (
    ModelLoaded,
    ModelLoading,
    ModelUnloaded,
    PromptProgress,
    Queued,
    StreamEvent,
    StreamFinished,
    TextDelta,
)
from tests.engine.conftest import PATIENCE, Rig, until

LONG = "word " * 700
ENDLESS = 10**6


async def test_nothing_happens_before_the_first_use(rig: Rig) -> None:
    assert rig.engine.figures() == EngineFigures()
    assert await rig.engine.stop(PATIENCE)


async def test_an_answer_loads_its_model_and_streams(rig: Rig) -> None:
    events = await rig.answer(rig.request(tokens=5))
    kinds = [type(event) for event in events]
    assert kinds[0] is ModelLoading
    assert kinds.index(ModelLoaded) < kinds.index(PromptProgress) < kinds.index(TextDelta)
    assert kinds[-1] is StreamFinished and kinds.count(StreamFinished) == 1
    last = events[-1]
    assert isinstance(last, StreamFinished) and last.reason == "length" and last.usage.completion_tokens == 5
    figures = rig.engine.figures()
    assert [model.reference for model in figures.loaded] == ["one"]
    assert figures.device is not None and figures.memory is not None and figures.running == 0


async def test_the_second_answer_does_not_load_again(rig: Rig) -> None:
    await rig.answer(rig.request())
    assert not any(isinstance(event, ModelLoading | ModelLoaded) for event in await rig.answer(rig.request()))


async def test_models_stay_loaded_beside_each_other(rig: Rig) -> None:
    for source in (rig.first, rig.second):
        await rig.answer(rig.request(source))
    assert [model.reference for model in rig.engine.figures().loaded] == ["one", "two"]
    for source in (rig.first, rig.second):
        events = await rig.answer(rig.request(source))
        assert not any(isinstance(event, ModelLoading | ModelUnloaded) for event in events)
    assert await rig.engine.unload("one") > 0
    assert [model.reference for model in rig.engine.figures().loaded] == ["two"]


async def test_where_there_is_no_room_another_model_takes_the_place_of_the_first(narrow: Rig) -> None:
    await narrow.answer(narrow.request())
    events = await narrow.answer(narrow.request(narrow.second))
    gone = [event for event in events if isinstance(event, ModelUnloaded)]
    assert [event.model for event in gone] == ["one"] and gone[0].freed > 0
    figures = narrow.engine.figures()
    assert figures.unloaded == tuple(gone) and figures.unloaded[0] is gone[0]
    assert figures.relief is not None and figures.relief.words.startswith("unloaded one")
    assert any(isinstance(event, ModelLoaded) and event.model == "two" for event in events)
    assert [model.reference for model in narrow.engine.figures().loaded] == ["two"]


async def test_models_that_take_turns_are_served_in_the_order_of_asking(narrow: Rig) -> None:
    finished: list[str] = []  # as the engine ends them: readers that were late wake up in any order

    def make() -> Backend:
        backend = narrow.make_backend()
        step = backend.step

        def noted() -> Sequence[StepEvent]:
            events = step()
            finished.extend(event.request for event in events if isinstance(event.event, StreamFinished))
            return events

        backend.step = noted  # type: ignore[method-assign]
        return backend

    narrow.engine = Engine(make)
    asked = [narrow.request(tokens=60), narrow.request(narrow.second, tokens=3), narrow.request(tokens=3)]
    answers = await asyncio.gather(*(narrow.answer(request) for request in asked))
    told = [event for events in answers for event in events if isinstance(event, Queued)]
    names = [request.id for request in asked]
    assert finished == names, "what came after the question to another model does not go before it"
    assert told and all(1 <= event.place <= event.of <= 3 for event in told)


async def test_an_answer_goes_on_while_another_model_loads(rig: Rig) -> None:
    events: list[StreamEvent] = []
    running = asyncio.create_task(rig.watch(rig.request(tokens=ENDLESS), events))
    await until(lambda: any(isinstance(event, TextDelta) for event in events), "text")
    other = await rig.answer(rig.request(rig.second, tokens=3))
    assert isinstance(other[-1], StreamFinished) and any(isinstance(event, ModelLoaded) for event in other)
    assert not running.done() and rig.running == 1
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_short_question_is_answered_while_a_long_prompt_is_read(rig: Rig) -> None:
    asked = rig.hold("step")  # a long prompt is soon read where nobody comes to ask meanwhile
    await rig.engine.load(rig.first)
    events: list[StreamEvent] = []
    long = asyncio.create_task(rig.watch(rig.request(text=LONG, tokens=2), events))
    await until(lambda: any(isinstance(event, PromptProgress) for event in events), "the long prompt begins")
    short = asyncio.create_task(rig.answer(rig.request(tokens=2, text="hi")))
    await asyncio.sleep(0)
    asked.set()
    await short
    assert not any(isinstance(event, TextDelta) for event in events)
    await long
    assert any(isinstance(event, TextDelta) for event in events)


async def stop_reading_at(rig: Rig, kind: type, **request: object) -> None:
    """Close an answer at its first event of `kind`."""
    events = rig.engine.generate(rig.request(**request))  # type: ignore[arg-type]
    async for event in events:
        if isinstance(event, kind):
            break
    await events.aclose()


@pytest.mark.parametrize(
    ("kind", "request_"),
    [
        (ModelLoading, {}),
        (PromptProgress, {"text": LONG}),
        (TextDelta, {"tokens": ENDLESS}),
    ],
    ids=["loading", "prefill", "decode"],
)
async def test_closing_cancels_in_every_state(rig: Rig, kind: type, request_: dict[str, object]) -> None:
    await stop_reading_at(rig, kind, **request_)
    await until(lambda: rig.running == 0, "the request ends in the thread")
    last = (await rig.answer(rig.request(tokens=3)))[-1]
    assert isinstance(last, StreamFinished) and last.usage.completion_tokens == 3


async def test_cancelling_the_task_cancels_the_work(rig: Rig) -> None:
    events: list[StreamEvent] = []
    task = asyncio.create_task(rig.watch(rig.request(tokens=ENDLESS), events))
    await until(lambda: any(isinstance(event, TextDelta) for event in events), "text")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: rig.running == 0, "the request ends in the thread")


async def test_what_waits_in_line_can_be_cancelled(narrow: Rig) -> None:
    rig = narrow
    events: list[StreamEvent] = []
    running = asyncio.create_task(rig.watch(rig.request(tokens=ENDLESS), events))
    await until(lambda: any(isinstance(event, TextDelta) for event in events), "text")
    waiting = asyncio.create_task(rig.answer(rig.request(rig.second)))
    await until(lambda: rig.engine.figures().waiting == 1, "the second waits")
    waiting.cancel()
    await until(lambda: rig.engine.figures().waiting == 0, "it leaves the line")
    assert rig.running == 1
    running.cancel()
    await asyncio.gather(running, waiting, return_exceptions=True)


async def test_load_and_unload(rig: Rig) -> None:
    model = await rig.engine.load(rig.first)
    assert (model.reference, model.device, model.mapped) == ("one", "cpu", False)
    assert await rig.engine.unload("two") == 0
    assert await rig.engine.unload("one") > 0
    assert rig.engine.figures().loaded == ()


async def test_unloading_waits_for_the_running_answer(rig: Rig) -> None:
    events: list[StreamEvent] = []
    answer = asyncio.create_task(rig.watch(rig.request(tokens=40), events))
    await until(lambda: any(isinstance(event, TextDelta) for event in events), "the answer runs")
    assert await rig.engine.unload("one") > 0
    await answer
    assert isinstance(events[-1], StreamFinished) and events[-1].reason == "length"


async def test_stopping_while_idle(rig: Rig) -> None:
    await rig.answer(rig.request())
    assert await rig.engine.stop(PATIENCE)
    assert rig.engine.figures().loaded == ()
    assert await rig.engine.stop(), "twice is fine"
    with pytest.raises(InferenceError, match="has stopped"):
        await rig.answer(rig.request())


@pytest.mark.parametrize(
    ("kind", "request_"),
    [
        (ModelLoading, {}),
        (PromptProgress, {"text": LONG}),
        (TextDelta, {"tokens": ENDLESS}),
    ],
    ids=["loading", "prefill", "decode"],
)
async def test_stopping_in_every_state_ends_every_reader(rig: Rig, kind: type, request_: dict[str, object]) -> None:
    # what is soon over lasts until it is told to stop
    seen = {ModelLoading: "load", PromptProgress: "step"}.get(kind)
    stopping = rig.hold(seen) if seen else asyncio.Event()
    events: list[StreamEvent] = []
    first = asyncio.create_task(rig.watch(rig.request(**request_), events))  # type: ignore[arg-type]
    await until(lambda: any(isinstance(event, kind) for event in events), kind.__name__)
    second = asyncio.create_task(rig.answer(rig.request(rig.second)))
    await asyncio.sleep(0)
    stopped = asyncio.create_task(rig.engine.stop(PATIENCE))
    await asyncio.sleep(0)
    stopping.set()
    assert await stopped
    results = await asyncio.gather(first, second, return_exceptions=True)
    ended = isinstance(events[-1], StreamFinished) and events[-1].reason == "cancelled"
    assert ended or isinstance(results[0], InferenceError)
    assert isinstance(results[1], InferenceError)
