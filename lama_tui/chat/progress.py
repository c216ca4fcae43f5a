"""A running turn as others see it."""

from dataclasses import dataclass
from typing import Literal

from lama_tui.errors import StoreError
from lama_tui.events import ModelLoaded, ModelLoading, PromptProgress, Queued, StreamEvent, StreamStarted
from lama_tui.types import ConversationId, MessageId, Usage

Phase = Literal["waiting", "queued", "loading", "prefill", "streaming", "saving"]
"""`saving`: the answer has ended; it is being written, or cannot be written yet."""


@dataclass(frozen=True, slots=True)
class TurnProgress:
    """How far a turn is, all its text so far included.

    `done` of `total` are the place in line while `queued`, bytes of the model while `loading`, prompt tokens in
    `prefill`, otherwise 0.
    `started` is UTC milliseconds. `unsaved`: why the newest text is in memory only, where it is.
    `summarizes`: so many messages are being summarized now, and not answered yet; 0 where none are.
    """

    conversation: ConversationId
    message: MessageId
    model: str
    text: str
    reasoning: str
    phase: Phase
    done: int
    total: int
    usage: Usage
    started: int
    unsaved: StoreError | None
    summarizes: int = 0


def phase_of(event: StreamEvent) -> tuple[Phase, tuple[int, int]] | None:
    """What a request does from this event on, and how far that is; None where the event does not tell."""
    match event:
        case Queued(place, of):
            return "queued", (place, of)
        case ModelLoading(_, done, total):
            return "loading", (done, total)
        case PromptProgress(done, total):
            return "prefill", (done, total)
        case ModelLoaded() | StreamStarted():
            return "waiting", (0, 0)
    return None
