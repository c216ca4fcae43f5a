"""Servers that speak OpenAI's chat completions: most local servers and many cloud ones."""

import asyncio
import importlib
import json
import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lama_tui.config.settings import ProviderSettings
from lama_tui.errors import AuthError, ConnectionLost, ProviderError, ProviderTimeout
from lama_tui.events import StreamEvent, StreamFinished, StreamStarted
from lama_tui.providers.address import check_local_only, is_loopback
from lama_tui.providers.base import Capabilities, ChatRequest
from lama_tui.providers.completion import Completion
from lama_tui.providers.refusal import error_object, explanation, too_slow
from lama_tui.providers.sse import LARGEST, EventReader, ServerEvent
from lama_tui.security.credentials import Credential, find_key
from lama_tui.security.gate import clean_line
from lama_tui.types import NO_PARTS, ChatMessage, ModelParts, Place

if TYPE_CHECKING:
    from lama_tui.providers.transport import Answer, Server

logger = logging.getLogger(__name__)

IGNORED = frozenset({"top_k", "min_p", "repetition_penalty", "thinking", "draft", "adapter", "tokenizer"})
"""Of `Sampling` and `ModelParts`, what servers have no common name for, or none at all.

Some refuse what they do not know, others name it otherwise.
"""

_AFTER_THE_END = 5.0  # seconds to wait for figures once the answer has ended


