"""Rows of the transcript that differ: what is selected in one, what stands over it, which have changed."""

from collections.abc import Iterator, Sequence

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip

from lama_tui.ui.difference import changed_columns
from lama_tui.ui.markdown.wrap import Line, width_of
from lama_tui.ui.transcript.selection import MARGIN


def select(strip: Strip, span: tuple[int, int], style: Style) -> Strip:
    """Select characters of a row, from one up to another."""
    left, right = (width_of([Segment(strip.text[:end])]) for end in span)
    # over the colours of the text, which are chosen for another background
    selected = Strip(Segment.apply_style(strip.crop(left, right), post_style=style))
    return Strip.join([strip.crop(0, left), selected, strip.crop(right)])


def put_over(strip: Strip, over: tuple[int, int, str], style: Style) -> Strip:
    """Put a note over the cells of a row, from one up to another."""
    left, right, text = over
    note = Strip([Segment(text, style + Style(reverse=True))]).crop(0, right - left)
    return Strip.join([strip.crop(0, left), note, strip.crop(right)])


def changed_regions(first: int, before: Sequence[Line], after: Sequence[Line], height: int) -> Iterator[Region]:
    """The cells of a message that differ, in a view of `height` rows; its first line is in row `first`."""
    for y, (old, new) in enumerate(zip(before, after, strict=True), start=first):
        if old is not new and 0 <= y < height:
            columns = changed_columns(*([(part.text, part.style) for part in line] for line in (old, new)))
            if columns is not None:
                yield Region(MARGIN + columns[0], y, columns[1], 1)
