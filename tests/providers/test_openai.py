"""The OpenAI-compatible provider against a real server on loopback that misbehaves."""

import asyncio
import contextlib
import dataclasses
import socket
import time
from collections.abc import AsyncIterator, Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lama_tui.config.settings import ProviderSettings
from lama_tui.errors import (
    AuthError,
    ConfigError,
    ConnectionLost,
    ContextError,
    LamaError,
    ProviderError,
    ProviderTimeout,
    RateLimitError,
)
from lama_tui.events import (
    ReasoningDelta,
    StreamEvent,
    StreamFinished,
    StreamStarted,
    TextDelta,
    ToolCallDelta,
    UsageUpdated,
)
from lama_tui.providers.base import ChatRequest
from lama_tui.providers.openai import OpenAIProvider
from lama_tui.types import ChatMessage, Place, Sampling

from .server import DONE, Handler, LoopbackServer, delta, event, head, pieces, serving, whole

INF = float("inf")
KEY = "sk-test-0123456789abcdef"
USAGE = event({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 3}})


class Client:
    """A provider for one server, and what came of asking it."""

    def __init__(self, provider: OpenAIProvider, server: LoopbackServer) -> None:
        self.provider = provider
        self.server = server
        self.events: list[StreamEvent] = []
        self.arrived = asyncio.Event()

    async def ask(self, prefix: str = "", sampling: Sampling | None = None, model: str = "m") -> list[StreamEvent]:
        request = ChatRequest(model, (ChatMessage("user", "Hi"),), sampling or Sampling(), prefix)
        async with contextlib.aclosing(self.provider.stream(request)) as stream:
            async for one in stream:
                self.events.append(one)
                if isinstance(one, TextDelta):
                    self.arrived.set()
        return self.events

    @property
    def text(self) -> str:
        return "".join(one.text for one in self.events if isinstance(one, TextDelta))


@contextlib.asynccontextmanager
async def client(
    handler: Handler, environment: Mapping[str, str] | None = None, local_only: bool = True, **changed: object
) -> AsyncIterator[Client]:
    environment = {"TEST_KEY": KEY} if environment is None else environment
    async with serving(handler) as server:
        config = ProviderSettings(kind="openai", endpoint=server.endpoint, key_env="TEST_KEY")
        config = dataclasses.replace(config, **changed)  # type: ignore[arg-type]
        provider = OpenAIProvider("work", config, local_only, environment)
        try:
            yield Client(provider, server)
        finally:
            await provider.close()
            await provider.close()


async def error_of(handler: Handler, **changed: object) -> LamaError:
    async with client(handler, **changed) as asked:  # type: ignore[arg-type]
        with pytest.raises(LamaError) as raised:
            await asked.ask()
        assert len(asked.server.requests) == 1  # nothing is tried again silently
        return raised.value


async def test_an_answer() -> None:
    arrived = asyncio.Event()

    async def handler(request: object, writer: asyncio.StreamWriter) -> None:
        writer.write(head() + delta(role="assistant") + delta(content="Hel"))
        await writer.drain()
        await arrived.wait()  # else both may be read at once
        await asyncio.sleep(0.05)
        writer.write(delta(content="lo") + delta("stop") + USAGE + DONE)
        await writer.drain()

    async with client(handler) as asked:
        asked.arrived = arrived
        events = await asked.ask()
        assert events[0] == StreamStarted("m", Place(f"127.0.0.1:{asked.server.port}", True))
        assert asked.text == "Hello"
        finished = events[-1]
        assert isinstance(finished, StreamFinished)
        assert finished.reason == "stop"
        usage = finished.usage
        assert (usage.prompt_tokens, usage.completion_tokens) == (9, 3)
        assert usage.ttft_ms is not None
        assert usage.ttft_ms > 0
        assert usage.decode_tok_s is not None
        assert 0 < usage.decode_tok_s <= 2 / 0.04
        assert any(isinstance(one, UsageUpdated) for one in events)


