"""What is typed, in tokens of the model that will read it, and how much room is left after it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lama_tui.types import ChatMessage
from lama_tui.ui import figures

if TYPE_CHECKING:
    from lama_tui.providers.base import Provider


@dataclass(frozen=True, slots=True)
class TokenCount:
    """`typed` alone, and what is `left` of the context window after the conversation and it; None unknown."""

    typed: int | None = None
    left: int | None = None

    @property
    def fits(self) -> bool:
        """Whether it is not known to be too long."""
        return self.left is None or self.left >= 0

    def line(self, is_typing: bool) -> str:
        """A few words for the composer's border. What does not fit stands out by shape too."""
        if self.left is not None and self.left < 0:
            return f"▲ {-self.left:,} tokens too many"
        pieces = []
        if is_typing:
            pieces.append(f"{figures.UNKNOWN if self.typed is None else f'{self.typed:,}'} tokens")
        if self.left is not None:
            pieces.append(f"{self.left:,} left")
        return " · ".join(pieces)


async def count_tokens(provider: "Provider", model: str, context: Sequence[ChatMessage], typed: str) -> TokenCount:
    """Count `typed` as the next message after `context`. Exact where the provider can, else unknown."""
    question = ChatMessage("user", typed)
    before = list(context)
    if typed.strip():
        if before and before[-1].role == "user":  # they become one, as when it is sent
            question = ChatMessage("user", f"{before.pop().text}\n\n{typed}")
        before.append(question)
    used = await provider.count_tokens(model, before) if before else 0
    if used is None:
        return TokenCount()
    alone = 0
    if typed.strip():
        # without what the template puts around every message
        message = await provider.count_tokens(model, [ChatMessage("user", typed)])
        around = await provider.count_tokens(model, [ChatMessage("user", "")])
        alone = max(0, (message or 0) - (around or 0))
    window = provider.context_window(model)
    return TokenCount(alone, None if window is None else window - used)
