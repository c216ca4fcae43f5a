"""A provider that plays scripts: real in every respect but where its words come from."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

from lama_tui.events import StreamEvent, StreamFinished, StreamStarted, TextDelta
from lama_tui.providers.base import Capabilities, ChatRequest
from lama_tui.types import NO_PARTS, ChatMessage, ModelParts, Place, Usage

Step = StreamEvent | BaseException | asyncio.Event | float
"""An event to yield, an exception to raise, something to wait for, or seconds to sleep."""


class Scripted:
    """Each request plays the next script; the last one again when there are no more."""

    name = "scripted"
    capabilities = Capabilities(continues=True, reasoning=True, seed=True)

    def __init__(self, *scripts: list[Step], deaf: bool = False) -> None:
        self.scripts = list(scripts)
        self.requests: list[ChatRequest] = []
        self.ended = 0
        self.deaf = deaf
        self.count: Callable[[Sequence[ChatMessage]], int] | None = None
        """How it counts tokens; None: it cannot."""
        self.counted: list[tuple[ChatMessage, ...]] = []
        self.window: int | None = None

    def place(self, model: str) -> Place:
        return Place("script", True)

    async def stream(self, request: ChatRequest) -> AsyncIterator[StreamEvent]:
        self.requests.append(request)
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        try:
            for step in script:
                match step:
                    case BaseException():
                        raise step
                    case asyncio.Event():
                        await self._wait(step)
                    case float():
                        await asyncio.sleep(step)
                    case _:
                        yield step
        finally:
            self.ended += 1

    async def _wait(self, event: asyncio.Event) -> None:
        while True:
            try:
                await event.wait()
                return
            except asyncio.CancelledError:
                if not self.deaf:
                    raise

    async def models(self) -> list[str]:
        return ["scripted"]

    async def count_tokens(
        self,
        model: str,
        messages: Sequence[ChatMessage],
        *,
        parts: ModelParts = NO_PARTS,
        thinking: bool | None = None,
    ) -> int | None:
        self.counted.append(tuple(messages))
        return self.count(messages) if self.count else None

    def context_window(self, model: str) -> int | None:
        return self.window

    async def close(self) -> None:
        pass


def says(*words: str, usage: Usage | None = None) -> list[Step]:
    """A script of an answer that ends well."""
    return [
        StreamStarted("scripted", Place("script", True)),
        *map(TextDelta, words),
        StreamFinished("stop", usage or Usage()),
    ]


async def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait for a condition; fail when it does not come."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - any condition, not only those that can notify
            await asyncio.sleep(0.002)