async def test_what_is_sent() -> None:
    async with client(pieces(delta("stop", content="x"), DONE), max_tokens=50) as asked:
        await asked.ask(prefix="Once upon", sampling=Sampling(temperature=None, max_tokens=100, seed=7))
        sent = asked.server.requests[0]
        assert (sent.method, sent.path) == ("POST", "/v1/chat/completions")
        assert sent.headers["authorization"] == f"Bearer {KEY}"
        assert sent.headers["accept-encoding"] == "identity"
        assert sent.json == {
            "model": "m",
            "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Once upon"}],
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_tokens": 50,
            "seed": 7,
        }


async def test_of_sampling_only_what_is_common_is_sent() -> None:
    said = Sampling(0.2, None, 7, 0.9, False, 40, 0.1, 1.1, ("END", "\n"))
    async with client(pieces(delta("stop", content="x"), DONE)) as asked:
        await asked.ask(sampling=said)
        sent = asked.server.requests[0].json
        named = {field for field in ("temperature", "seed", "top_p", "top_k", "min_p", "stop") if field in sent}
        assert named == {"temperature", "seed", "top_p", "stop"} and sent["stop"] == ["END", "\n"]
        assert not asked.provider.capabilities.ignores & named and "repetition_penalty" not in sent


async def test_without_a_key_no_header_is_sent_and_the_model_is_the_configured_one() -> None:
    async with client(pieces(delta("stop", content="x"), DONE), environment={}, model="theirs") as asked:
        await asked.ask(model="", sampling=Sampling(temperature=0))
        sent = asked.server.requests[0]
        assert "authorization" not in sent.headers
        assert sent.json["model"] == "theirs"
        assert sent.json["temperature"] == 0


async def test_reasoning_tool_calls_and_reasons() -> None:
    call = {"index": 1, "function": {"name": "f\n", "arguments": '{"a":'}}
    handler = pieces(
        delta(reasoning="a"), delta(reasoning_content="b"), delta(tool_calls=[call]), delta("function_call"), DONE
    )
    async with client(handler) as asked:
        events = await asked.ask()
        assert [one.text for one in events if isinstance(one, ReasoningDelta)] == ["a", "b"]
        assert ToolCallDelta(1, "f", '{"a":') in events
        assert isinstance(events[-1], StreamFinished)
        assert events[-1].reason == "tool_calls"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("content_filter", "content_filter"),
        ("max_tokens", "length"),
        ("?", "stop"),
    ],
)
async def test_finish_reasons(said: str, reason: str) -> None:
    async with client(pieces(delta(said, content="x"), DONE)) as asked:
        finished = (await asked.ask())[-1]
        assert isinstance(finished, StreamFinished)
        assert finished.reason == reason
        assert finished.usage.completion_tokens is None
        assert finished.usage.decode_tok_s is None


async def test_noise_is_skipped() -> None:
    handler = pieces(
        b": keepalive 1/2\r\n\r\n\xff\xfe\x00garbage\r\n\r\nid: 4\r\nretry: 5\r\n",
        b'data: {"choices": [{"delta":\r\ndata: {"content": "split"}}]}\r\n\r\n',
        event({"choices": "?"})
        + event([])
        + event(None)
        + event({"choices": [3, {"delta": 4}, {"delta": {"content": 5}}]}),
        event({"choices": [{"index": 1, "delta": {"content": "another choice"}}]}),
        event({"choices": [], "usage": {"prompt_tokens": -1, "completion_tokens": "3", "prompt_tokens_details": 1}}),
        delta("stop"),
        DONE,
        b"data: after the end",
    )
    async with client(handler) as asked:
        finished = (await asked.ask())[-1]
        assert asked.text == "split"
        assert isinstance(finished, StreamFinished)
        assert finished.usage.prompt_tokens is None


async def test_escapes_in_an_answer_are_drawn_and_not_obeyed() -> None:
    handler = pieces(delta(content="\x1b[2J\u202e"), delta(content="\x9b1m \ud83d"), delta("stop"), DONE)
    async with client(handler) as asked:
        await asked.ask()
        assert asked.text == "␛[2J1m \ufffd"


ANSWER = (
    delta(content="Grüße ")
    + b": note\n\n"
    + delta(content="漢字\n")
    + delta("stop", content="👩\u200d🚀")
    + USAGE
    + DONE
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(0, len(ANSWER)), max_size=6).map(sorted))
def test_any_chunking_gives_the_same_answer(cuts: list[int]) -> None:
    parts = [ANSWER[a:b] for a, b in zip([0, *cuts], [*cuts, len(ANSWER)], strict=True)]

    async def ask() -> str:
        async with client(pieces(*parts)) as asked:
            await asked.ask()
            return asked.text

    assert asyncio.run(ask()) == "Grüße 漢字\n👩\u200d🚀"