class OpenAIProvider:
    """Streams answers of one `[providers.NAME]`. Nothing is tried again by itself."""

    def __init__(
        self,
        name: str,
        settings: ProviderSettings,
        local_only: bool,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._name = name
        self._settings = settings
        self._local_only = local_only
        self._environment = environment
        self._host = urlsplit(settings.endpoint).hostname or ""
        self._opening = asyncio.Lock()
        self._server: Server | None = None
        self._credential: Credential | None = None
        self._key_known = False

    @property
    def name(self) -> str:
        """The NAME of `[providers.NAME]`."""
        return self._name

    @property
    def capabilities(self) -> Capabilities:
        """A seed is passed on; an unfinished answer goes along as the last message."""
        return Capabilities(continues=False, reasoning=True, seed=True, ignores=IGNORED)

    def place(self, model: str) -> Place:
        """Where `model` runs; a loopback server's `-cloud` models are forwarded and run elsewhere."""
        label = urlsplit(self._settings.endpoint).netloc.rpartition("@")[2].lower()
        if not is_loopback(self._host):
            return Place(clean_line(label, 60), on_machine=False)
        if self._model(model).lower().endswith(("-cloud", ":cloud")):
            return Place(f"{label} → cloud", on_machine=False)
        return Place(label, on_machine=True)

    async def stream(self, request: ChatRequest) -> AsyncIterator[StreamEvent]:
        """Events of one answer, ending with `StreamFinished`. Raises a `LamaError`."""
        self._check(request.model)
        server, credential = await self._ready()
        place = self._check(request.model)  # again: it may have changed meanwhile
        began = time.perf_counter()
        completion = Completion(self._name, began)
        logger.info("asking %s for an answer", self._name)
        try:
            async with server.post("/chat/completions", self._body(request), credential) as answer:
                yield StreamStarted(self._model(request.model), place)
                async for event in self._events(answer, completion, began):
                    self._check(request.model)
                    yield event
        except AuthError:
            self._key_known = False  # look again next time: it may be set by then
            raise
        except ProviderError:
            self._check(request.model)  # `stay_local` hung up: that is why
            raise
        usage = completion.usage()
        logger.info("%s ended: %s", self._name, completion.reason)
        yield StreamFinished(completion.reason or "stop", usage)

    async def models(self) -> list[str]:
        """The models that the server lists, sorted. Raises a `LamaError`."""
        self._check_host()
        server, credential = await self._ready()
        body = await server.get("/models", credential)
        try:
            listed = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise self._unreadable(explanation(body)) from error
        entries = listed.get("data") if isinstance(listed, dict) else None
        if not isinstance(entries, list):
            raise self._unreadable(explanation(body) or "There is no list of models in it")
        ids = [entry.get("id") for entry in entries if isinstance(entry, dict)]
        return sorted({clean_line(name) for name in ids if isinstance(name, str) and name.strip()})

    async def count_tokens(
        self,
        model: str,
        messages: Sequence[ChatMessage],
        *,
        parts: ModelParts = NO_PARTS,
        thinking: bool | None = None,
    ) -> int | None:
        """Unknown: only the server has the tokenizer, and asking it would send what is not meant to be sent yet."""
        return None

    def context_window(self, model: str) -> int | None:
        """Unknown: servers do not say it in a common way."""
        return None

    async def stay_local(self) -> None:
        """Let nothing leave this machine from now on; on answers that come from elsewhere it hangs up."""
        self._local_only = True
        if not is_loopback(self._host):
            await self.close()

    async def close(self) -> None:
        """Close the connections; safe to call twice."""
        server, self._server = self._server, None
        if server is not None:
            await server.close()

    # What is sent

    def _model(self, model: str) -> str:
        return model or self._settings.model

    def _body(self, request: ChatRequest) -> dict[str, object]:
        messages: list[object] = [{"role": m.role, "content": m.text} for m in request.messages]
        if request.prefix:
            messages.append({"role": "assistant", "content": request.prefix})
        sampling = request.sampling
        body: dict[str, object] = {
            "model": self._model(request.model),
            "messages": messages,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        # what nobody asked for is not sent: the server knows its models best, and some servers refuse null
        if limits := [limit for limit in (sampling.max_tokens, self._settings.max_tokens) if limit is not None]:
            # OpenAI's newer models refuse the name that every other server knows
            body["max_completion_tokens" if self._host == "api.openai.com" else "max_tokens"] = min(limits)
        if sampling.temperature is not None:
            body["temperature"] = sampling.temperature
        if sampling.top_p is not None:
            body["top_p"] = sampling.top_p
        if sampling.seed is not None:
            body["seed"] = sampling.seed
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        return body

    def _check_host(self) -> None:
        if self._local_only:  # before a key is looked for and httpx is imported
            check_local_only(self._host)

    def _check(self, model: str) -> Place:
        """Where `model` runs. Raises `ProviderError` where it may not be asked now."""
        self._check_host()
        place = self.place(model)
        if self._local_only and not place.on_machine:
            raise ProviderError(
                "Local only is on",
                f"{clean_line(self._model(model), 80)} is forwarded to another machine, and nothing was sent",
                "Use a model on this machine, or set privacy.local_only = false",
            )
        return place

    async def _ready(self) -> "tuple[Server, Credential | None]":
        """Import, connect and look for the key in threads: each can take a while."""
        async with self._opening:
            if self._server is None:
                transport = await asyncio.to_thread(importlib.import_module, "lama_tui.providers.transport")
                made: Server = await asyncio.to_thread(transport.Server, self._name, self._settings, self._local_only)
                self._server = made
            if not self._key_known:
                self._credential = await asyncio.to_thread(find_key, self._name, self._settings, self._environment)
                self._key_known = True
            return self._server, self._credential

    # What comes back

    async def _events(self, answer: "Answer", completion: Completion, since: float) -> AsyncIterator[StreamEvent]:
        """Read the answer to its end; `completion.reason` is then set. `since` is when it was asked for."""
        if answer.content_type in ("application/json", "text/html"):
            for event in await self._whole(answer, completion, since):
                yield event
            return
        reader = EventReader()
        while True:
            try:
                piece = await self._next(answer, completion, since)
            except (ConnectionLost, ProviderTimeout):
                if completion.reason is None:
                    raise
                return  # the answer is whole; only its figures are missing
            arrived = time.perf_counter()
            for sent in reader.feed(piece):
                if sent.data.strip() == "[DONE]":
                    completion.reason = completion.reason or "stop"
                    return
                for event in completion.read(self._parsed(sent), arrived):
                    since = arrived  # comments and empty chunks are no tokens
                    yield event
            if not piece:
                if completion.reason is None:
                    raise ConnectionLost(
                        f"The answer of `{self._name}` broke off",
                        "The server closed the connection before the end",
                        "Continue the answer, or try again",
                    )
                return

    async def _next(self, answer: "Answer", completion: Completion, since: float) -> bytes:
        """Return the next bytes. Raises `ProviderTimeout` when no token came in time."""
        if completion.reason is not None:
            limit, phase, setting = _AFTER_THE_END, "end", "timeout_token"
        elif completion.started:
            limit, phase, setting = self._settings.timeout_token, "next token", "timeout_token"
        else:
            limit, phase, setting = self._settings.timeout_first, "first token", "timeout_first"
        left = max(0.0, since + limit - time.perf_counter())
        try:
            async with asyncio.timeout(left):
                return await answer.read()
        except TimeoutError as error:
            raise too_slow(self._name, phase, limit, setting) from error

    async def _whole(self, answer: "Answer", completion: Completion, since: float) -> list[StreamEvent]:
        """Read an answer that is not a stream: one JSON object, or a web page in the way."""
        body = bytearray()
        while len(body) < LARGEST and (piece := await self._next(answer, completion, since)):
            body += piece
        try:
            whole = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise self._unreadable(explanation(body)) from error
        events = completion.read(whole, time.perf_counter())
        if not completion.started:
            raise self._unreadable(explanation(body))
        completion.reason = completion.reason or "stop"
        return events

    def _parsed(self, event: ServerEvent) -> object:
        try:
            chunk = json.loads(event.data)
        except (ValueError, RecursionError) as error:
            raise self._unreadable(explanation(event.data.encode("utf-8", "replace"))) from error
        if event.name == "error" and not (isinstance(chunk, dict) and chunk.get("error")):
            raise error_object(self._name, chunk)
        return chunk

    def _unreadable(self, said: str) -> ProviderError:
        return ProviderError(
            f"`{self._name}` sent something that is not an answer",
            said,
            f"Check that providers.{self._name}.endpoint is an OpenAI-compatible address, often ending in /v1",
        )
