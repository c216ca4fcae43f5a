"""Which rows only moved: a terminal moves them itself, for a dozen bytes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from operator import ne

from lama_tui.ui.terminal.cells import Row

_FEWEST = 3
"""Rows that must have moved together."""


@dataclass(frozen=True, slots=True)
class Scroll:
    """Rows `top` to `bottom`, which is not among them, move up by `by`; down where that is below 0."""

    top: int
    bottom: int
    by: int

    def sequence(self) -> str:
        """What makes a terminal do it; where it leaves the cursor, terminals differ.

        Line feeds at the edge of a scroll region: every terminal knows them. New rows are blank in plain ink.
        """
        edge, step = (self.bottom, "\n") if self.by > 0 else (self.top + 1, "\x1bM")
        return f"\x1b[{self.top + 1};{self.bottom}r\x1b[{edge}H{step * abs(self.by)}\x1b[r"

    def apply(self, rows: list[Row]) -> None:
        """Do the same to rows that are kept."""
        band = rows[self.top : self.bottom]
        count = min(abs(self.by), len(band))
        gone = band[:count] if self.by > 0 else band[-count:]
        for row in gone:
            row.clear()
        rows[self.top : self.bottom] = [*band[count:], *gone] if self.by > 0 else [*gone, *band[:-count]]


def find_scroll(shown: Sequence[Row], wanted: Sequence[Row], changed: Sequence[int]) -> Scroll | None:
    """The scroll that saves most, if one does. `changed` are the rows that differ.

    Rows are compared where something changed: panes that stand beside what moved are moved with it, and must be
    drawn again; what that costs is weighed.
    """
    if len(changed) < _FEWEST:
        return None
    left, right = _columns(shown, wanted, changed)
    places: dict[str, int | None] = {}
    for y, row in enumerate(shown):
        look = "".join(row.texts[left:right])
        places[look] = None if look in places else y  # blank rows, and others that are there twice, tell nothing
    votes: Counter[int] = Counter()
    for y in changed:
        was = places.get("".join(wanted[y].texts[left:right]))
        if was is not None and was != y:
            votes[was - y] += 1
    if not votes:
        return None
    by, count = votes.most_common(1)[0]
    if count < _FEWEST:
        return None
    moved = [y for y in changed if places.get("".join(wanted[y].texts[left:right])) == y + by]
    top, bottom = (moved[0], moved[-1] + by + 1) if by > 0 else (moved[0] + by, moved[-1] + 1)
    scroll = Scroll(top, bottom, by)
    return scroll if _cost(shown, wanted, scroll) < 0 else None


def _columns(shown: Sequence[Row], wanted: Sequence[Row], changed: Sequence[int]) -> tuple[int, int]:
    """The first column in which a row changed, and the one after the last."""
    width = len(wanted[0].texts)
    left, right = width, 0
    for y in changed:
        old, new = shown[y].texts, wanted[y].texts
        if old == new:
            continue
        first = next((x for x in range(left) if old[x] != new[x]), left)
        last = next((x for x in range(width - 1, right - 1, -1) if old[x] != new[x]), right - 1)
        left, right = min(left, first), max(right, last + 1)
    return (left, right) if left < right else (0, width)


def _cost(shown: Sequence[Row], wanted: Sequence[Row], scroll: Scroll) -> int:
    """Cells that must be drawn after the scroll, more than without it."""
    blank = Row(len(wanted[0].texts))
    cost = 20
    for y in range(scroll.top, scroll.bottom):
        was = y + scroll.by
        after = shown[was] if scroll.top <= was < scroll.bottom else blank
        cost += _differences(after, wanted[y]) - _differences(shown[y], wanted[y])
    return cost


def _differences(old: Row, new: Row) -> int:
    if old == new:
        return 0
    if old.inks == new.inks:
        return sum(map(ne, old.texts, new.texts))
    return sum(a or b for a, b in zip(map(ne, old.texts, new.texts), map(ne, old.inks, new.inks), strict=True))