@pytest.mark.parametrize(
    "ending",
    [
        (delta("stop"),),
        (delta("stop"), USAGE),
        (DONE,),
        (delta("stop"), b"data: {cut"),
        (delta("stop"), USAGE, DONE, INF),
    ],
    ids=["no done", "usage but no done", "done without reason", "cut after the end", "never closes"],
)
async def test_ends_that_are_whole(ending: tuple[bytes | float, ...]) -> None:
    async with client(pieces(delta(content="all"), *ending)) as asked:
        assert isinstance((await asked.ask())[-1], StreamFinished)
        assert asked.text == "all"


@pytest.mark.slow
async def test_figures_that_never_come_are_not_waited_for_long() -> None:
    async with client(pieces(delta("stop", content="all"), INF)) as asked:
        began = time.perf_counter()
        assert isinstance((await asked.ask())[-1], StreamFinished)
        assert time.perf_counter() - began < 20  # of timeout_token's 60


@pytest.mark.parametrize(
    "ending",
    [(), (b'data: {"choices": [{"delta": {"content": "lo',), (b"data: [DO",)],
    ids=["no end", "cut inside an event", "cut inside done"],
)
async def test_an_answer_that_breaks_off_keeps_its_text(ending: tuple[bytes, ...]) -> None:
    async with client(pieces(delta(content="half"), *ending)) as asked:
        with pytest.raises(ConnectionLost, match="broke off"):
            await asked.ask()
        assert asked.text == "half"


async def test_a_body_shorter_than_promised() -> None:
    async with client(pieces(delta(content="half"), Content_Length="5000")) as asked:
        with pytest.raises(ConnectionLost, match="broke"):
            await asked.ask()
        assert asked.text == "half"


async def test_a_connection_that_is_reset() -> None:
    async def reset(request: object, writer: asyncio.StreamWriter) -> None:
        writer.write(head() + delta(content="half"))
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.transport.abort()

    async with client(reset) as asked:
        with pytest.raises(ConnectionLost):
            await asked.ask()


async def test_no_http_at_all() -> None:
    async def chatter(request: object, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.6\r\n")
        await writer.drain()

    assert type(await error_of(chatter)) is ConnectionLost


async def test_nobody_listens() -> None:
    with socket.socket() as nobodys:  # bound, so that nobody else gets the port meanwhile
        nobodys.bind(("127.0.0.1", 0))
        port = nobodys.getsockname()[1]
        provider = OpenAIProvider("work", ProviderSettings("openai", f"http://localhost:{port}/v1"), True, {})
        with pytest.raises(ConnectionLost, match="could not be reached") as raised:
            await provider.models()
    assert f"localhost:{port}" in raised.value.detail
    await provider.close()


@pytest.mark.parametrize("error", [{"message": "out of memory\x1b[2J", "type": "x"}, "out of memory"])
async def test_an_error_inside_the_stream(error: object) -> None:
    async with client(pieces(delta(content="half"), event({"error": error}), delta("stop"), DONE)) as asked:
        with pytest.raises(ProviderError, match="out of memory") as raised:
            await asked.ask()
        assert asked.text == "half"
        assert "\x1b" not in str(raised.value)


async def test_an_error_event_and_a_code() -> None:
    named = await error_of(pieces(b'event: error\ndata: {"message": "overloaded"}\n\n'))
    assert "overloaded" in named.detail
    coded = await error_of(pieces(event({"error": {"code": 429, "message": "slow down"}})))
    assert isinstance(coded, RateLimitError)


@pytest.mark.parametrize("data", [b"not json", b"[" * 100_000, b'{"choices": [', b"<html>"])
async def test_data_that_is_no_json(data: bytes) -> None:
    error = await error_of(pieces(b"data: " + data + b"\n\n"))
    assert type(error) is ProviderError
    assert "not an answer" in error.title


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("400 Bad Request", ProviderError),
        ("401 Unauthorized", AuthError),
        ("403 Forbidden", AuthError),
        ("404 Not Found", ProviderError),
        ("413 Too Large", ContextError),
        ("429 Too Many", RateLimitError),
        ("500 Oops", ProviderError),
        ("503 Loading", ProviderError),
        ("204 Nothing", ProviderError),
    ],
)
async def test_refusals(status: str, kind: type[LamaError]) -> None:
    said = "" if status.startswith("204") else {"error": {"message": f"because {KEY}\x1b[31m " + "long " * 500}}
    error = await error_of(whole(status, said))
    assert type(error) is kind
    assert status[:3] in error.detail
    assert "\x1b" not in str(error)
    assert KEY not in str(error)
    assert len(error.detail) < 500
    assert error.hint
    if said:
        assert "because" in error.detail


