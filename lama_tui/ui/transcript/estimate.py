"""How high a message will be, roughly: right enough for a scroll bar, corrected when it is drawn."""

from lama_tui.conversations.messages import Message

LONG = 24
"""Lines of a person's message beyond which it starts folded, and of an answer beyond which it can be folded."""

SHOWN = 12
"""Lines that a folded message shows."""

HUGE = 200_000
"""Characters of an answer beyond which it starts folded, and only its beginning is drawn: all of it would be felt."""


def lines_of(text: str, width: int) -> int:
    """Lines that a text will take."""
    return text.count("\n") + len(text) // max(1, width) + 1 if text else 0


def height_of(message: Message, width: int) -> int:
    """Lines that a message will take."""
    text = message.text
    lines = lines_of(text, width) or 1
    if ((message.role == "user" or message.covers) and lines > LONG) or len(text) > HUGE:
        lines = SHOWN + 1
    return lines + 2
