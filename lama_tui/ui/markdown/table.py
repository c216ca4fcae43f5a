"""Tables: columns share the width by need, cells wrap, nothing is cut."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from lama_tui.ui.markdown.wrap import Line, Span, width_of, wrap

_SEPARATOR = " │ "


@dataclass(frozen=True, slots=True)
class Cell:
    """Styled text and how it is aligned: left, center or right."""

    spans: tuple[Span, ...]
    align: str


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of one row; a rule is drawn below a heading."""

    cells: tuple[Cell, ...]
    heading: bool


def table(rows: Sequence[Row], width: int, rule: Style) -> list[Line]:
    """Draw `rows` in at most `width` cells; too many columns for that become stacked lines."""
    count = max((len(row.cells) for row in rows), default=0)
    if not count:
        return []
    room = width - len(_SEPARATOR) * (count - 1)
    if room < count * 3:
        return _stacked(rows, width, rule)
    widths = _widths(rows, count, room)
    lines: list[Line] = []
    for row in rows:
        columns = [wrap(cell.spans, size) for cell, size in zip(row.cells, widths, strict=False)]
        for number in range(max((len(column) for column in columns), default=0)):
            line: Line = []
            for index, size in enumerate(widths):
                if index:
                    line.append(Segment(_SEPARATOR, rule))
                column = columns[index] if index < len(columns) else []
                align = row.cells[index].align if index < len(row.cells) else "left"
                line.extend(_aligned(column[number] if number < len(column) else [], size, align))
            lines.append(line)
        if row.heading:
            lines.append([Segment("─┼─".join("─" * size for size in widths), rule)])
    return lines


def _widths(rows: Sequence[Row], count: int, room: int) -> list[int]:
    """Natural widths where they fit; else the widest columns give way first."""
    natural = [3] * count
    for row in rows:
        for index, cell in enumerate(row.cells):
            longest = max((cell_len(part) for part in "".join(span.text for span in cell.spans).split("\n")), default=0)
            natural[index] = max(natural[index], longest)
    widths = list(natural)
    excess = sum(widths) - room
    while excess > 0:
        widest = max(widths)
        second = max((size for size in widths if size < widest), default=3)
        columns = [index for index, size in enumerate(widths) if size == widest]
        step = max(1, min(widest - second, excess // len(columns)))
        for index in columns:
            taken = min(step, excess)
            widths[index] -= taken
            excess -= taken
    return widths


def _aligned(line: Line, size: int, align: str) -> Line:
    free = size - width_of(line)
    before = free if align == "right" else free // 2 if align == "center" else 0
    return [Segment(" " * before), *line, Segment(" " * (free - before))]


def _stacked(rows: Sequence[Row], width: int, rule: Style) -> list[Line]:
    lines: list[Line] = []
    for row in rows:
        for cell in row.cells:
            lines.extend(wrap(cell.spans, width))
        lines.append([Segment("─" * width, rule)])
    return lines
