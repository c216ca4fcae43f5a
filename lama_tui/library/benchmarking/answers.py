"""Answers that are measured: made by the engine like any other, to prompts that nobody asked before."""

import asyncio
import random
import uuid
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from lama_tui.engine.backend import GenerationRequest, LoadedModel, ModelSource
from lama_tui.engine.thread import Engine
from lama_tui.errors import InferenceError
from lama_tui.events import ModelLoading, PromptProgress, StreamFinished, UsageUpdated
from lama_tui.types import ChatMessage, RequestId, Sampling, Usage

_WORDS = ("river", "stone", "winter", "garden", "letter", "music", "window", "bridge", "forest", "silver", "morning")
_TASK = "\n\nGo on with this list for as long as you can."
_NOBODYS = 0
"""No conversation: what is computed for it is never written to the disk."""


@dataclass(frozen=True, slots=True)
class BenchmarkProgress:
    """Where a benchmark is: `run` of `runs` of all lengths together, 0 while it loads and warms up.

    `done` of `total` are bytes while it loads and tokens of the prompt or the answer then; `total` 0 is unknown.
    """

    doing: str
    run: int
    runs: int
    done: int = 0
    total: int = 0


Watch = Callable[[BenchmarkProgress], None]


@dataclass(frozen=True, slots=True)
class MeasuredAnswer:
    """One answer, with when it was asked for, in seconds on `time.perf_counter`'s clock."""

    asked: float
    usage: Usage

    @property
    def began(self) -> float | None:
        """When its first token was there."""
        return None if self.usage.ttft_ms is None else self.asked + self.usage.ttft_ms / 1000

    @property
    def ended(self) -> float | None:
        """When its last token was there."""
        began, speed, made = self.began, self.usage.decode_tok_s, self.usage.completion_tokens or 0
        return None if began is None or not speed else began + (made - 1) / speed


class Answers:
    """Asks a model on behalf of a benchmark, and tells `watch` how far it is."""

    def __init__(self, engine: Engine, source: ModelSource, watch: Watch) -> None:
        self._engine = engine
        self.source = source
        self._watch = watch
        self._chance = random.Random()  # noqa: S311 — another in each process: earlier ones may be remembered

    async def load(self, warm_up: int, runs: int) -> tuple[LoadedModel, str]:
        """Load the model and let it make some tokens; what is known of it, and the device's name."""
        self._watch(BenchmarkProgress("loading", 0, runs))
        await self.answer("Hello.", warm_up, BenchmarkProgress("warming up", 0, runs))
        now = self._engine.figures()
        loaded = next((each for each in now.loaded if each.reference == self.source.reference), None)
        if loaded is None or now.device is None:
            raise self._gone()
        return loaded, now.device.name

    async def answer(
        self, text: str, tokens: int, at: BenchmarkProgress, source: ModelSource | None = None
    ) -> MeasuredAnswer:
        """The figures of one answer of so many tokens. `source` may say of the same model how it is to be read."""
        sampling = Sampling(temperature=0.0, max_tokens=tokens)
        messages = (ChatMessage("user", text),)
        request = GenerationRequest(RequestId(uuid.uuid4().hex), source or self.source, messages, sampling)
        async with aclosing(self._engine.generate(request)) as events:
            async for event in events:
                match event:
                    case ModelLoading():
                        self._watch(BenchmarkProgress("loading", 0, at.runs, event.done, event.total))
                    case PromptProgress():
                        doing = at.doing or "reading"
                        self._watch(BenchmarkProgress(doing, at.run, at.runs, event.done, event.total))
                    case UsageUpdated():
                        done = event.usage.completion_tokens or 0
                        self._watch(BenchmarkProgress(at.doing or "writing", at.run, at.runs, done, tokens))
                    case StreamFinished():
                        return MeasuredAnswer(request.submitted, event.usage)
        raise InferenceError("The answer did not end", "The engine was closed meanwhile.", "Try again.")

    async def together(self, texts: Sequence[str], tokens: int, at: BenchmarkProgress) -> list[MeasuredAnswer]:
        """The figures of answers that are asked for at once. Where one fails the others are ended."""
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self.answer(text, tokens, at)) for text in texts]
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None
        return [task.result() for task in tasks]

    async def forget(self) -> None:
        """Let nothing of what was measured be remembered, nor take the room of what people may go on with."""
        await self._engine.forget(_NOBODYS)

    async def prompt(self, length: int) -> str:
        """A message that makes a prompt of at most `length` tokens, template included, and of hardly less; of more
        only where the task alone has more.

        It is by chance, so that nothing of it was read before, here or in another run.
        """

        async def count(size: int) -> int:
            counted = await self._engine.count(self.source, (ChatMessage("user", text[:size] + _TASK),))
            if counted is None:
                raise self._gone()
            return counted

        words = [f"{self._chance.randrange(10**6):06}", *self._chance.choices(_WORDS, k=length * 2)]
        text = " ".join(words)
        low, high = 0, len(text)
        while low < high:  # tokenizers differ: look for the length
            middle = (low + high + 1) // 2
            if await count(middle) <= length:
                low = middle
            else:
                high = middle - 1
        return text[:low] + _TASK

    def _gone(self) -> InferenceError:
        return InferenceError(
            f"{self.source.reference} left memory", "Something else was loaded meanwhile.", "Try again."
        )
