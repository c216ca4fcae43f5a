"""The composition root: parts are made on first use, and closing goes on whatever fails."""

import asyncio
import json
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from models import make_reciter

from lama_tui.config.loader import load_settings
from lama_tui.errors import InferenceError, StoreError
from lama_tui.events import StreamEvent, StreamFinished
from lama_tui.paths import Paths
from lama_tui.services import Services, open_services
from lama_tui.types import ConversationId, MessageId

WAIT = 60.0


@pytest.fixture
def paths(home: object) -> Paths:
    return Paths.from_environment()


@asynccontextmanager
async def opened(paths: Paths) -> AsyncIterator[Services]:
    services = await open_services(paths, load_settings(paths))
    try:
        yield services
    finally:
        await services.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT):
        while not condition():  # noqa: ASYNC110 — any state, not one event
            await asyncio.sleep(0.005)


async def test_a_turn_goes_through_all_parts(paths: Paths) -> None:
    pytest.importorskip("mlx.core")
    make_reciter(paths.models / "reciter", ("Hello", " there"))
    async with opened(paths) as services:
        conversations, chat = await services.conversations(), await services.chat()
        conversation = await conversations.create("reciter")
        ended = asyncio.Event()

        def listen(conversation: ConversationId, message: MessageId, event: StreamEvent) -> None:
            if isinstance(event, StreamFinished):
                ended.set()

        chat.subscribe(listen)
        answer = await chat.send(conversation, "Hi", "reciter")
        assert answer is not None
        await asyncio.wait_for(ended.wait(), WAIT)
        assert (await conversations.thread(answer))[-1].text == "Hello there"
        file = paths.run / f"{os.getpid()}.json"
        await until(lambda: file.exists() and bool(json.loads(file.read_bytes())["loaded"]))
        seen = []
        services.sampler.subscribe(seen.append)
        await until(lambda: bool(seen) and seen[-1].model_memory > 0)  # one may have been under way
        assert seen[-1].process_memory > 0
    assert not file.exists()
    # on a busy machine it may take longer than closing waits for it
    await until(lambda: "lama-engine" not in [thread.name for thread in threading.enumerate()])


async def test_opening_touches_no_disk_but_the_presence(paths: Paths) -> None:
    async with opened(paths):
        assert not paths.data.exists() and not paths.config.exists()
        await until((paths.run / f"{os.getpid()}.json").exists)
    assert list(paths.run.iterdir()) == []


async def test_the_parts_are_made_once(paths: Paths) -> None:
    async with opened(paths) as services:
        first, second = await asyncio.gather(services.database(), services.database())
        assert first is second
        assert await services.conversations() is await services.conversations()
        chats = await asyncio.gather(services.chat(), services.chat())
        assert chats[0] is chats[1]


async def test_a_database_that_cannot_be_opened_can_be_tried_again(paths: Paths) -> None:
    paths.database.mkdir(parents=True)
    async with opened(paths) as services:
        with pytest.raises(StoreError):
            await services.chat()
        paths.database.rmdir()
        assert await (await services.conversations()).list() == []


async def test_closing_goes_on_when_a_part_fails(paths: Paths, caplog: pytest.LogCaptureFixture) -> None:
    services = await open_services(paths, load_settings(paths))
    await services.chat()
    database = await services.database()
    services.sampler.stop = _fail  # type: ignore[method-assign]
    await services.close()
    await services.close()
    assert "the sampler is on fire" in caplog.text
    with pytest.raises(StoreError):
        await database.read("SELECT 1")
    assert not (paths.run / f"{os.getpid()}.json").exists()
    with pytest.raises(InferenceError):
        await (await services.chat()).send(ConversationId(1), "Hi", "guide")


async def test_closing_while_the_database_opens_leaves_it_closed(paths: Paths) -> None:
    services = await open_services(paths, load_settings(paths))
    opening = asyncio.create_task(services.database())
    await asyncio.sleep(0)
    await services.close()
    database = await opening
    with pytest.raises(StoreError):
        await database.read("SELECT 1")
    with pytest.raises(StoreError):
        await services.chat()


async def _fail() -> None:
    raise RuntimeError("the sampler is on fire")


async def test_a_state_folder_that_cannot_be_written_stops_nothing(paths: Paths) -> None:
    paths.state.parent.mkdir(parents=True)
    paths.state.write_text("a file where the folder should be")
    async with opened(paths) as services:
        assert await (await services.conversations()).list() == []


async def test_pins_are_kept_by_the_engine_from_the_start(paths: Paths) -> None:
    pytest.importorskip("mlx.core")
    async with opened(paths) as services:
        await (await services.models()).pin("guide", True)
        await services.chat()
        await services.engine.load(await services.resolve("guide"))
        (model,) = services.engine.figures().activity
        assert (model.reference, model.pinned, model.unload_at) == ("guide", True, None)
        await (await services.models()).pin("guide", False)
        await services.follow_pins()
        await until(lambda: services.engine.figures().activity[0].unload_at is not None)
