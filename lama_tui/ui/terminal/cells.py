"""The screen as a grid of cells: what an app wants it to show, painted from the updates that Textual makes.

A cell holds a character with whatever joins it, and its ink. A wide character fills its second cell with an empty
text.
"""

import unicodedata
from functools import lru_cache

from rich.cells import get_character_cell_size, split_graphemes
from rich.color import ColorSystem
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.strip import Strip

from lama_tui.ui.terminal.gate import clean_strip
from lama_tui.ui.terminal.ink import PLAIN, ink_of

BLANK = " "

_KEPT = 512
"""Strips whose cells are remembered, about: those that scroll are painted again and again."""

_JOINED = ("\ufe0f", "\u200d")


class Row:
    """One row: the texts and the inks of its cells."""

    __slots__ = ("inks", "texts")

    def __init__(self, width: int) -> None:
        self.texts = [BLANK] * width
        self.inks = [PLAIN] * width

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Row) and self.texts == other.texts and self.inks == other.inks

    __hash__ = None  # type: ignore[assignment]

    def copy(self, other: "Row") -> None:
        """Become as another row."""
        self.texts[:] = other.texts
        self.inks[:] = other.inks

    def clear(self) -> None:
        """Show nothing, in no ink."""
        self.texts[:] = [BLANK] * len(self.texts)
        self.inks[:] = [PLAIN] * len(self.inks)


class Cells:
    """A screen of `width` by `height` cells, blank at first."""

    def __init__(self, width: int, height: int, colours: ColorSystem | None = ColorSystem.TRUECOLOR) -> None:
        self.width, self.height = width, height
        self.rows = [Row(width) for _ in range(height)]
        self._colours = colours
        self._young: dict[int, tuple[Strip, _Painted]] = {}
        self._old: dict[int, tuple[Strip, _Painted]] = {}

    def take(self, update: LayoutUpdate | ChopsUpdate) -> None:
        """Paint what an update changes. What it draws beyond the screen is left out."""
        if isinstance(update, LayoutUpdate):
            for y, strips in enumerate(update.strips, update.region.y):
                x = update.region.x
                for strip in strips:
                    x = self._paint(x, y, strip)
            return
        for y, left, right in update.spans:
            for end, (x, chop) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
                if chop is not None and x <= right and end > left:
                    whole = left <= x < right and end <= right
                    self._paint(x, y, chop if whole else chop.crop(0, min(end, right) - x))

    def _paint(self, x: int, y: int, strip: Strip) -> int:
        """Paint a strip; the column after it."""
        if not 0 <= y < self.height:
            return x
        texts, inks, joins = self._painted(strip)
        row, end = self.rows[y], x + len(texts)
        if x < 0 or end > self.width:
            texts, inks = texts[max(0, -x) : self.width - x], inks[max(0, -x) : self.width - x]
            x = max(0, x)
        if x < self.width:
            self._mend_halves(row, x, x + len(texts))
            row.texts[x : x + len(texts)] = texts
            row.inks[x : x + len(inks)] = inks
            if joins and x:
                before = x - 1 if row.texts[x - 1] else max(0, x - 2)
                row.texts[before] += joins
        return end

    def _mend_halves(self, row: Row, start: int, end: int) -> None:
        """Blank the halves of wide characters whose other half is painted over, as terminals do."""
        texts = row.texts
        if start and not texts[start] and texts[start - 1]:
            texts[start - 1] = texts[start] = BLANK
        if end < self.width and not texts[end]:
            texts[end] = BLANK

    def _painted(self, strip: Strip) -> "_Painted":
        key = id(strip)
        known = self._young.get(key)
        if known is None:
            known = self._old.get(key)
            if known is None:
                known = strip, _cells_of(strip, self._colours)
            if len(self._young) >= _KEPT:
                self._old, self._young = self._young, {}
            self._young[key] = known
        return known[1]


_Painted = tuple[list[str], list[str], str]
"""The texts and the inks of a strip's cells, and what joins the cell before it."""


def _cells_of(strip: Strip, colours: ColorSystem | None) -> _Painted:
    texts: list[str] = []
    inks: list[str] = []
    before = ""
    for text, style, _ in clean_strip(strip)._segments:
        ink = ink_of(style, colours)
        if text.isascii():
            texts.extend(text)
            inks.extend([ink] * len(text))
            continue
        joins, cells = split(text)
        if not texts:
            before += joins
        elif joins:
            texts[-1 if texts[-1] else -2] += joins
        texts.extend(cells)
        inks.extend([ink] * len(cells))
    return texts, inks, before


@lru_cache(2048)
def split(text: str) -> tuple[str, tuple[str, ...]]:
    """The cells that a text fills, as Textual measures it, and what stands before its first cell and fills none."""
    spans, _ = split_graphemes(text)
    joins, cells = "", []
    for start, end, width in spans:
        cluster = text[start:end]
        if width:
            cells += [cluster] + [""] * (width - 1)
        elif cells:
            cells[-1 if cells[-1] else -2] += cluster
        else:
            joins += cluster
    return joins, tuple(cells)


@lru_cache(2048)
def is_doubtful(text: str) -> bool:
    """Whether terminals disagree about the width of what a cell holds: emoji, joined characters, young scripts."""
    if len(text) < 2:
        return text > "\uffff"
    return any(not unicodedata.combining(character) for character in text[1:]) or text[0] > "\uffff"


@lru_cache(2048)
def width_of(text: str) -> int:
    """Cells that the text of a cell fills, 1 or 2."""
    if text.isascii():
        return 1
    _, cells = split(text)
    return len(cells) or get_character_cell_size(text[0]) or 1