@pytest.mark.parametrize(
    ("header", "low", "high"),
    [("12", 12, 12), ("0.5", 0.5, 0.5), ("-3", 0, 0), ("Wed, 21 Oct 2065 07:28:00 GMT", 1e8, 1e10)],
)
async def test_how_long_to_wait(header: str, low: float, high: float) -> None:
    error = await error_of(whole("429 Slow", "", Retry_After=header))
    assert isinstance(error, RateLimitError)
    assert error.retry_after is not None
    assert low <= error.retry_after <= high


@pytest.mark.parametrize("header", ["soon", "inf", "nan", "1e999", ""])
async def test_a_wait_that_says_nothing(header: str) -> None:
    error = await error_of(whole("429 Slow", "", Retry_After=header))
    assert isinstance(error, RateLimitError)
    assert error.retry_after is None


@pytest.mark.parametrize("status", ["200 OK", "502 Bad Gateway"])
async def test_a_web_page_in_the_way(status: str) -> None:
    page = "<!DOCTYPE html><html><title>Sign in\x1b[2J</title>" + "<p>x" * 50_000
    error = await error_of(whole(status, page, "text/html; charset=utf-8"))
    assert type(error) is ProviderError
    assert "a web page, “Sign in␛[2J”" in error.detail


async def test_a_redirect_is_told_and_not_followed() -> None:
    error = await error_of(whole("307 Elsewhere", "", Location="http://elsewhere.invalid/v1"))
    assert "elsewhere.invalid" in error.detail


async def test_a_compressed_answer_is_refused() -> None:
    error = await error_of(whole("200 OK", b"\x1f\x8b\x08\x00", Content_Encoding="gzip"))
    assert "compressed" in error.title


async def test_a_server_that_does_not_stream() -> None:
    body = {
        "choices": [{"message": {"content": "at once"}, "finish_reason": "stop"}],
        "usage": {"completion_tokens": 2},
    }
    async with client(whole("200 OK", body)) as asked:
        finished = (await asked.ask())[-1]
        assert asked.text == "at once"
        assert isinstance(finished, StreamFinished)
        assert finished.usage.completion_tokens == 2
        assert finished.usage.decode_tok_s is None


async def test_an_error_body_that_never_ends_is_cut() -> None:
    async def flood(request: object, writer: asyncio.StreamWriter) -> None:
        writer.write(head("500 Oops", "text/plain"))
        while True:
            writer.write(b"word " * 10_000)
            await writer.drain()

    error = await error_of(flood)
    assert len(error.detail) < 500


@pytest.mark.parametrize(
    ("parts", "setting", "phase"),
    [
        ((INF,), "timeout_first", "first token"),
        ((b": keepalive\n\n" + delta(role="assistant"), INF), "timeout_first", "first token"),
        ((delta(content="half"), INF), "timeout_token", "next token"),
    ],
    ids=["silence", "only comments", "stalls in the middle"],
)
async def test_phases_time_out(parts: tuple[bytes | float, ...], setting: str, phase: str) -> None:
    async with client(pieces(*parts), **{setting: 0.2}) as asked:  # type: ignore[arg-type]
        with pytest.raises(ProviderTimeout) as raised:
            await asked.ask()
        assert phase in raised.value.detail
        assert "0.2 s" in raised.value.detail
        assert setting in raised.value.hint
        await asyncio.wait_for(asked.server.gone.wait(), 20)


