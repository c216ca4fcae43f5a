"""Counting tokens: exact by the model's own template and tokenizer, and never in the way of answers."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from lama_tui.engine.backend import ModelSource
from lama_tui.errors import InferenceError
from lama_tui.events import StreamEvent, StreamFinished, TextDelta
from lama_tui.types import ChatMessage
from tests.engine.conftest import PATIENCE, Rig, until
from tests.engine.fake import FakeBackend

HELLO = (ChatMessage("user", "hello"),)


def finished(events: list[StreamEvent]) -> StreamFinished:
    end = events[-1]
    assert isinstance(end, StreamFinished)
    return end


@pytest.mark.parametrize(
    "text", ["hello", "one two three " * 40, "日本語もだいじょうぶ 👩‍👩‍👧", "<|im_end|> <s> {% raw %}", "\n\n"]
)
async def test_the_count_is_what_the_prompt_then_has(rig: Rig, text: str) -> None:
    await rig.engine.load(rig.first)
    counted = await rig.engine.count(rig.first, (ChatMessage("user", text),))
    usage = finished(await rig.answer(rig.request(text=text, tokens=1))).usage
    assert counted is not None and counted == usage.prompt_tokens


async def test_what_is_not_loaded_is_not_counted(rig: Rig) -> None:
    assert await rig.engine.count(rig.first, HELLO) is None  # and nothing was started for it
    assert rig.engine.figures().device is None
    await rig.engine.load(rig.second)
    assert await rig.engine.count(rig.first, HELLO) is None
    assert await rig.engine.count(rig.second, HELLO) is not None
    assert [model.reference for model in rig.engine.figures().loaded] == ["two"]


async def test_it_is_answered_while_an_answer_runs_and_another_model_waits(rig: Rig) -> None:
    counted = rig.linger(rig.second)
    events: list[StreamEvent] = []
    running = asyncio.create_task(rig.watch(rig.request(tokens=10**6), events))
    await until(lambda: any(isinstance(event, TextDelta) for event in events), "the answer begins")
    waiting = asyncio.create_task(rig.engine.load(rig.second))
    assert await asyncio.wait_for(rig.engine.count(rig.first, HELLO), PATIENCE) is not None
    assert not waiting.done() and not running.done()
    counted.set()
    running.cancel()
    await waiting


async def test_a_count_that_fails_harms_nothing() -> None:
    fake = FakeBackend(fails=["count"])
    rig = Rig(lambda: fake, *(ModelSource(name, f"/{name}") for name in ("one", "two")))
    try:
        events: list[StreamEvent] = []
        running = asyncio.create_task(rig.watch(rig.request(tokens=50), events))
        await until(lambda: any(isinstance(event, TextDelta) for event in events), "it runs")
        with pytest.raises(InferenceError):
            await rig.engine.count(rig.first, HELLO)
        assert await rig.engine.count(rig.first, HELLO) == 5
        await running
        assert finished(events).reason == "length"
    finally:
        assert await rig.engine.stop(PATIENCE)


class Slow(FakeBackend):
    """Counts when it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()

    def count(self, source: ModelSource, messages: Sequence[ChatMessage], thinking: bool | None = None) -> int:
        assert self.go.wait(PATIENCE)
        return super().count(source, messages, thinking)


async def test_what_nobody_waits_for_any_more_is_not_counted() -> None:
    fake = Slow()
    rig = Rig(lambda: fake, *(ModelSource(name, f"/{name}") for name in ("one", "two")))
    try:
        await rig.engine.load(rig.first)
        questions = [asyncio.create_task(rig.engine.count(rig.first, HELLO)) for _ in range(20)]
        await asyncio.sleep(0)
        for question in questions:
            question.cancel()
        await asyncio.gather(*questions, return_exceptions=True)
        fake.go.set()
        assert await rig.engine.count(rig.first, HELLO) == 5
        assert fake.calls.count("count") <= 2  # the first had begun
    finally:
        assert await rig.engine.stop(PATIENCE)


async def test_the_end_of_the_engine_answers_who_waits(rig: Rig) -> None:
    await rig.engine.load(rig.first)
    questions = [asyncio.create_task(rig.engine.count(rig.first, HELLO)) for _ in range(50)]
    await asyncio.sleep(0)
    assert await rig.engine.stop(PATIENCE)
    for outcome in await asyncio.gather(*questions, return_exceptions=True):
        assert isinstance(outcome, int | InferenceError)
