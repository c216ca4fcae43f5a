"""The local provider: what it adds around the engine."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from lama_tui.config.settings import GenerationSettings
from lama_tui.engine.backend import ModelSource
from lama_tui.engine.thread import Engine
from lama_tui.errors import ModelNotFoundError
from lama_tui.events import ModelLoaded, StreamFinished, StreamStarted, TextDelta
from lama_tui.providers.base import ChatRequest, Provider
from lama_tui.providers.local import LocalProvider
from lama_tui.types import NO_PARTS, ChatMessage, ModelParts, Place, Sampling
from tests.engine.conftest import PATIENCE, mlx_backend, text_of, until
from tests.engine.fake import FakeBackend
from tests.models import TEMPLATE, make_tiny_llama


async def resolve(reference: str) -> ModelSource:
    if reference == "nothing":
        raise ModelNotFoundError("There is no model nothing")
    return ModelSource(reference, f"/{reference}")


@pytest.fixture
async def provider() -> AsyncIterator[LocalProvider]:
    provider = LocalProvider(Engine(FakeBackend), resolve, lambda: GenerationSettings(temperature=0.25))
    yield provider
    await provider.close()
    await provider.close()


def ask(model: str = "one", tokens: int = 3) -> ChatRequest:
    return ChatRequest(model, (ChatMessage("user", "hello"),), Sampling(max_tokens=tokens))


async def test_it_is_a_provider_on_this_machine(provider: LocalProvider) -> None:
    as_protocol: Provider = provider
    assert as_protocol.name == "local" and as_protocol.capabilities.continues
    assert provider.place("one").on_machine
    assert await provider.models() == ["guide"]


async def test_the_stream_starts_after_loading_and_ends_once(provider: LocalProvider) -> None:
    events = [event async for event in provider.stream(ask())]
    kinds = [type(event) for event in events]
    assert kinds.index(ModelLoaded) < kinds.index(StreamStarted) < kinds.index(TextDelta)
    assert StreamStarted("one", Place("CPU", on_machine=True)) in events
    assert kinds.count(StreamStarted) == 1 and kinds[-1] is StreamFinished


async def test_a_model_without_a_chat_template_is_told(tmp_path: Path) -> None:
    pytest.importorskip("mlx.core")
    folders = {
        "with": make_tiny_llama(tmp_path / "with"),
        "without": make_tiny_llama(tmp_path / "without", template=None),
    }

    async def find(reference: str) -> ModelSource:
        return ModelSource(reference, str(folders[reference]))

    provider = LocalProvider(Engine(mlx_backend), find, GenerationSettings)
    try:
        for reference in ("without", "with", "without"):
            started = [event async for event in provider.stream(ask(reference)) if isinstance(event, StreamStarted)]
            assert [event.chat_template for event in started] == [reference == "with"]
    finally:
        await provider.close()


async def test_a_model_that_is_not_there(provider: LocalProvider) -> None:
    with pytest.raises(ModelNotFoundError):
        await anext(aiter(provider.stream(ask("nothing"))))


async def test_closing_the_stream_stops_the_engine_at_once(provider: LocalProvider) -> None:
    stream = provider.stream(ask(tokens=100_000))
    async for event in stream:
        if isinstance(event, TextDelta):
            break
    await stream.aclose()
    await until(lambda: provider._engine.figures().running == 0, "the request ends")


async def test_cancelling_the_reader_stops_the_engine(provider: LocalProvider) -> None:
    started = asyncio.Event()

    async def read() -> None:
        async for event in provider.stream(ask(tokens=100_000)):
            if isinstance(event, TextDelta):
                started.set()

    task = asyncio.create_task(read())
    await asyncio.wait_for(started.wait(), PATIENCE)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: provider._engine.figures().running == 0, "the request ends")


async def test_tokens_are_counted_for_what_is_loaded(provider: LocalProvider) -> None:
    hello = [ChatMessage("user", "hello")]
    assert await provider.count_tokens("one", hello) is None
    assert provider.context_window("one") is None
    async for _ in provider.stream(ask()):
        pass
    assert await provider.count_tokens("one", hello) == 5
    assert await provider.count_tokens("two", hello) is None
    assert await provider.count_tokens("nothing", hello) is None


async def test_parts_make_another_model_of_it(tmp_path: Path) -> None:
    one, two = make_tiny_llama(tmp_path / "one"), make_tiny_llama(tmp_path / "two", seed=2)

    async def resolve(reference: str) -> ModelSource:
        return ModelSource(reference, str({"m": one, "small": two}[reference]))

    engine = Engine(mlx_backend)
    provider = LocalProvider(engine, resolve, GenerationSettings)
    plain = ChatRequest("m", (ChatMessage("user", "Hi"),), Sampling(0.0, 20))
    parts = ModelParts(draft="small", tokenizer=str(one))
    try:
        alone, drafted = [
            [event async for event in provider.stream(each)] for each in (plain, replace(plain, parts=parts))
        ]
        assert text_of(alone) == text_of(drafted)
        last = drafted[-1]
        assert isinstance(last, StreamFinished) and last.usage.accepted_tokens is not None
        assert [model.reference for model in engine.figures().loaded] == ["m", "m with draft small, tokenizer one"]
        assert provider.context_window("m") == 4096
    finally:
        await provider.close()


THINKS = TEMPLATE + "{% if enable_thinking %}<think>{% elif enable_thinking is defined %}<think></think>{% endif %}"


async def test_the_count_is_exact_with_parts_and_thinking(tmp_path: Path) -> None:
    """As long as the prompt that is then read: with another tokenizer, with a draft, and told to think or not."""
    folders = {
        "a with b/m": make_tiny_llama(tmp_path / "a with b" / "m", template=THINKS),
        "small": make_tiny_llama(tmp_path / "small", seed=2, template=THINKS),
    }
    shorter = make_tiny_llama(tmp_path / "shorter", template="{{ messages[-1].content }}")

    async def resolve(reference: str) -> ModelSource:
        return ModelSource(reference, str(folders[reference]))

    engine = Engine(mlx_backend)
    provider = LocalProvider(engine, resolve, GenerationSettings)
    model, messages = "a with b/m", (ChatMessage("user", "How long am I?"),)
    counts = set()
    try:
        for parts in (NO_PARTS, ModelParts(draft="small"), ModelParts(tokenizer=str(shorter))):
            assert await provider.count_tokens(model, messages, parts=parts) is None, "not in memory like this"
            for thinking in (None, True, False):
                asked = ChatRequest(model, messages, Sampling(0.0, 1, thinking=thinking), parts=parts)
                (*_, last) = [event async for event in provider.stream(asked)]
                counted = await provider.count_tokens(model, messages, parts=parts, thinking=thinking)
                assert isinstance(last, StreamFinished) and counted == last.usage.prompt_tokens
                counts.add((bool(parts.tokenizer), thinking, counted))
            assert provider.context_window(model) == 4096
    finally:
        await provider.close()
    assert len({count for *_, count in counts}) == 4, "each form of thinking, and the shorter template"
