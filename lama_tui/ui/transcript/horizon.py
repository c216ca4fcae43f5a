"""Where a model's view of a conversation begins, when it no longer fits."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lama_tui.ui.markdown.wrap import Line, Span, wrap
from lama_tui.ui.palette import Palette

if TYPE_CHECKING:
    from lama_tui.conversations.messages import Message


def view_begins(shown: "Sequence[Message]") -> int:
    """The index of the first message of the model's view: the newest summary, or what the newest answer was made from.

    `shown` has the summaries among the messages. 0 where the model sees all of them.
    """
    ended = (message for message in reversed(shown) if message.role == "assistant" and message.state != "streaming")
    newest = next(ended, None)
    left_out = (newest.usage.left_out or 0) if newest else 0
    begins = count = 0
    for index, message in enumerate(shown):
        if message.covers:
            begins = index
        elif left_out and count == left_out:
            begins, left_out = index, 0
        count += not message.covers
    return begins


def horizon(width: int, palette: Palette, summary: bool = False) -> list[Line]:
    """The lines that say so, above that message, which may be a `summary` of what is above."""
    text = "↑ the model reads a summary of this" if summary else "↑ the model no longer saw what is above"
    room = width - len(text) - 8
    return [*wrap([Span(f"── {text} {'─' * max(2, min(room, 40))}", palette.warning)], width), []]
