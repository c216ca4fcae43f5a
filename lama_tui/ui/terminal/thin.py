"""Thin drawing: of every frame only what differs from what the terminal shows is sent.

Two grids of cells are kept: what the app wants to be seen, and what the terminal was sent. The difference is
encoded when the terminal has room for it, so that a slow one gets fewer frames and always the newest.
"""

from collections.abc import Iterator, Sequence

from rich.color import ColorSystem
from textual._compositor import ChopsUpdate, LayoutUpdate

from lama_tui.ui.terminal.cells import BLANK, Cells, Row, is_doubtful, width_of
from lama_tui.ui.terminal.ink import PLAIN, change
from lama_tui.ui.terminal.scrolling import find_scroll

_UNKNOWN = "\0"
"""Differs from all that can be wanted."""

_BRIDGE = 4
"""Cells between two that changed that are cheaper to write again than to pass over."""


class ThinScreen:
    """`take` updates, then `difference` is what brings the terminal up to date."""

    def __init__(self, width: int, height: int, colours: ColorSystem | None = ColorSystem.TRUECOLOR) -> None:
        self.size = width, height
        self._wanted = Cells(width, height, colours)
        self._shown = [Row(width) for _ in range(height)]
        self._known = False
        self._cursor: tuple[int, int] | None = None  # where the terminal's own is
        self._rest = 0, 0

    def take(self, update: LayoutUpdate | ChopsUpdate, cursor: tuple[int, int]) -> None:
        """Paint what an update changes; the terminal's cursor shall rest at this column and row."""
        self._wanted.take(update)
        self._rest = cursor

    def forget(self) -> None:
        """Take nothing that the terminal shows for granted: it was resized, or somebody else wrote on it."""
        self._known = False
        self._cursor = None

    @property
    def is_due(self) -> bool:
        """Whether the terminal shows something else than what is wanted."""
        return not self._known or self._cursor != self._rest or self._shown != self._wanted.rows

    def difference(self) -> str:
        """What to send now, and take as shown from here on; empty if the terminal shows what is wanted."""
        return "".join(self._pieces())

    def _pieces(self) -> Iterator[str]:
        shown, wanted = self._shown, self._wanted.rows
        if not self._known:
            for row in shown:
                row.texts[:] = [_UNKNOWN] * len(row.texts)
            self._known = True
            self._cursor = None
            yield "\x1b[r\x1b[m"
            changed = list(range(len(wanted)))
        else:
            changed = [y for y, row in enumerate(wanted) if shown[y] != row]
            if (scroll := find_scroll(shown, wanted, changed)) is not None:
                scroll.apply(shown)
                self._cursor = None
                yield scroll.sequence()
                changed = [y for y, row in enumerate(wanted) if shown[y] != row]
        ink = PLAIN
        for y in changed:
            for x, end in _runs(shown[y], wanted[y]):
                yield self._move(x, y)
                pieces, ink = _write(wanted[y], x, end, ink)
                yield from pieces
                # at the last column terminals differ about where the cursor is
                self._cursor = (end, y) if end < self.size[0] else None
            shown[y].copy(wanted[y])
        if ink != PLAIN:
            yield change(ink, PLAIN)
        yield self._move(*self._rest)

    def _move(self, x: int, y: int) -> str:
        """The shortest way for the cursor."""
        at, self._cursor = self._cursor, (x, y)
        if at == (x, y):
            return ""
        ways = [f"\x1b[{y + 1};{x + 1}H" if x else f"\x1b[{y + 1}H" if y else "\x1b[H"]
        if at is not None:
            column, row = at
            if row == y:
                ways += ["\r"] if not x else [f"\x1b[{x + 1}G"]
                if x > column:
                    ways.append(f"\x1b[{x - column}C" if x - column > 1 else "\x1b[C")
                else:
                    ways.append("\b" * (column - x))
            elif not x and row + 1 == y:
                ways.append("\r\n")
            elif x == column:
                ways.append(f"\x1b[{abs(y - row)}{'B' if y > row else 'A'}")
        return min(ways, key=len)


def _runs(shown: Row, wanted: Row) -> Iterator[tuple[int, int]]:
    """The stretches of a row to write again: the first column of each and the one after it.

    Both halves of a wide character are in, and all that follows one of which a terminal may have drawn more than
    was meant.
    """
    texts = wanted.texts
    for start, end in _stretches(shown, wanted):
        while start and not texts[start]:
            start -= 1
        while end < len(texts) and not texts[end]:
            end += 1
        if _leaves_doubt(texts, start, end):
            yield start, len(texts)
            return
        yield start, end


def _stretches(shown: Row, wanted: Row) -> Iterator[tuple[int, int]]:
    cells = zip(shown.texts, wanted.texts, shown.inks, wanted.inks, strict=True)
    changed = [x for x, (old, new, ink, after) in enumerate(cells) if old != new or ink != after]
    start = end = changed[0]
    for x in changed:
        if x - end > _BRIDGE:
            yield start, end
            start = x
        end = x + 1
    yield start, end


def _leaves_doubt(texts: Sequence[str], start: int, end: int) -> bool:
    stretch = texts[start:end]
    return not "".join(stretch).isascii() and any(map(is_doubtful, stretch))


def _write(row: Row, x: int, end: int, ink: str) -> tuple[list[str], str]:
    """The text of a stretch with the changes of ink in it; the ink at its end."""
    pieces: list[str] = []
    texts, inks = row.texts, row.inks
    while x < end:
        if inks[x] != ink:
            pieces.append(change(ink, inks[x]))
            ink = inks[x]
        stop = x + 1
        while stop < end and inks[stop] == ink:
            stop += 1
        text = "".join(texts[x:stop])
        pieces.append(text if text.isascii() else _careful(texts[x:stop], x))
        x = stop
    return pieces, ink


def _careful(texts: Sequence[str], x: int) -> str:
    """Write so that nothing after it moves if the terminal takes a character for wider or narrower than we do:
    its cells are blanked first, and the cursor is put behind it."""
    written = ""
    for text in texts:
        if text and is_doubtful(text):
            width = width_of(text)
            written += f"{BLANK * width}\x1b[{x + 1}G{text}\x1b[{x + width + 1}G"
        else:
            written += text
        x += 1
    return written