async def test_comments_do_not_hold_the_first_token_off_for_ever() -> None:
    async def alive(request: object, writer: asyncio.StreamWriter) -> None:
        writer.write(head())
        while True:
            writer.write(b": keepalive\n\n")
            await writer.drain()
            await asyncio.sleep(0.02)

    assert isinstance(await error_of(alive, timeout_first=0.3), ProviderTimeout)


async def test_no_headers_in_time() -> None:
    async def silent(request: object, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    error = await error_of(silent, timeout_first=0.2)
    assert isinstance(error, ProviderTimeout)
    assert "first token" in error.detail


async def test_a_connection_that_is_not_accepted_in_time() -> None:
    with socket.socket() as listening, contextlib.ExitStack() as waiting:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(16):  # more than the queue takes: further connections get no answer
            filling = waiting.enter_context(socket.socket())
            filling.setblocking(False)
            filling.connect_ex(listening.getsockname())
        config = ProviderSettings("openai", f"http://127.0.0.1:{listening.getsockname()[1]}/v1", timeout_connect=0.2)
        provider = OpenAIProvider("work", config, True, {})
        with pytest.raises(ProviderTimeout, match="could not be reached") as raised:
            await provider.models()
        assert "0.2 s" in raised.value.detail
        assert "timeout_connect" in raised.value.hint
        await provider.close()


async def test_stopping_hangs_up() -> None:
    async with client(pieces(delta(content="one"), INF)) as asked:
        stream = asked.provider.stream(ChatRequest("m", (ChatMessage("user", "Hi"),), Sampling()))
        async for one in stream:
            if isinstance(one, TextDelta):
                break
        await stream.aclose()  # type: ignore[attr-defined]
        await asyncio.wait_for(asked.server.gone.wait(), 20)


async def test_cancelling_the_reader_hangs_up() -> None:
    async with client(pieces(delta(content="one"), INF)) as asked:
        reading = asyncio.ensure_future(asked.ask())
        await asyncio.wait_for(asked.arrived.wait(), 20)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await asyncio.wait_for(asked.server.gone.wait(), 20)


async def test_two_answers_at_once() -> None:
    async with client(pieces(delta(content="x"), 0.05, delta("stop"), DONE)) as asked:
        again = Client(asked.provider, asked.server)
        await asyncio.gather(asked.ask(), again.ask())
        assert (asked.text, again.text) == ("x", "x")


async def test_models() -> None:
    listed = {"data": [{"id": "b\x1b[2J"}, {"id": "a"}, {"id": "a"}, {"id": 3}, {}, None, {"id": " "}]}
    async with client(whole("200 OK", listed)) as asked:
        assert await asked.provider.models() == ["a", "b␛[2J"]
        assert asked.server.requests[0].path == "/v1/models"


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"data": 3}', "<html>", "[" * 100_000, b"\xff"])
async def test_a_list_of_models_that_is_none(body: str | bytes) -> None:
    async with client(whole("200 OK", body)) as asked:
        with pytest.raises(ProviderError, match="not an answer"):
            await asked.provider.models()


async def test_a_list_of_models_without_end() -> None:
    async with client(whole("200 OK", b"x" * (5 << 20))) as asked:
        with pytest.raises(ProviderError, match="too long"):
            await asked.provider.models()
    async with client(pieces(INF), timeout_token=0.2) as asked:
        with pytest.raises(ProviderTimeout):
            await asked.provider.models()


async def test_a_refused_key_is_looked_for_again() -> None:
    environment = {"TEST_KEY": "first-key"}
    async with client(whole("401 No", ""), environment) as asked:
        for key in ("first-key", "second-key"):
            environment["TEST_KEY"] = key
            with pytest.raises(AuthError):
                await asked.ask()
            assert asked.server.requests[-1].headers["authorization"] == f"Bearer {key}"


@pytest.mark.parametrize(
    ("endpoint", "model", "place"),
    [
        ("http://localhost:8080/v1", "m", Place("localhost:8080", True)),
        ("http://127.0.0.1:1234/v1", "m", Place("127.0.0.1:1234", True)),
        ("http://[::1]:1234/v1", "m", Place("[::1]:1234", True)),
        ("https://API.example.org/v1", "m", Place("api.example.org", False)),
        ("http://192.168.1.5:8080/v1", "m", Place("192.168.1.5:8080", False)),
        ("http://localhost:11434/v1", "gpt-oss:120b-cloud", Place("localhost:11434 → cloud", False)),
        ("http://localhost:11434/v1", "glm:cloud", Place("localhost:11434 → cloud", False)),
        ("http://localhost:11434/v1", "", Place("localhost:11434 → cloud", False)),
    ],
)
def test_places(endpoint: str, model: str, place: Place) -> None:
    config = ProviderSettings("openai", endpoint, model="default:cloud")
    assert OpenAIProvider("work", config, False, {}).place(model) == place


