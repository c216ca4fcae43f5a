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
    never,
)
from lama_tui.events import PromptProgress, StreamEvent, StreamFinished, TextDelta
from lama_tui.types import ChatMessage, RequestId, Usage

CHUNK = 8
"""Characters of a prompt that one step reads."""
LOAD_STEPS = 20
SIZE = LOAD_STEPS
"""Bytes of every model."""


class FakeAnswer:
    def __init__(self, request: GenerationRequest) -> None:
        self.model = request.source.reference
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
    """Counts up to max_tokens. `fails` names calls that raise; a name is used up by raising once.

    Each model takes `SIZE` bytes, and all together have `room`.
    """

    def __init__(self, fails: Sequence[str] = (), error: Exception | None = None, room: int = 100 * SIZE) -> None:
        self.fails = list(fails)
        self.error = error or RuntimeError("on purpose")
        self.calls: list[str] = []
        self.room = room
        self.pace = 1.0
        """How slow it is; 0 takes no time."""
        self.begun: list[RequestId] = []
        self.on_progress: Callable[[], None] = lambda: None
        self.taken = self.buffers = self.prompts = self.each = 0
        """Bytes beside the models, for tests to set; `each` answer takes some."""
        self.models: dict[str, LoadedModel] = {}
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

    def needs(self, source: ModelSource) -> int:
        self._called("needs")
        return SIZE

    def free(self) -> int:
        self._called("free")
        return self.room - SIZE * len(self.models)

    def load(self, source: ModelSource, progress: Callable[[int, int], None]) -> LoadedModel:
        self._called("load")
        assert SIZE * len(self.models) < max(self.room, SIZE), "there is no room for another one"
        assert source.reference not in self.models
        for done in range(LOAD_STEPS):
            self.on_progress()
            progress(done, LOAD_STEPS)
            self._called("read")
            time.sleep(0.001 * self.pace)
        model = LoadedModel(source.reference, source.folder, "cpu", SIZE, None, 0.0, mapped=False, source=source)
        self.models[source.reference] = model
        return model

    def unload(self, reference: str) -> int:
        self._called("unload")
        assert all(answer.model != reference for answer in self.answers.values()), "unloaded under running answers"
        return SIZE if self.models.pop(reference, None) else 0

    def loaded(self) -> Sequence[LoadedModel]:
        self._called("loaded")
        return list(self.models.values())

    def count(self, source: ModelSource, messages: Sequence[ChatMessage], thinking: bool | None = None) -> int:
        self._called("count")
        assert source.reference in self.models
        return sum(len(message.text) for message in messages)

    def begin(self, request: GenerationRequest, given_up: Callable[[], bool] = never) -> None:
        self._called("begin")
        assert request.source.reference in self.models and request.id not in self.answers
        self.answers[request.id] = FakeAnswer(request)
        self.begun.append(request.id)

    def step(self) -> Sequence[StepEvent]:
        time.sleep(0.0005 * self.pace)
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

    def pressure(self) -> int:
        self._called("pressure")
        used = SIZE * len(self.models) + self.each * len(self.answers) + self.buffers + self.prompts + self.taken
        return max(0, used - self.room)

    def drop_buffers(self) -> int:
        self._called("drop_buffers")
        freed, self.buffers = self.buffers, 0
        return freed

    def shrink_prompts(self, size: int) -> int:
        self._called("shrink_prompts")
        freed = min(size, self.prompts)
        self.prompts -= freed
        return freed

    def rest(self, given_up: Callable[[], bool] = never) -> bool:
        self._called("rest")
        return False

    def forget(self, conversation: int) -> None:
        self._called("forget")

    def memory(self) -> MemoryFigures:
        self._called("memory")
        return MemoryFigures(0, 0, self.buffers, 0, self.prompts)

    def close(self) -> None:
        self.answers.clear()
        self._called("close")
