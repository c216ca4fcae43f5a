"""Where the person is in a conversation: on a message, on a block of code in it, or at the end of a range of lines."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lama_tui.ui.transcript.column import Column

if TYPE_CHECKING:
    from lama_tui.ui.drawn_message import DrawnMessage
    from lama_tui.ui.markdown.code import CodeBlock


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A line of a message."""

    index: int
    within: int


class Cursor:
    """The cursor of the transcript. `index` is the message under it; None: it was never moved."""

    def __init__(self, column: Column) -> None:
        self._column = column
        self.index: int | None = None
        self._block: int | None = None
        self.begun: Place | None = None
        """Where the range of lines begins; None: there is no range."""
        self.line: Place | None = None
        """Where it ends, for now."""

    # --- messages ------------------------------------------------------------------

    @property
    def message(self) -> "DrawnMessage | None":
        """The message under the cursor, else the last one."""
        if not self._column.messages:
            return None
        return self._column.messages[-1 if self.index is None else self.index]

    def reset(self) -> None:
        """Forget where it was: there is another conversation."""
        self.index, self._block = None, None
        self.end_range()

    def settle(self) -> None:
        """Stay within the messages that there are now."""
        count = len(self._column)
        if self.index is not None and self.index >= count:
            self.index, self._block = (count - 1 if count else None), None
        if self.begun is not None and self.line is not None and max(self.begun.index, self.line.index) >= count:
            self.end_range()

    def put(self, index: int) -> None:
        """Go to a message."""
        self.index, self._block = index, None
        self.end_range()

    def step(self, step: int) -> int | None:
        """Go `step` messages down, or up; the index of the one where it is then."""
        last = len(self._column) - 1
        if last < 0:
            return None
        self.put(max(0, min(last, (last if self.index is None else self.index) + step)))
        return self.index

    def stay_in_view(self, top: int, height: int) -> None:
        """Go along with what is read, so that nothing is done to a message out of sight. A range stays."""
        if self.index is None or self.begun is not None or not self._column.messages:
            return
        first, last = self._column.at(top)[0], self._column.at(top + height - 1)[0]
        if not first <= self.index <= last:
            self.put(max(first, min(last, self.index)))

    # --- blocks of code --------------------------------------------------------------

    @property
    def code(self) -> "CodeBlock | None":
        """The block of code under the cursor."""
        if self.index is None or self._block is None:
            return None
        blocks = self._column.messages[self.index].code
        return blocks[self._block] if self._block < len(blocks) else None

    def put_on_code(self, index: int, within: int) -> None:
        """Go to the block of code that has this line, else to its message."""
        self.put(index)
        blocks = self._column.messages[index].code
        self._block = next((n for n, block in enumerate(blocks) if block.first <= within < block.end), None)

    def step_code(self, step: int) -> "CodeBlock | None":
        """Go to the next block of code, or to the one before; None, and stay, where there is none.

        What is folded opens when it holds one.
        """
        messages = self._column.messages
        if not messages:
            return None
        here = len(messages) - 1 if self.index is None else self.index
        if self.code is None and step < 0 and self.index is not None:
            here -= 1
        indexes = range(here, len(messages)) if step > 0 else range(here, -1, -1)
        for index in indexes:
            blocks = self._blocks_of(index)
            if index == self.index and self._block is not None:
                number = self._block + step
            else:
                number = 0 if step > 0 else len(blocks) - 1
            if 0 <= number < len(blocks):
                self.put(index)
                self._block = number
                return blocks[number]
        return None

    def _blocks_of(self, index: int) -> "list[CodeBlock]":
        from lama_tui.ui.markdown.code import may_hold_code

        message = self._column.messages[index].message
        if message.role == "user" or not (message.state == "streaming" or may_hold_code(message.text)):
            return []
        drawn = self._column.draw(index)
        if drawn.hides_text:
            drawn.fold_part("fold_text")
            self._column.draw(index)
        return drawn.code

    # --- a range of lines ------------------------------------------------------------

    def begin_range(self, top: int, height: int) -> bool:
        """Begin a range at the code under the cursor, else at the first line in view of its message."""
        message = self.message
        if message is None:
            return False
        index = len(self._column) - 1 if self.index is None else self.index
        first, end = self._column.line(index), self._column.line(index + 1)
        if end <= top or first >= top + height:
            index, within = self._column.at(top)
        else:
            within = max(0, top - first)
        if (code := self.code) is not None:
            within = code.first
        self._column.draw(index)
        self.index = index
        self.begun = self.line = Place(index, within)
        return True

    def move_line(self, lines: int) -> Place | None:
        """Move the end of the range by so many lines; where it is then."""
        if self.line is None:
            return None
        index, within = self.line.index, self.line.within + lines
        while within < 0 and index > 0:
            index -= 1
            within += self._column.draw(index).height
        while within >= (height := self._column.draw(index).height) and index < len(self._column) - 1:
            within -= height
            index += 1
        self.line = Place(index, max(0, min(within, self._column.messages[index].height - 1)))
        self.index, self._block = index, None
        return self.line

    @property
    def span(self) -> tuple[Place, Place] | None:
        """The first and the last line of the range."""
        if self.begun is None or self.line is None:
            return None
        return (self.line, self.begun) if self.line < self.begun else (self.begun, self.line)

    def end_range(self) -> None:
        """Be no range any more."""
        self.begun = self.line = None

    # --- drawing -------------------------------------------------------------------

    def is_on(self, index: int, within: int) -> bool:
        """Whether the mark of the cursor stands beside this line."""
        if index != self.index:
            return False
        if self.line is not None:
            return self.line.within == within
        if (code := self.code) is not None:
            return code.first <= within < code.end
        return within < self._column.messages[index].height - 1