# local only


@pytest.mark.parametrize("host", ["example.invalid", "192.0.2.1", "127.1", "localhost.invalid", "[2001:db8::1]"])
async def test_local_only_refuses_at_once(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[object] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *asked, **_: tried.append(asked))
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: tried.append(address))
    provider = OpenAIProvider("work", ProviderSettings("openai", f"https://{host}/v1"), True, {})
    with pytest.raises(ProviderError, match="Local only is on") as asked:
        await anext(provider.stream(ChatRequest("m", (), Sampling())))  # type: ignore[call-overload]
    with pytest.raises(ProviderError, match="Local only is on"):
        await provider.models()
    assert type(asked.value) is ProviderError
    assert tried == []
    await provider.close()


async def test_the_transport_itself_refuses_too() -> None:
    from lama_tui.providers.transport import Server

    server = Server("work", ProviderSettings("openai", "http://example.invalid/v1"), local_only=True)
    with pytest.raises(ProviderError, match="Local only is on"):
        await server.get("/models", None)
    await server.close()


async def test_local_only_refuses_forwarded_models() -> None:
    async with client(pieces(), model="x:cloud") as asked:
        for model in ("", "y-cloud"):
            with pytest.raises(ProviderError, match="Local only is on"):
                await asked.ask(model=model)
        assert asked.server.requests == []


@pytest.mark.parametrize("local_only", [True, False])
async def test_proxies_never_see_requests_to_this_machine(local_only: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(whole("500 Proxy", "")) as proxy:
        for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(variable, f"http://127.0.0.1:{proxy.port}")
        async with client(pieces(delta("stop", content="x"), DONE), local_only=local_only) as asked:
            await asked.ask()
            assert asked.text == "x"
        assert proxy.requests == []


async def test_a_proxy_of_the_environment_is_used_for_other_machines_only_without_local_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(pieces(delta("stop", content="x"), DONE)) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        for local_only in (True, False):
            provider = OpenAIProvider("work", ProviderSettings("openai", "http://api.invalid/v1"), local_only, {})
            asked = Client(provider, proxy)
            if local_only:
                with pytest.raises(ProviderError, match="Local only is on"):
                    await asked.ask()
                assert proxy.requests == []
            else:
                await asked.ask()
                assert proxy.requests[0].path == "http://api.invalid/v1/chat/completions"
            await provider.close()


async def test_a_proxy_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "gopher://127.0.0.1:1")
    provider = OpenAIProvider("work", ProviderSettings("openai", "http://api.invalid/v1"), False, {})
    with pytest.raises(ConfigError, match="HTTP_PROXY"):
        await provider.models()


async def test_every_address_of_a_name_is_tried() -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    with socket.socket() as nobodys:  # bound, so that nobody else gets the port meanwhile
        nobodys.bind(("127.0.0.1", 0))
        port = nobodys.getsockname()[1]
        async with serving(pieces(delta("stop", content="x"), DONE), host="::1", port=port) as server:
            provider = OpenAIProvider("work", ProviderSettings("openai", f"http://localhost:{port}/v1"), True, {})
            asked = Client(provider, server)
            await asked.ask()  # 127.0.0.1 refuses, ::1 answers
            assert asked.text == "x"
            await provider.close()


async def test_localhost_is_connected_by_name_and_keeps_its_name() -> None:
    async with client(pieces(delta("stop", content="x"), DONE)) as asked:
        endpoint = f"http://localhost:{asked.server.port}/v1"
        provider = OpenAIProvider("work", ProviderSettings("openai", endpoint), True, {})
        named = Client(provider, asked.server)
        await named.ask()
        assert named.text == "x"
        assert asked.server.requests[0].headers["host"] == f"localhost:{asked.server.port}"
        await provider.close()
