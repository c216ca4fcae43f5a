"""Settings that change while lama runs: followed by the next request, and by privacy at once."""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Mapping

import pytest

from lama_tui.config.settings import PrivacySettings, ProviderSettings, Settings
from lama_tui.errors import ConfigError, ProviderError
from lama_tui.events import StreamEvent, TextDelta
from lama_tui.providers import address, openai, transport
from lama_tui.providers.base import ChatRequest
from lama_tui.providers.registry import Providers
from lama_tui.types import ChatMessage, Sampling

from .server import DONE, Handler, Request, delta, head, pieces, serving
from .test_registry import Local

HI = (ChatMessage("user", "Hi"),)
INF = float("inf")


def gated(go_on: asyncio.Event, before: bytes, *after: bytes) -> Handler:
    """A handler that streams one piece, and the others when it is let go on."""

    async def handle(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(head() + before)
        await writer.drain()
        await go_on.wait()
        writer.write(b"".join(after))
        await writer.drain()

    return handle


def settings(local_only: bool = False, **servers: str) -> Settings:
    providers: Mapping[str, ProviderSettings] = {
        name: ProviderSettings("openai", endpoint) for name, endpoint in servers.items()
    }
    return Settings(providers=providers, privacy=PrivacySettings(local_only=local_only))


async def read(providers: Providers, model: str, into: list[StreamEvent]) -> None:
    provider, name = providers.provider_for(model)
    async with contextlib.aclosing(provider.stream(ChatRequest(name, HI, Sampling()))) as stream:  # type: ignore[type-var]
        async for event in stream:
            into.append(event)


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loopback server of the test counts as one on another machine, by another name of it."""

    async def addresses_of(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    monkeypatch.setattr(transport, "addresses_of", addresses_of)
    assert not address.is_loopback("elsewhere.invalid") and openai.is_loopback is address.is_loopback


@contextlib.asynccontextmanager
async def answering(*said: bytes | float) -> AsyncIterator[tuple[Providers, str, asyncio.Event]]:
    async with serving(pieces(*said)) as server:
        endpoint = f"http://elsewhere.invalid:{server.port}/v1"
        providers = Providers(settings(work=endpoint), Local())
        try:
            yield providers, endpoint, server.gone
        finally:
            await providers.close()


async def begun(events: list[StreamEvent]) -> None:
    async with asyncio.timeout(20):
        while not any(isinstance(event, TextDelta) for event in events):  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@pytest.mark.usefixtures("elsewhere")
async def test_local_only_hangs_up_on_what_comes_from_elsewhere() -> None:
    async with answering(delta(content="one"), INF) as (providers, endpoint, gone):
        events: list[StreamEvent] = []
        reading = asyncio.create_task(read(providers, "work:m", events))
        await begun(events)
        await providers.use(settings(local_only=True, work=endpoint))
        with pytest.raises(ProviderError, match="Local only is on"):
            await asyncio.wait_for(reading, 20)
        await asyncio.wait_for(gone.wait(), 20)
        with pytest.raises(ProviderError, match="Local only is on"):
            await read(providers, "work:m", [])
        await providers.use(settings(work=endpoint))  # and back
        again: list[StreamEvent] = []
        reading = asyncio.create_task(read(providers, "work:m", again))
        await begun(again)
        reading.cancel()


async def test_local_only_ends_a_connection_that_is_being_made(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up = asyncio.Event()

    async def for_ever(host: str, port: int) -> list[str]:
        looked_up.set()
        await asyncio.Event().wait()
        raise AssertionError("it went on")

    monkeypatch.setattr(transport, "addresses_of", for_ever)
    endpoint = "http://elsewhere.invalid/v1"
    providers = Providers(settings(work=endpoint), Local())
    reading = asyncio.create_task(read(providers, "work:m", []))
    await asyncio.wait_for(looked_up.wait(), 20)
    await providers.use(settings(local_only=True, work=endpoint))
    with pytest.raises(ProviderError, match="Local only is on"):
        await asyncio.wait_for(reading, 20)
    await providers.close()


async def test_answers_of_this_machine_go_on_under_local_only() -> None:
    go_on = asyncio.Event()
    async with serving(gated(go_on, delta(content="one"), delta("stop", content=" two"), DONE)) as server:
        endpoint = f"http://127.0.0.1:{server.port}/v1"
        providers = Providers(settings(near=endpoint), Local())
        events: list[StreamEvent] = []
        reading = asyncio.create_task(read(providers, "near:m", events))
        await begun(events)
        await providers.use(settings(local_only=True, near=endpoint))
        go_on.set()
        await asyncio.wait_for(reading, 20)
        assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "one two"
        await providers.close()


async def test_another_endpoint_counts_from_the_next_request_on_and_what_runs_ends_well() -> None:
    go_on = asyncio.Event()
    async with (
        serving(gated(go_on, delta(content="old"), delta("stop", content="!"), DONE)) as old,
        serving(pieces(delta("stop", content="new"), DONE)) as new,
    ):
        first, second = (f"http://127.0.0.1:{server.port}/v1" for server in (old, new))
        providers = Providers(settings(work=first), Local())
        events: list[StreamEvent] = []
        reading = asyncio.create_task(read(providers, "work:m", events))
        await begun(events)
        await providers.use(settings(work=second))
        later: list[StreamEvent] = []
        await read(providers, "work:m", later)
        go_on.set()
        await asyncio.wait_for(reading, 20)
        texts = ["".join(e.text for e in each if isinstance(e, TextDelta)) for each in (events, later)]
        assert texts == ["old!", "new"]
        await providers.use(Settings())
        with pytest.raises(ConfigError, match="no provider"):
            providers.provider_for("work:m")
        await providers.close()


async def test_what_did_not_change_keeps_its_connections() -> None:
    before = settings(work="http://127.0.0.1:1/v1")
    providers = Providers(before, Local())
    provider, _ = providers.provider_for("work:m")
    await providers.use(dataclasses.replace(before, theme="lama-light"))
    assert providers.provider_for("work:m")[0] is provider
    await providers.close()


async def test_sampling_is_sent_only_where_it_is_asked_for() -> None:
    async with serving(pieces(delta("stop", content="x"), DONE)) as server:
        providers = Providers(settings(near=f"http://127.0.0.1:{server.port}/v1"), Local())
        provider, name = providers.provider_for("near:m")
        for sampling in (Sampling(), Sampling(0.2, 50, None, 0.9, True)):
            async for _ in provider.stream(ChatRequest(name, HI, sampling)):
                pass
        sent = [set(request.json) for request in server.requests]
        plain = {"model", "messages", "stream", "stream_options"}
        assert sent == [plain, plain | {"temperature", "top_p", "max_tokens"}]
        await providers.close()
