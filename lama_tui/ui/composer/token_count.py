"""What is typed, in tokens of the model that will read it, and how much room is left after it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lama_tui.chat.room import NO_SETTINGS, Room, measure
from lama_tui.conversations.messages import ConversationSettings, Message, Part
from lama_tui.types import ChatMessage, ContextPolicy, ConversationId, MessageId
from lama_tui.ui import figures

if TYPE_CHECKING:
    from lama_tui.providers.base import Provider


@dataclass(frozen=True, slots=True)
class TokenCount:
    """`typed` alone, and the `room` that it takes with the conversation before it, after what `policy` does; None
    unknown. `crowded`: so little is left for an answer that the policy is to summarize first."""

    typed: int | None = None
    room: Room = field(default_factory=Room)
    policy: ContextPolicy = "refuse"
    crowded: bool = False

    @property
    def left(self) -> int | None:
        """Tokens of the window that are left; None unknown."""
        used, window = self.room.used, self.room.window
        return None if used is None or window is None else window - used

    @property
    def fits(self) -> bool:
        """Whether it is not known to be too long."""
        return self.left is None or self.left > 0 or self.crowded

    def line(self, is_typing: bool) -> str:
        """A few words for the composer's border. What does not fit stands out by shape too."""
        if not self.fits and self.left is not None:
            return f"▲ {-self.left:,} tokens too many" if self.left else "▲ no room for an answer"
        pieces = []
        if is_typing:
            pieces.append(f"{figures.UNKNOWN if self.typed is None else f'{self.typed:,}'} tokens")
        if self.crowded:
            pieces.append("older turns will be summarized")
        elif self.left is not None:
            pieces.append(f"{self.left:,} left")
        if self.room.left_out:  # also where that is all above, and no line in the transcript can tell
            pieces.append("older turns left out")
        return " · ".join(pieces)


async def count_tokens(
    provider: "Provider",
    model: str,
    messages: Sequence[Message],
    typed: str,
    *,
    settings: ConversationSettings = NO_SETTINGS,
    policy: ContextPolicy = "refuse",
    limit: Callable[[int], int] = lambda window: window,
) -> TokenCount:
    """Count `typed` as the next message after `messages`. Exact where the provider can, else unknown.

    `limit` of the window is what a prompt may take under the policies that make room.
    """
    asked = [*messages, question(typed)] if typed.strip() else messages
    room = await measure(provider, model, asked, settings, limit if policy == "drop" else None)
    if room.used is None:
        return TokenCount()
    alone = 0
    if typed.strip():
        # without what the template puts around every message
        parts, thinking = settings.parts, settings.thinking
        message = await provider.count_tokens(model, [ChatMessage("user", typed)], parts=parts, thinking=thinking)
        around = await provider.count_tokens(model, [ChatMessage("user", "")], parts=parts, thinking=thinking)
        alone = max(0, (message or 0) - (around or 0))
    over = room.window is not None and room.used > limit(room.window)
    return TokenCount(alone, room, policy, over and policy == "summarize" and bool(messages))


def question(text: str) -> Message:
    """A message of the person that is not sent."""
    return Message(MessageId(0), ConversationId(0), None, "user", "complete", (Part("text", text),), 0)
