"""Bars and sparklines made of characters. Pure: figures in, text out, one cell a character.

What is high shows by its colour and by its shape, for eyes and terminals that know no colours.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby

from textual.content import Content

_EIGHTHS = "▁▂▃▄▅▆▇█"
_UNKNOWN = "·"
_COLOUR = "$secondary"
_HIGH = "$warning"
_REST = "$border-blurred"


def row(label: str, values: Sequence[str], width: int, high: bool = False) -> Content:
    """A label and, at the right edge, the longest of `values` that fits; `high` marks it."""
    mark = "! " if high else ""
    texts = [mark + value for value in values]
    text = next((text for text in texts if len(label) + 1 + len(text) <= width), texts[-1])[: max(0, width)]
    label = label[: max(0, width - len(text) - 1)]
    gap = " " * max(0, width - len(label) - len(text))
    return Content.assemble((label, "$foreground-muted"), gap, (text, f"bold {_HIGH}" if high else ""))


def warning(text: str, width: int) -> Content:
    """What should be seen, on one line: as much of its beginning as there is room for."""
    return Content.styled(f"! {text}", f"bold {_HIGH}").truncate(max(0, width))


def bar(share: float | None, width: int, high: bool = False) -> Content:
    """A share of a whole, 0 to 1, as a line that is `width` cells long; a double line where it is `high`."""
    width = max(0, width)
    full = 0 if share is None else round(width * min(1.0, max(0.0, share)))
    return Content.assemble(
        ("═" * full if high else "━" * full, _HIGH if high else _COLOUR), ("─" * (width - full), _REST)
    )


def sparkline(values: Sequence[float | None], width: int, height: int, top: float | None = None) -> list[Content]:
    """The last `width` values as columns, `height` lines from top to bottom; a dot where nothing is known.

    `top` is the value of a full column; without it the largest of them.
    """
    width = max(0, width)
    shown = [*[None] * width, *values][len(values) :] if len(values) < width else [*values[len(values) - width :]]
    highest = top or max((value for value in shown if value is not None), default=0.0)
    units = [0 if value is None else _units(value, highest, height) for value in shown]
    lines = []
    for below in range(height - 1, -1, -1):
        runs = groupby((_cell(unit, below) for unit in units), lambda cell: cell == _UNKNOWN)
        lines.append(Content.assemble(*(("".join(run), _REST if unknown else _COLOUR) for unknown, run in runs)))
    return lines


def lines_of_cores(count: int, width: int) -> int:
    """How many lines `cores` needs to give each of `count` cores a cell of its own."""
    return -(-count // _cores_on_a_line(width))


def cores(levels: Sequence[float], width: int, lines: int, high: float) -> list[Content]:
    """A one-cell bar for each core (percent), on equally long lines beside the label.

    Where there are more cores than cells, a bar is the busiest of neighbours, and the label says of how many.
    """
    room = _cores_on_a_line(width) * max(1, lines)
    together = max(1, -(-len(levels) // room))
    busiest = [max(levels[at : at + together]) for at in range(0, len(levels), together)]
    columns = -(-len(busiest) // max(1, min(lines, lines_of_cores(len(busiest), width))))
    label = "Cores" if together == 1 else f"Cores/{together}"
    drawn = []
    for start in range(0, len(busiest), max(1, columns)):
        part = busiest[start : start + columns]
        bars = [(_EIGHTHS[_units(level, 100.0, 1) - 1], _HIGH if level >= high else _COLOUR) for level in part]
        indent = max(0, width - columns)
        name = "" if start else label[: max(0, indent - 1)]
        drawn.append(Content.assemble((name.ljust(indent), "$foreground-muted"), *bars, " " * (columns - len(part))))
    return drawn


def _cores_on_a_line(width: int) -> int:
    """Room beside the label; by eights where there are that many, because people count cores so."""
    room = max(1, width - 8)
    return room - room % 8 if room >= 8 else room


def _units(value: float, top: float, height: int) -> int:
    """How many eighths of a cell a column is high; what is known is at least one."""
    share = min(1.0, max(0.0, value / top)) if top > 0 else 0.0
    return max(1, round(share * 8 * height))


def _cell(units: int, below: int) -> str:
    """The cell of a column that has `below` lines under it; 0 units are unknown."""
    over = units - 8 * below
    if over <= 0:
        return _UNKNOWN if not units and not below else " "
    return _EIGHTHS[min(8, over) - 1]


def changed(before: Content, now: Content) -> tuple[int, int] | None:
    """From which cell to which two lines differ; None where they are the same."""
    if before.is_same(now):
        return None
    old, new = before.plain, now.plain
    if len(old) != len(new) or before.spans != now.spans:
        return 0, max(len(old), len(new))
    differing = [at for at, (one, other) in enumerate(zip(old, new, strict=True)) if one != other]
    return differing[0], differing[-1] + 1


def finite(values: Iterable[float | int | None]) -> list[float | None]:
    """`values` as numbers that can be drawn: what is none of them is unknown."""
    return [number(value) for value in values]


def number(value: float | int | None) -> float | None:
    """A figure that can be drawn, None for what cannot: infinite, not a number, beyond all sizes."""
    if value is None:
        return None
    try:
        as_float = float(value)
    except OverflowError:
        return None
    return as_float if abs(as_float) < 1e21 else None
