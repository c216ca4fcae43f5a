"""A running turn as others see it."""

from dataclasses import dataclass
from typing import Literal

from lama_tui.errors import StoreError
from lama_tui.types import ConversationId, MessageId, Usage

Phase = Literal["waiting", "queued", "loading", "prefill", "streaming", "saving"]
"""`saving`: the answer has ended; it is being written, or cannot be written yet."""


@dataclass(frozen=True, slots=True)
class TurnProgress:
    """How far a turn is, all its text so far included.

    `done` of `total` are the place in line while `queued`, bytes of the model while `loading`, prompt tokens in
    `prefill`, otherwise 0.
    `started` is UTC milliseconds. `unsaved`: why the newest text is in memory only, where it is.
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
