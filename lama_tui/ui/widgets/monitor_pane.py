"""The live monitor: one sample a second, drawn as figures, bars and a short history."""

from collections import deque

from textual.content import Content
from textual.geometry import Region
from textual.widget import Widget

from lama_tui.events import ResourceSample
from lama_tui.ui import figures

_BARS = "▁▂▃▄▅▆▇█"
_HIGH = 85.0
"""Percent from which a figure is marked, by colour and by `!`."""


class MonitorPane(Widget):
    """Shows the newest sample; a figure that was not measured shows `–`."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - the name that Textual uses
        super().__init__(id=id)
        self._samples: deque[ResourceSample] = deque(maxlen=120)
        self._speeds: deque[float | None] = deque(maxlen=120)

    def add(self, sample: ResourceSample) -> None:
        """Show a new sample; only rows that changed are sent to the terminal."""
        before = self._rows()
        self._samples.append(sample)
        self._speeds.append(sample.decode_tok_s)
        pairs = zip(before, self._rows(), strict=True)
        changed = [Region(0, y, self.size.width, 1) for y, (old, new) in enumerate(pairs) if not new.is_same(old)]
        if changed:
            self.refresh(*changed)

    def render(self) -> Content:
        """Every row; the pane is as wide as it is."""
        return Content("\n").join(self._rows())

    def _rows(self) -> list[Content]:
        width = max(12, self.size.width)
        sample = self._samples[-1] if self._samples else ResourceSample(at=0)
        memory = None
        if sample.memory_used is not None and sample.memory_total:
            memory = 100 * sample.memory_used / sample.memory_total
        return [
            _heading("Machine"),
            _row("CPU", figures.percent(sample.cpu), width, sample.cpu),
            _spark([s.cpu for s in self._samples], width, 100.0),
            _row("Memory", figures.size(sample.memory_used), width, memory),
            _bar(memory, width),
            _row("of", figures.size(sample.memory_total), width),
            Content.empty(),
            _heading("lama"),
            _row("CPU", figures.percent(sample.process_cpu), width),
            _row("Memory", figures.size(sample.process_memory), width),
            Content.empty(),
            _heading("Model"),
            _row("Memory", figures.size(sample.model_memory), width),
            _row("Peak", figures.size(sample.model_peak), width),
            _row("Cache", figures.size(sample.model_cache), width),
            _row("Speed", figures.rate(sample.decode_tok_s), width),
            _spark(list(self._speeds), width, None),
        ]


def _heading(text: str) -> Content:
    return Content.styled(text, "bold $primary")


def _row(label: str, value: str, width: int, level: float | None = None) -> Content:
    high = level is not None and level >= _HIGH
    value = f"! {value}" if high else value
    gap = " " * max(1, width - len(label) - len(value))
    return Content.assemble((label, "$foreground-muted"), gap, (value, "bold $warning" if high else ""))


def _bar(level: float | None, width: int) -> Content:
    if level is None:
        return Content.styled("─" * width, "$border-blurred")
    full = round(width * min(100.0, level) / 100)
    colour = "$warning" if level >= _HIGH else "$secondary"
    return Content.assemble(("━" * full, colour), ("─" * (width - full), "$border-blurred"))


def _spark(values: list[float | None], width: int, top: float | None) -> Content:
    """The last `width` values as bars; a gap where nothing was measured."""
    shown = values[-width:]
    highest = top or max((value for value in shown if value), default=0.0)
    marks = [" " if value is None or highest <= 0 else _BARS[_level(value / highest)] for value in shown]
    return Content.styled("".join(marks).rjust(width), "$secondary")


def _level(share: float) -> int:
    return max(0, min(len(_BARS) - 1, round(share * (len(_BARS) - 1))))
