"""The messages of a conversation, one below the other: which line is whose, and what must be drawn.

Messages out of view have an estimated height until they come near the viewport. Whatever changes, the
line that the eye is on is found again: it is remembered by its message and its part of it, not by its number.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from lama_tui.types import MessageId
from lama_tui.ui.palette import Palette

if TYPE_CHECKING:
    from lama_tui.conversations.messages import Message
    from lama_tui.ui.drawn_message import DrawnMessage
    from lama_tui.ui.transcript.parts import Part


@dataclass(frozen=True, slots=True)
class Anchor:
    """A line that must stay where it is: line `offset` of a part of a message, `row` lines below the top of the
    viewport. Above the first line of its part stands `ink` (see `DrawnMessage.ink_before`), if it was asked for."""

    index: int
    message: MessageId
    part: "Part"
    offset: int
    row: int
    ink: int | None = None


class Column:
    """All lines of a conversation. Lines and messages count from 0."""

    def __init__(self) -> None:
        self.messages: list[DrawnMessage] = []
        self.width = 80
        self._palette: Callable[[], Palette] | None = None
        self._tops = [0]
        self._right = 0  # so many messages stand where `_tops` says
        self._unfinished: list[DrawnMessage] = []

    def __len__(self) -> int:
        return len(self.messages)

    def look(self, width: int, palette: Callable[[], Palette]) -> None:
        """Draw so wide, and in these colours, from now on."""
        self.width, self._palette = width, palette

    def replace(self, messages: "Sequence[DrawnMessage]") -> None:
        """Hold other messages."""
        same = 0
        for before, after in zip(self.messages, messages, strict=False):
            if before is not after:
                break
            same += 1
        self.messages = list(messages)
        self.changed(same)

    def goes_on_in(self, messages: "Sequence[Message]") -> bool:
        """Whether these are the messages that it holds, and perhaps more."""
        return len(messages) >= len(self.messages) and all(
            drawn.message.id == message.id for drawn, message in zip(self.messages, messages, strict=False)
        )

    def changed(self, index: int = 0) -> None:
        """Messages from this one on have, or may have, another height."""
        self._right = min(self._right, index)

    # --- geometry ------------------------------------------------------------------

    @property
    def tops(self) -> list[int]:
        """The first line of each message, and the line after the last one."""
        if self._right < len(self.messages) or len(self._tops) != len(self.messages) + 1:
            right = min(self._right, len(self._tops) - 1)
            heights = (drawn.height for drawn in self.messages[right:])
            self._tops[right:] = accumulate(heights, initial=self._tops[right])
            self._right = len(self.messages)
        return self._tops

    @property
    def height(self) -> int:
        """Lines, drawn and estimated."""
        return self.tops[-1]

    def at(self, line: int) -> tuple[int, int]:
        """The message that a line belongs to, and the line's number in it; beyond the ends, the nearest."""
        if not self.messages:
            return 0, 0
        index = min(max(0, bisect_right(self.tops, line) - 1), len(self.messages) - 1)
        return index, min(max(0, line - self.tops[index]), self.messages[index].height - 1)

    def line(self, index: int, within: int = 0) -> int:
        """The number of a line of a message."""
        return self.tops[index] + within

    # --- drawing -------------------------------------------------------------------

    def draw(self, index: int) -> "DrawnMessage":
        """The message, drawn."""
        drawn = self.messages[index]
        if self._palette is not None and not drawn.is_drawn(self.width, palette := self._palette()):
            before = drawn.height
            drawn.draw(self.width, palette)
            if drawn.unfinished and drawn not in self._unfinished:
                self._unfinished.append(drawn)
            if drawn.height != before:
                self.changed(index)
        return drawn

    @property
    def unfinished(self) -> int | None:
        """The message that came into view last of those that take long and are not wholly drawn yet."""
        while self._unfinished:
            drawn = self._unfinished[-1]
            if drawn.unfinished and drawn in self.messages:
                return self.messages.index(drawn)
            self._unfinished.pop()
        return None

    def estimate(self) -> None:
        """Guess the heights of what is not drawn at this width."""
        assert self._palette is not None  # noqa: S101 - `look` came first
        palette = self._palette()
        for drawn in self.messages:
            if not drawn.is_drawn(self.width, palette):
                drawn.estimate(self.width)
        self.changed()

    # --- keeping the eye's line ------------------------------------------------------

    def hold(self, top: int, row: int = 0, ink: bool = False) -> Anchor | None:
        """Remember the line in a row of the viewport that begins with line `top`; with its `ink` where the width is
        about to change."""
        if not self.messages:
            return None
        index, within = self.at(top + row)
        drawn = self.messages[index]
        if not drawn.lines:  # scrolled to, as by the scroll bar
            within = min(within, self.draw(index).height - 1)
        part, offset = drawn.spot(within)
        known = None
        if ink:
            drawn.keep_open(part)
            known = drawn.ink_before(part, offset)
        return Anchor(index, drawn.message.id, part, offset, row, known)

    def settle(self, anchor: Anchor | None, height: int) -> int:
        """Draw what a viewport of `height` lines shows, and as much above and below; the line on its top.

        The anchor's line stands in its row, unless the ends of the conversation forbid it; without an anchor the end
        of the conversation is in view.
        """
        index = None if anchor is None else self._find(anchor)
        while True:
            highest = max(0, self.height - height)
            if anchor is None or index is None:
                top = highest
            else:
                drawn = self.draw(index)
                if anchor.ink is None:
                    within = drawn.line_of(anchor.part, anchor.offset)
                else:
                    within = drawn.line_after_ink(anchor.part, anchor.ink)
                top = min(max(0, self.line(index, within) - anchor.row), max(0, self.height - height))
            if not self._draw_around(top, height):
                return top

    def _find(self, anchor: Anchor) -> int | None:
        """Where the anchor's message is now; where it went (to a sibling), what stands in its place."""
        if not self.messages:
            return None
        if anchor.index < len(self.messages) and self.messages[anchor.index].message.id == anchor.message:
            return anchor.index
        for index, drawn in enumerate(self.messages):
            if drawn.message.id == anchor.message:
                return index
        return min(anchor.index, len(self.messages) - 1)

    def _draw_around(self, top: int, height: int) -> bool:
        """Draw what is in view or within a screen of it; whether that changed any height."""
        if not self.messages:
            return False
        first, last = self.at(top - height)[0], self.at(top + 2 * height)[0]
        before = [self.messages[index].height for index in range(first, last + 1)]
        for index in range(first, last + 1):
            self.draw(index)
        return before != [self.messages[index].height for index in range(first, last + 1)]
