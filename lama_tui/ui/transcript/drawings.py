"""The drawings of messages: each is kept as long as it is right, and knows what was folded and what is shown of it."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from lama_tui.types import MessageId
from lama_tui.ui.transcript.horizon import view_begins
from lama_tui.ui.transcript.key_names import KeyNames

if TYPE_CHECKING:  # they come with the first message
    from lama_tui.conversations.messages import Message
    from lama_tui.ui.drawn_message import DrawnMessage, Fold


class Drawings:
    """Makes them. What the person folded is known of conversations that are not on screen, too."""

    def __init__(self, keys: KeyNames) -> None:
        self.keys = keys
        self.figures = False
        """Whether answers show what they cost."""
        self.left_out: int | None = None
        """So many of the oldest messages the next prompt will leave out; None: that is not known."""
        self._folds: dict[MessageId, Fold] = {}

    def of(self, messages: "Sequence[Message]", before: "Iterable[DrawnMessage]") -> "list[DrawnMessage]":
        """A drawing of each message; those of `before` that are still right."""
        known = {drawn.message.id: drawn for drawn in before}
        begins, said = view_begins(messages, self.left_out)
        return [
            self._drawn(message, known.get(message.id), said if at == begins else "")
            for at, message in enumerate(messages)
        ]

    def remember(self, drawn: "DrawnMessage") -> None:
        """Keep what is folded of it for the next time it is drawn from nothing."""
        self._folds[drawn.message.id] = drawn.fold

    def _drawn(self, message: "Message", known: "DrawnMessage | None", view_begins: str) -> "DrawnMessage":
        """The message, with the drawing that is there, if it is still right."""
        if known is not None and known.message == message and known.view_begins == view_begins:
            return known
        from lama_tui.ui.drawn_message import DrawnMessage

        drawn = DrawnMessage(message, self.keys)
        drawn.view_begins = view_begins
        drawn.fold = known.fold if known is not None else self._folds.get(message.id, drawn.fold)
        if known is not None:
            drawn.take_over(known)
        drawn.show_figures(self.figures)
        return drawn
