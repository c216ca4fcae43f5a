"""A long text drawn piece by piece, so that whoever draws it can do something else in between.

A piece takes a few milliseconds. What one block would make longer than that is shown as it was written.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from rich.style import Style

from lama_tui.ui.markdown.blocks import gap_between, parse, render
from lama_tui.ui.markdown.code import CodeEdge, code_label, code_lines
from lama_tui.ui.markdown.highlight import LONGEST
from lama_tui.ui.markdown.wrap import Line, Span, wrap, wrap_hard
from lama_tui.ui.palette import Palette

_PIECE = 2_000
"""Characters that are drawn at once, about."""

_LONGEST_BLOCK = 8 * _PIECE
"""Characters of a block beyond which it is shown as it was written: it cannot be parsed in pieces."""

_ENDS = frozenset({"paragraph_open", "heading_open", "table_open", "hr"})
"""Blocks that end at a blank line, whatever follows."""

_BLANK_LINE = re.compile(r"\n[ \t]*\n")


class Piece(NamedTuple):
    """Lines, and how many characters of the text are drawn with them."""

    lines: list[Line]
    until: int


def as_written(text: str, width: int, style: Style, start: int = 0, end: int | None = None) -> Iterator[Piece]:
    """Draw `text` from `start` to `end` with its spaces and line breaks."""
    end = len(text) if end is None else end
    while start <= end:
        cut = _line_end(text, start, min(end, start + _PIECE))
        if cut is None:
            line_end = text.find("\n", start, end)
            line_end = end if line_end < 0 else line_end
            yield from _one_line(text, width, style, start, line_end)
            start = line_end + 1
        else:
            lines: list[Line] = []
            for source in text[start:cut].split("\n"):
                lines += source_line(source, width, style)
            yield Piece(lines, cut)
            start = cut + 1


def source_line(source: str, width: int, style: Style) -> list[Line]:
    """Draw one line of a text with its spaces."""
    spans = [Span(source.expandtabs(4), style)]
    return wrap_hard(spans, width) if source[:1].isspace() or "  " in source else wrap(spans, width)


def _line_end(text: str, start: int, most: int) -> int | None:
    """Where the last whole line between these ends; None where none does."""
    if most == len(text):
        return most
    cut = text.rfind("\n", start, most + 1)
    return cut if cut >= 0 else None


def _one_line(text: str, width: int, style: Style, start: int, end: int) -> Iterator[Piece]:
    """Draw a line that is too long for one piece: each goes on in the last line of the one before."""
    hard = text[start : start + 1].isspace() or text.find("  ", start, end) >= 0
    begun = ""
    while start < end:
        cut = min(end, start + _PIECE)
        if cut < end and (space := text.rfind(" ", start, cut)) > start:
            cut = space  # the next piece begins with it: where a word ends is seen
        source = begun + text[start:cut].expandtabs(4)
        lines = wrap_hard([Span(source, style)], width) if hard else wrap([Span(source, style)], width)
        start = cut
        if start < end:
            begun = "".join(segment.text for segment in lines.pop())
        yield Piece(lines, start)


def markdown(text: str, width: int, palette: Palette) -> Iterator[Piece]:
    """Draw Markdown as `GrowingMarkdown` does, but for blocks that are too long."""
    width = max(1, width)
    start, size, before = 0, _PIECE, ""
    while start < len(text):
        until = _window(text, start, size)
        blocks = parse(text[start:until])
        last = until == len(text)
        whole = last or (bool(blocks) and blocks[-1].kind in _ENDS and text[:until].endswith("\n\n", start))
        settled = len(blocks) if whole or not blocks else len(blocks) - 1
        if blocks and not settled and size < _LONGEST_BLOCK:
            size *= 2
            yield Piece([], start)
            continue
        if blocks and not settled:
            if before and gap_between(before, blocks[0].kind):
                yield Piece([[]], start)
            before = blocks[0].kind
            long = _fence if before == "fence" else _as_written
            for piece in long(text, start, width, palette):
                yield piece
                start = piece.until
        else:
            drawn: list[Line] = []
            for block in blocks[:settled]:
                if before and gap_between(before, block.kind):
                    drawn.append([])
                drawn += render(block, width, palette)
                before = block.kind
            start = until if settled == len(blocks) else _offset(text, start, blocks[settled].line)
            yield Piece(drawn, start)
        size = _PIECE


def _window(text: str, start: int, size: int) -> int:
    """Where to cut so much of the text: after a blank line if there is one, else after a line."""
    most = start + size
    if most >= len(text):
        return len(text)
    for end in ("\n\n", "\n"):
        if (cut := text.rfind(end, start, most)) >= 0:
            return cut + len(end)
    return most


def _offset(text: str, start: int, line: int) -> int:
    """Where the line of this number begins, counted from `start`."""
    for _ in range(line):
        start = text.find("\n", start) + 1
    return start


def _as_written(text: str, start: int, width: int, palette: Palette) -> Iterator[Piece]:
    blank = _BLANK_LINE.search(text, start)
    yield from as_written(text, width, palette.text, start, blank.start() if blank else len(text.rstrip("\n")))
    yield Piece([], blank.end() if blank else len(text))


def _fence(text: str, start: int, width: int, palette: Palette) -> Iterator[Piece]:
    """Draw code that is too long to be drawn at once; copied, it is whole."""
    opening = text[start : text.find("\n", start)].strip()
    info = opening.lstrip(opening[0])
    marks = opening[: len(opening) - len(info)]
    start = min(len(text), text.find("\n", start) + 1)
    closing = re.compile(rf"^ {{0,3}}{re.escape(marks)}{re.escape(marks[0])}*[ \t]*$", re.MULTILINE).search(text, start)
    end = closing.start() - 1 if closing else len(text.removesuffix("\n"))
    edge = CodeEdge.of(palette.code_block, text[start:end])
    language = info if end - start <= LONGEST else ""
    yield Piece(code_label(info, width, palette), start)
    while start <= end:
        most = min(end, start + _PIECE)
        cut = end if most == end else text.rfind("\n", start, most)
        if cut >= start:
            rest = cut + 1
        else:  # one line: cut where it would be wrapped
            cut = rest = most - (most - start) % max(1, width - 2)
        yield Piece(code_lines(language, text[start:cut], width, palette, edge), cut)
        start = rest
    yield Piece([], min(len(text), closing.end() + 1) if closing else len(text))
