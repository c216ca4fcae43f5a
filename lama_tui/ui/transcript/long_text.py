"""A text that takes longer to draw than may be felt. It is drawn a slice at a time, and keys are taken in between."""

import gc
from bisect import bisect_right
from collections.abc import Iterator
from time import perf_counter

from lama_tui.ui.markdown.pieces import Piece
from lama_tui.ui.markdown.wrap import Line
from lama_tui.ui.palette import Palette

SLICED = 20_000
"""Characters of a text beyond which it is drawn in slices."""

_SETTLED = 5_000
"""Lines after which the garbage collector need not look at them again: that would hold the loop for 0.1 s."""

_BLANK = str.maketrans(dict.fromkeys(" │─┼▎┊", ""))


class LongText:
    """The lines of a text for one look: a width and the colours."""

    def __init__(self, text: str, look: tuple[int, Palette], pieces: Iterator[Piece]) -> None:
        self.text = text
        self.look = look
        self.lines: list[Line] = []
        """All of them only when it is complete."""
        self.complete = False
        self._pieces = pieces
        self._until = 0
        self._settled = 0
        self._inks = [0]  # how much ink stands before each line, and behind the last one

    @classmethod
    def drawn(cls, text: str, look: tuple[int, Palette], lines: list[Line]) -> "LongText":
        """One that was drawn elsewhere."""
        long = cls(text, look, iter(()))
        long.lines, long.complete = lines, True
        return long

    @property
    def percent(self) -> int:
        """How much of it is drawn."""
        return 100 * self._until // max(1, len(self.text))

    def go_on(self, seconds: float) -> None:
        """Draw for about so long."""
        end = perf_counter() + seconds
        while not self.complete and perf_counter() < end:
            piece = next(self._pieces, None)
            if piece is None:
                self.complete = True
            else:
                self.lines += piece.lines
                self._until = piece.until
                self._count_ink()
        if self.complete or len(self.lines) >= self._settled + _SETTLED:
            self._settled = len(self.lines)
            gc.freeze()

    def ink_before(self, line: int) -> int:
        """Characters before a line, less spaces and rules: the same at every width."""
        self._count_ink()
        return self._inks[min(line, len(self.lines))]

    def line_after_ink(self, ink: int) -> int:
        """The line that shows what stands behind so much ink."""
        self._count_ink()
        return max(0, min(bisect_right(self._inks, ink), len(self.lines)) - 1)

    def _count_ink(self) -> None:
        inks = self._inks
        for line in self.lines[len(inks) - 1 :]:
            inks.append(inks[-1] + ink_of(line))


def ink_of(line: Line) -> int:
    """Characters of a line, less spaces and rules."""
    return sum(len(segment.text.translate(_BLANK)) for segment in line)
