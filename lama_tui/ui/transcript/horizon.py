"""Where a model's view of a conversation begins, when it no longer fits."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lama_tui.ui.markdown.wrap import Line, Span, wrap
from lama_tui.ui.palette import Palette

if TYPE_CHECKING:
    from lama_tui.conversations.messages import Message


def view_begins(shown: "Sequence[Message]", left_out: int | None = None) -> tuple[int, str]:
    """The index of the first message of the model's view, and what is said above it; -1 where it sees all of them.

    `shown` has the summaries among the messages. `left_out` messages will not be in the next prompt; where that is not
    known, the newest answer tells what was not in its.
    """
    ended = (message for message in reversed(shown) if message.role == "assistant" and message.state != "streaming")
    said = "↑ the model will not see what is above"
    if left_out is None:
        newest = next(ended, None)
        left_out = (newest.usage.left_out or 0) if newest else 0
        said = "↑ the model no longer saw what is above"
    begins, count, found = -1, 0, ""
    for index, message in enumerate(shown):
        if message.covers:
            begins, found = index, "↑ the model reads a summary of this"
        elif left_out and count == left_out:
            begins, found = index, said + _but_for(shown[:index])
        count += not message.covers
    return begins, found


def _but_for(above: "Sequence[Message]") -> str:
    """What the model sees of it all the same."""
    kept = ["the summary"] if any(message.covers for message in above) else []
    kept += ["what is pinned"] if any(message.pinned for message in above) else []
    return f", but for {' and '.join(kept)}" if kept else ""


def horizon(said: str, width: int, palette: Palette) -> list[Line]:
    """The lines that say so, above that message."""
    room = width - len(said) - 8
    return [*wrap([Span(f"── {said} {'─' * max(2, min(room, 40))}", palette.warning)], width), []]
