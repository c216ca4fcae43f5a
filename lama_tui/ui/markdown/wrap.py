"""Lines of styled cells, and wrapping text into them.

A `Line` is a list of Rich segments of known text without line breaks. All widths are in
terminal cells.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from rich.style import Style

Line = list[Segment]

_PIECES = re.compile(r"\n|[ \t]+|[^\s]+|[^\S\n]+")


class Span(NamedTuple):
    """A run of text in one style; a line feed in it is a hard break."""

    text: str
    style: Style


def width_of(line: Iterable[Segment]) -> int:
    """Cells that `line` takes."""
    return sum(cell_len(segment.text) for segment in line)


def wrap(spans: Sequence[Span], width: int) -> list[Line]:
    """Break `spans` into lines of at most `width` cells, at spaces where there are any.

    Words longer than a line are broken anywhere. There is always at least one line.
    """
    width = max(1, width)
    lines: list[Line] = []
    line: list[tuple[str, Style]] = []
    used = 0
    space: tuple[str, Style] | None = None  # seen, not yet placed: dropped at a break

    for word in _words(spans):
        text = "".join(part for part, _ in word)
        if text == "\n":
            lines.append(_join(line))
            line, used, space = [], 0, None
            continue
        if text.isspace():
            space = (" ", word[0][1])
            continue
        size = sum(cell_len(part) for part, _ in word)  # as drawn: a joiner reaches no further than its style
        gap = 1 if space is not None and line else 0
        if used + gap + size > width:
            if size > width or (size > text.__len__() and used + gap < width):
                # longer than a line, or wide script, which breaks between any two characters
                if gap and space is not None and used + gap < width:
                    line.append(space)
                    used += 1
                elif gap:
                    lines.append(_join(line))
                    line, used = [], 0
                for part, style in word:
                    for piece, fresh in _chop(part, width, used):
                        if fresh:
                            lines.append(_join(line))
                            line, used = [], 0
                        line.append((piece, style))
                        used += cell_len(piece)
                space = None
                continue
            lines.append(_join(line))
            line, used, gap = [], 0, 0
        if gap and space is not None:
            line.append(space)
            used += 1
        line.extend(word)
        used += size
        space = None
    lines.append(_join(line))
    return lines


def wrap_hard(spans: Sequence[Span], width: int) -> list[Line]:
    """Break one source line into lines of at most `width` cells, keeping every space."""
    width = max(1, width)
    lines: list[Line] = []
    line: list[tuple[str, Style | None]] = []
    used = 0
    # as it will be drawn: where a joiner stands, two texts are not as wide as their sum
    for text, style, _ in _join(spans):
        for piece, fresh in _chop(text, width, used):
            if fresh:
                lines.append(_join(line))
                line, used = [], 0
            line.append((piece, style))
            used += cell_len(piece)
    lines.append(_join(line))
    return lines


def indent(lines: Iterable[Line], first: Segment, rest: Segment) -> list[Line]:
    """Put `first` before the first line and `rest` before the others."""
    return [[first if number == 0 else rest, *line] for number, line in enumerate(lines)]


def pad(line: Line, width: int, style: Style) -> Line:
    """Fill `line` with spaces up to `width`."""
    missing = width - width_of(line)
    return [*line, Segment(" " * missing, style)] if missing > 0 else line


def _words(spans: Sequence[Span]) -> Iterator[list[tuple[str, Style]]]:
    """Yield words (a word may cross spans), runs of space, and line feeds."""
    word: list[tuple[str, Style]] = []
    for text, style in spans:
        for match in _PIECES.finditer(text):
            piece = match.group()
            if piece == "\n" or piece.isspace():
                if word:
                    yield word
                    word = []
                yield [(piece, style)]
            elif word and word[-1][1] == style:
                word[-1] = (word[-1][0] + piece, style)
            else:
                word.append((piece, style))
    if word:
        yield word


def _chop(text: str, width: int, used: int) -> Iterator[tuple[str, bool]]:
    """Cut `text` into pieces that fit; True means that a piece starts a new line."""
    room = width - used
    size = cell_len(text)
    if size <= room:
        if text:
            yield text, False
        return
    head = ""
    if room > 0:
        head = _cut(text, room)[0]
        if cell_len(head) > room:  # a wide character in a single free cell
            head = ""
    if head:
        yield head, False
    for piece in _cut(text[len(head) :], width):
        yield piece, True


def _cut(text: str, width: int) -> list[str]:
    """Cut `text` into pieces of at most `width` cells, where a single character is no wider."""
    pieces = chop_cells(text, width)
    if "".join(pieces) == text and all(cell_len(piece) <= width for piece in pieces):
        return pieces
    # a text that begins with joiners: Rich measures what it cut otherwise than it counted, or loses it
    pieces = [""]
    for character in text:
        if pieces[-1] and cell_len(pieces[-1] + character) > width:
            pieces.append("")
        pieces[-1] += character
    return pieces


def _join(parts: Sequence[tuple[str, Style | None]]) -> Line:
    """Merge neighbours of the same style: fewer segments are cheaper to draw."""
    line: Line = []
    text = ""
    style: Style | None = None
    for piece, piece_style in parts:
        if piece_style == style:
            text += piece
            continue
        if style is not None:
            line.append(Segment(text, style))
        text, style = piece, piece_style
    if style is not None:
        line.append(Segment(text, style))
    return line
