"""The parts of a drawn message, in their order, and which of its lines belong to which."""

from bisect import bisect_right
from typing import Literal, get_args

Part = Literal["heading", "reasoning", "text", "calls", "ending", "figures", "gap"]

_ORDER: tuple[Part, ...] = get_args(Part)


class Parts:
    """Those that are there, from the first line on."""

    def __init__(self) -> None:
        self._begins: list[tuple[int, Part]] = []
        self._end = 0

    def add(self, part: Part, lines: int) -> None:
        """So many lines below all others belong to this part."""
        if lines:
            self._begins.append((self._end, part))
            self._end += lines

    def spot(self, line: int) -> tuple[Part, int]:
        """What a line belongs to, and which line of that it is."""
        index = bisect_right([first for first, _ in self._begins], line) - 1
        if index < 0:
            return "heading", 0
        first, part = self._begins[index]
        return part, line - first

    def span(self, part: Part) -> tuple[int, int]:
        """The lines of a part, from one up to another; of one that is not there, where it would be."""
        later = [first for first, name in self._begins if _ORDER.index(name) > _ORDER.index(part)]
        end = later[0] if later else self._end
        first = next((first for first, name in self._begins if name == part), None)
        return (end, end + 1) if first is None else (first, end)

    def line_of(self, part: Part, offset: int) -> int:
        """Where a line that `spot` told of is now; where that is folded away, what stands in its place."""
        first, end = self.span(part)
        return min(first + offset, max(first, end - 1))
