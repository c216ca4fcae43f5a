"""A backend without a model: deterministic, slow on request, and able to fail at every call."""

import time
from collections.abc import Callable, Sequence

from lama_tui.engine.backend import (
    DeviceFacts,
    GenerationRequest,
    LoadedModel,
    MemoryFigures,
    ModelSource,
    StepEvent,
)
from lama_tui.events import PromptProgress, StreamEvent, StreamFinished, TextDelta
from lama_tui.types import ChatMessage, RequestId, Usage

CHUNK = 8
"""Characters of a prompt that one step reads."""
LOAD_STEPS = 20


class FakeAnswer:
    def __init__(self, request: GenerationRequest) -> None:
        self.limit = request.sampling.max_tokens or request.defaults.max_tokens
        self.prompt = sum(len(message.text) for message in request.messages)
        self.read = self.made = 0

    def usage(self) -> Usage:
        return Usage(prompt_tokens=self.prompt, completion_tokens=self.made)

    def step(self) -> list[StreamEvent]:
        if self.read < self.prompt:
            self.read = min(self.prompt, self.read + CHUNK)
            return [PromptProgress(self.read, self.prompt)]
        self.made += 1
        events: list[StreamEvent] = [TextDelta(f"{self.made} ")]
        return [*events, StreamFinished("length", self.usage())] if self.made == self.limit else events


class FakeBackend:
    """Counts up to max_tokens. `fails` names calls that raise; a name is used up by raising once."""

    def __init__(self, fails: Sequence[str] = (), error: Exception | None = None) -> None:
        self.fails = list(fails)
        self.error = error or RuntimeError("on purpose")
        self.calls: list[str] = []
        self.model: LoadedModel | None = None
        self.answers: dict[RequestId, FakeAnswer] = {}

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if name in self.fails:
            self.fails.remove(name)
            raise self.error

    def open(self) -> DeviceFacts:
        self._called("open")
        return DeviceFacts("cpu", "a fake", None)

    def check(self, source: ModelSource) -> None:
        self._called("check")

    def load(self, source: ModelSource, progress: Callable[[int, int], None]) -> LoadedModel:
        assert self.model is None, "one model at a time"
        self._called("load")
        for done in range(LOAD_STEPS):
            progress(done, LOAD_STEPS)
            time.sleep(0.001)
        self.model = LoadedModel(source.reference, source.folder, "cpu", LOAD_STEPS, None, 0.0, mapped=False)
        return self.model

    def unload(self, reference: str) -> int:
        self._called("unload")
        assert not self.answers, "unloaded under running answers"
        self.model = None
        return LOAD_STEPS

    def loaded(self) -> Sequence[LoadedModel]:
        self._called("loaded")
        return [self.model] if self.model else []

    def count(self, source: ModelSource, messages: Sequence[ChatMessage]) -> int:
        self._called("count")
        assert self.model is not None and self.model.reference == source.reference
        return sum(len(message.text) for message in messages)

    def begin(self, request: GenerationRequest) -> None:
        self._called("begin")
        assert self.model is not None and self.model.reference == request.source.reference
        self.answers[request.id] = FakeAnswer(request)

    def step(self) -> Sequence[StepEvent]:
        time.sleep(0.0005)
        self._called("step")
        produced = []
        for request, answer in list(self.answers.items()):
            produced += [StepEvent(request, event) for event in answer.step()]
            if answer.made == answer.limit:
                del self.answers[request]
        return produced

    def cancel(self, request: RequestId) -> Sequence[StepEvent]:
        answer = self.answers.pop(request)
        self._called("cancel")
        return [StepEvent(request, StreamFinished("cancelled", answer.usage()))]

    def memory(self) -> MemoryFigures:
        self._called("memory")
        return MemoryFigures(0, 0, 0)

    def close(self) -> None:
        self.answers.clear()
        self._called("close")
