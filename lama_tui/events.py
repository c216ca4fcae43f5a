"""The frozen events that flow from engine, providers, jobs and probes to the UI.

Text deltas may be joined, progress and samples may be dropped; the ends (`StreamFinished`,
`StreamFailed`) never are.
"""

from dataclasses import dataclass

from lama_tui.errors import LamaError, StoreError
from lama_tui.types import DeviceKind, FinishReason, Place, Usage
from lama_tui.types import GpuSample as GpuSample  # samples are events too; the monitor needs them without the others
from lama_tui.types import ResourceSample as ResourceSample


@dataclass(frozen=True, slots=True)
class ModelLoading:
    """A model is being read. `done` and `total` are bytes; 0 total is unknown."""

    model: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class ModelLoaded:
    """A model is ready. `weights` is bytes; `context_window` tokens, None if not stated."""

    model: str
    device: DeviceKind
    weights: int
    context_window: int | None
    seconds: float


@dataclass(frozen=True, slots=True)
class ModelUnloaded:
    """A model left memory; `freed` is bytes as measured."""

    model: str
    freed: int


@dataclass(frozen=True, slots=True)
class Queued:
    """The request waits: its `place` among the `of` that do, the first is 1. Each one replaces the last."""

    place: int
    of: int


@dataclass(frozen=True, slots=True)
class TurnStarted:
    """A turn began: its messages are written, nothing was asked of a provider yet."""

    model: str


@dataclass(frozen=True, slots=True)
class Summarized:
    """The first `messages` of the conversation have a summary now, which is read in their place."""

    messages: int


@dataclass(frozen=True, slots=True)
class StreamStarted:
    """The request was accepted; nothing was generated yet.

    `chat_template` is False for a model that brings none: it is asked in a plain
    "User: … Assistant:" form, which it may not understand.
    """

    model: str
    place: Place
    chat_template: bool = True


@dataclass(frozen=True, slots=True)
class PromptProgress:
    """Prefill: `done` of `total` prompt tokens were read."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class TextDelta:
    """New text of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """New text of the model's reasoning."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of a tool call; kept for providers that send them."""

    index: int
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class UsageUpdated:
    """Figures so far; each one replaces the last."""

    usage: Usage


@dataclass(frozen=True, slots=True)
class SaveDelayed:
    """Text could not be saved and is only in memory; saving is tried again."""

    error: StoreError


@dataclass(frozen=True, slots=True)
class StreamFinished:
    """The answer ended by itself, by its limit, or by cancelling."""

    reason: FinishReason
    usage: Usage


@dataclass(frozen=True, slots=True)
class StreamFailed:
    """The answer ended with an error; the text so far is kept."""

    error: LamaError


StreamEvent = (
    Queued
    | ModelLoading
    | ModelLoaded
    | ModelUnloaded
    | TurnStarted
    | Summarized
    | StreamStarted
    | PromptProgress
    | TextDelta
    | ReasoningDelta
    | ToolCallDelta
    | UsageUpdated
    | SaveDelayed
    | StreamFinished
    | StreamFailed
)
"""What a turn emits. Who reads it ignores what it does not know: kinds are added."""
