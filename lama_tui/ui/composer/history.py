"""Walking through what was written before, and back to what one had."""

from collections.abc import Sequence


class PromptWalk:
    """A walk from `draft`, what is typed now, to older and older `texts` (newest first) and back."""

    def __init__(self, texts: Sequence[str], draft: str) -> None:
        self.draft = draft
        self._texts = [text for text in texts if text != draft]
        self._at = -1

    def older(self) -> str | None:
        """The text before; None at the oldest."""
        return self._go(self._at + 1)

    def newer(self) -> str | None:
        """The text after, at last the draft; None there."""
        return self._go(self._at - 1)

    def _go(self, to: int) -> str | None:
        if not -1 <= to < len(self._texts):
            return None
        self._at = to
        return self._texts[to] if to >= 0 else self.draft
