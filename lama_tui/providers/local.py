"""Models on this machine, run by the engine."""

import logging
import os
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path

from lama_tui.config.settings import GenerationSettings
from lama_tui.engine.backend import GenerationRequest, ModelSource
from lama_tui.engine.device import wheels
from lama_tui.engine.thread import Engine
from lama_tui.errors import LamaError
from lama_tui.events import ModelLoaded, ModelLoading, ModelUnloaded, Queued, StreamEvent, StreamStarted
from lama_tui.providers.base import Capabilities, ChatRequest
from lama_tui.types import GUIDE, NO_PARTS, ChatMessage, DeviceKind, ModelParts, Place, RequestId

log = logging.getLogger(__name__)

_WITH = " with "
"""Between a model's reference and the parts that it is loaded with."""

LABELS: dict[DeviceKind, str] = {"metal": "Metal", "cuda": "CUDA", "cpu": "CPU"}


class LocalProvider:
    """Answers with models whose files `resolve` finds, by the `defaults` that are set at the moment."""

    name = "local"
    capabilities = Capabilities(continues=True, reasoning=True, seed=True)

    def __init__(
        self,
        engine: Engine,
        resolve: Callable[[str], Awaitable[ModelSource]],
        defaults: Callable[[], GenerationSettings],
    ) -> None:
        self._engine = engine
        self._resolve = resolve
        self._defaults = defaults

    def place(self, model: str) -> Place:
        """The device that the engine uses; before it was used, the one that the installed wheels are for."""
        device = self._engine.figures().device
        kind = device.kind if device is not None else wheels().device
        return Place(LABELS[kind] if kind is not None else "this machine", on_machine=True)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[StreamEvent]:
        """Events of one answer; `StreamStarted` follows the loading. Raises a `LamaError`."""
        source = replace(await self._source(request.model, request.parts), forced=request.forced)
        generation = GenerationRequest(
            RequestId(uuid.uuid4().hex),
            source,
            request.messages,
            request.sampling,
            request.prefix,
            self._defaults(),
            request.drop_oldest,
            request.conversation,
        )
        events = self._engine.generate(generation)
        started = False
        try:
            async for event in events:
                if not started and not isinstance(event, Queued | ModelLoading | ModelLoaded | ModelUnloaded):
                    started = True
                    loaded = {model.reference: model.chat_template for model in self._engine.figures().loaded}
                    template = loaded.get(source.reference, True)
                    yield StreamStarted(request.model, self.place(request.model), template)
                yield event
        finally:
            await events.aclose()  # now, not when the collector comes by: the engine's thread is working for it

    async def _source(self, model: str, parts: ModelParts) -> ModelSource:
        """What to load: with parts it is another model, named so that one sees with which."""
        source = await self._resolve(model)
        if parts == NO_PARTS:
            return source
        draft = await self._resolve(parts.draft) if parts.draft else None
        adapter, tokenizer = _folder(parts.adapter), _folder(parts.tokenizer)
        names = [
            f"{what} {Path(name).name}"
            for what, name in (("draft", parts.draft), ("adapter", adapter), ("tokenizer", tokenizer))
            if name
        ]
        return replace(
            source,
            reference=f"{source.reference}{_WITH}{', '.join(names)}",
            draft=draft.folder if draft is not None else "",
            draft_code=draft.code if draft is not None else "",
            adapter=adapter,
            tokenizer=tokenizer,
        )

    async def models(self) -> list[str]:
        """The built-in model; what else is on disk is the library's to know."""
        return [GUIDE]

    async def count_tokens(
        self,
        model: str,
        messages: Sequence[ChatMessage],
        *,
        parts: ModelParts = NO_PARTS,
        thinking: bool | None = None,
    ) -> int | None:
        """Tokens of the prompt that `messages` make; None unless the model is in memory with these parts."""
        if not self._engine.figures().loaded:  # spares the look at the disk
            return None
        try:
            return await self._engine.count(await self._source(model, parts), tuple(messages), thinking)
        except LamaError as error:
            log.info("tokens of %s are not counted: %s", model, error.title)
            return None

    def context_window(self, model: str) -> int | None:
        """What the loaded model's files say."""
        with_parts = model + _WITH  # these do not change it
        for known in self._engine.figures().loaded:
            if known.reference == model or known.reference.startswith(with_parts):
                return known.context_window
        return None

    async def close(self) -> None:
        """Stop the engine; safe to call twice."""
        await self._engine.stop()


def _folder(typed: str) -> str:
    return str(Path(os.path.expanduser(typed)).absolute()) if typed else ""  # noqa: PTH111 - Path's raises for ~nobody
