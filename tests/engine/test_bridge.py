"""Events on their way: nothing that must arrive is lost, and a slow reader gets no queue."""

import asyncio
import threading
import time

from hypothesis import given
from hypothesis import strategies as st

from lama_tui.engine.bridge import REST, EventBuffer, append
from lama_tui.events import (
    ModelLoading,
    PromptProgress,
    ReasoningDelta,
    StreamEvent,
    StreamFinished,
    TextDelta,
    UsageUpdated,
)
from lama_tui.types import Usage

deltas = st.builds(TextDelta, st.text(max_size=3)) | st.builds(ReasoningDelta, st.text(max_size=3))
small = st.integers(0, 9)
progress = (
    st.builds(PromptProgress, small, small)
    | st.builds(ModelLoading, st.just("m"), small, small)
    | st.builds(UsageUpdated, st.builds(Usage, completion_tokens=small))
)


def spoken(events: list[StreamEvent]) -> list[tuple[type, str]]:
    """Text in order, runs of one kind joined."""
    runs: list[tuple[type, str]] = []
    for event in events:
        if isinstance(event, TextDelta | ReasoningDelta) and event.text:
            if runs and runs[-1][0] is type(event):
                runs[-1] = (type(event), runs[-1][1] + event.text)
            else:
                runs.append((type(event), event.text))
    return runs


@given(st.lists(deltas | progress, max_size=40))
def test_joining_keeps_every_character_in_order_and_the_newest_figures(events: list[StreamEvent]) -> None:
    waiting: list[StreamEvent] = []
    for event in events:
        append(waiting, event)
    assert spoken(waiting) == spoken(events)
    for kind in (PromptProgress, ModelLoading, UsageUpdated):
        of_kind = [event for event in events if isinstance(event, kind)]
        assert [event for event in waiting if isinstance(event, kind)][-1:] == of_kind[-1:]


def test_a_thousand_tokens_with_figures_between_them_wait_as_one_string() -> None:
    waiting: list[StreamEvent] = []
    for number in range(1000):
        append(waiting, TextDelta("x"))
        append(waiting, UsageUpdated(Usage(completion_tokens=number)))
    assert waiting == [TextDelta("x" * 1000), UsageUpdated(Usage(completion_tokens=999))]


async def test_one_wake_up_however_much_is_put() -> None:
    buffer = EventBuffer()
    loop = asyncio.get_running_loop()
    calls = 0
    original = loop.call_soon_threadsafe

    def counting(*args: object, **kwargs: object) -> object:
        nonlocal calls
        calls += 1
        return original(*args, **kwargs)  # type: ignore[arg-type]

    loop.call_soon_threadsafe = counting  # type: ignore[method-assign,assignment]
    finished = StreamFinished("stop", Usage())

    def produce() -> None:
        for _ in range(500):
            buffer.put(TextDelta("a"))
        buffer.put(finished)

    thread = threading.Thread(target=produce)
    thread.start()
    thread.join()
    assert calls == 1
    assert await buffer.take() == [TextDelta("a" * 500), finished]


async def test_nothing_is_lost_between_threads() -> None:
    buffer = EventBuffer()

    def produce() -> None:
        for number in range(5000):
            buffer.put(TextDelta(f"{number},"))
        buffer.put(StreamFinished("stop", Usage()))

    thread = threading.Thread(target=produce)
    thread.start()
    text, ended = "", False
    while not ended:
        for event in await buffer.take():
            assert not ended
            if isinstance(event, TextDelta):
                text += event.text
            ended = isinstance(event, StreamFinished)
    thread.join()
    assert text == "".join(f"{number}," for number in range(5000))


async def test_a_fast_producer_does_not_wake_the_loop_for_every_token() -> None:
    buffer = EventBuffer()

    def produce() -> None:
        for _ in range(200):
            buffer.put(TextDelta("a"))
            time.sleep(0.001)
        buffer.put(StreamFinished("stop", Usage()))

    thread = threading.Thread(target=produce)
    began = time.monotonic()
    thread.start()
    looks, text, ended = 0, "", False
    while not ended:
        events = await buffer.take()
        looks += 1
        text += "".join(event.text for event in events if isinstance(event, TextDelta))
        ended = isinstance(events[-1], StreamFinished)
    thread.join()
    assert text == "a" * 200
    assert looks <= (time.monotonic() - began) / REST + 2


def test_a_closed_loop_is_told_to_the_producer() -> None:
    async def make() -> EventBuffer:
        return EventBuffer()

    buffer = asyncio.run(make())
    assert buffer.put(TextDelta("x")) is False
