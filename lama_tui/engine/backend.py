"""The seam between the engine thread and what runs a model. Only plain, picklable values cross.

A backend is driven by one thread: it is opened, loads, steps, unloads and is closed there, so
it may own thread-bound state (MLX streams, random state). It never blocks longer than one
step: one prefill chunk or one token of each running request. A request that fails reports its
failure as a value; a step that raises is the engine's to contain.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from lama_tui.config.settings import GenerationSettings
from lama_tui.events import StreamEvent
from lama_tui.types import ChatMessage, DeviceKind, RequestId, Sampling


def never() -> bool:
    """What takes long is not given up."""
    return False


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What the backend computes on. `name` is for people; `memory` in bytes, None unknown."""

    kind: DeviceKind
    name: str
    memory: int | None


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A model to load: the reference that people use and the folder with its files.

    It must fit with a conversation of `context` tokens (0: the usual number), unless it is `forced`: somebody was
    told that it does not, and insists. `batch_size` is the prefill step that was found best for it, in tokens, 0: that
    of the settings. None of these makes it another model.
    `draft` is the folder of a model that drafts its answers, `adapter` that of a LoRA adapter, `tokenizer` that of
    a tokenizer in place of its own; empty: none. With these it is another model, under another reference.
    `code` is the digest of the program that it brings and the person trusts, `draft_code` that of its draft: no other
    program is run for it.
    """

    reference: str
    folder: str
    context: int = field(default=0, compare=False)
    forced: bool = field(default=False, compare=False)
    batch_size: int = field(default=0, compare=False)
    draft: str = ""
    adapter: str = ""
    tokenizer: str = ""
    code: str = ""
    draft_code: str = ""


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """What is known of a loaded model. `weights` in bytes as measured; `seconds` to load.

    `mapped` tells whether the weights are memory-mapped (pages read on first use) or copied.
    `chat_template` is False for a model that brings none: it is then asked in a plain
    "User: … Assistant:" form. `source` is what was asked for, where the backend tells.
    """

    reference: str
    folder: str
    device: DeviceKind
    weights: int
    context_window: int | None
    seconds: float
    mapped: bool
    chat_template: bool = True
    source: ModelSource | None = None


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One answer to generate. `prefix` is text of the answer that exists already (continue).

    `defaults` are used where neither `sampling` nor the model's own generation_config says
    otherwise. `drop_oldest`: the oldest turns are left out until the rest fits the context
    window; else what does not fit is refused. `conversation` is its number, 0 for none: what is
    remembered of it on the disk goes with it. `submitted` is on `time.perf_counter`'s clock: the time
    to first token counts from there, so it includes waiting and loading.
    """

    id: RequestId
    source: ModelSource
    messages: tuple[ChatMessage, ...]
    sampling: Sampling
    prefix: str = ""
    defaults: GenerationSettings = field(default_factory=GenerationSettings)
    drop_oldest: bool = False
    conversation: int = 0
    submitted: float = field(default_factory=time.perf_counter)


@dataclass(frozen=True, slots=True)
class MemoryFigures:
    """Model memory in bytes as the backend measures it.

    `active` is all that is in use, `kv` the part of it that running answers remember their
    conversations by, `prompts` the part that was computed for earlier ones and is kept, `cache`
    buffers that are kept for reuse. None is what the backend cannot tell.
    """

    active: int
    peak: int
    cache: int
    kv: int | None = None
    prompts: int | None = None


@dataclass(frozen=True, slots=True)
class StepEvent:
    """Something that a request produced in a step."""

    request: RequestId
    event: StreamEvent


class Backend(Protocol):
    """What the engine thread drives. Every call happens on that thread."""

    def open(self) -> DeviceFacts:
        """Import the runtime and choose the device. Raises `ModelLoadError`."""

    def check(self, source: ModelSource) -> None:
        """Look whether a model can be loaded, as far as its files tell. Raises a `ModelError`.

        Changes nothing and takes little time: it comes before another model is given up for this one.
        """

    def needs(self, source: ModelSource) -> int:
        """Bytes that loading a model and beginning to answer with it takes, from its files. Raises a `ModelError`."""

    def free(self) -> int:
        """Bytes that models may still take now, beside what is loaded; below 0: so much is too much.

        Remembered prompts and buffers that are kept count as free: they go before anything else does.
        """

    def pressure(self) -> int:
        """Bytes that are in use now, all counted, above what may be; 0 where all is well."""

    def drop_buffers(self) -> int:
        """Hand back buffers that are kept for reuse; the bytes freed."""

    def shrink_prompts(self, size: int) -> int:
        """Let remembered prompts of at least `size` bytes go, the oldest first; the bytes freed."""

    def load(self, source: ModelSource, progress: Callable[[int, int], None]) -> LoadedModel:
        """Load a model; `progress(done, total)` in bytes. Raises a `ModelError`.

        What is loaded stays; only a model of the same reference makes way. `progress` may raise to cancel; what was
        loaded so far is dropped. It may also call `begin`, `step`, `cancel`, `count` and the like for other models.
        """

    def unload(self, reference: str) -> int:
        """Drop a model and return the bytes freed as measured."""

    def loaded(self) -> Sequence[LoadedModel]:
        """What is in memory now."""

    def count(self, source: ModelSource, messages: Sequence[ChatMessage], thinking: bool | None = None) -> int:
        """Tokens of the prompt that `messages` make, template included. Raises a `LamaError`.

        Its model is loaded. Computes nothing on the device.
        """

    def begin(self, request: GenerationRequest, given_up: Callable[[], bool] = never) -> None:
        """Render the template, tokenize and admit the request. Raises a `LamaError`.

        Its model is loaded. Computes nothing on the device yet, and reads nothing more from the disk once `given_up`.
        """

    def step(self) -> Sequence[StepEvent]:
        """Advance every admitted request by one prefill chunk or one token.

        A request ends with `StreamFinished` or `StreamFailed`, after which it is forgotten.
        """

    def cancel(self, request: RequestId) -> Sequence[StepEvent]:
        """End a request now, at any stage; `StreamFinished("cancelled")` with its figures."""

    def rest(self, given_up: Callable[[], bool] = never) -> bool:
        """Do a piece of what can wait while nothing runs, or as much of it as can be done before it is `given_up`.

        False when there is nothing more to do.
        """

    def forget(self, conversation: int) -> None:
        """Keep nothing of a conversation in memory."""

    def memory(self) -> MemoryFigures:
        """Memory now."""

    def close(self) -> None:
        """Drop everything and release the runtime's thread-bound state."""
