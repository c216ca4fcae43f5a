"""Where a model's view of a conversation begins, when it no longer fits."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lama_tui.ui.markdown.wrap import Line, Span, wrap
from lama_tui.ui.palette import Palette

if TYPE_CHECKING:
    from lama_tui.conversations.messages import Message


def view_begins(messages: "Sequence[Message]") -> int:
    """The index of the first message that the newest answer was made from; 0 where it saw all of them."""
    ended = (message for message in reversed(messages) if message.role == "assistant" and message.state != "streaming")
    newest = next(ended, None)
    left_out = (newest.usage.left_out or 0) if newest else 0
    return left_out if left_out < len(messages) else 0


def horizon(width: int, palette: Palette) -> list[Line]:
    """The lines that say so, above that message."""
    text = "↑ the model no longer saw what is above"
    room = width - len(text) - 8
    return [*wrap([Span(f"── {text} {'─' * max(2, min(room, 40))}", palette.warning)], width), []]
