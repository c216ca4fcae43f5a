"""The rows of the monitor's pane. Pure: samples in, text out.

Where there is no room for everything, what matters least goes first; where there is more, graphs grow.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from textual.content import Content

from lama_tui.security.gate import clean_row
from lama_tui.types import ResourceSample
from lama_tui.ui import figures, machine
from lama_tui.ui.gauges import bar, cores, finite, lines_of_cores, number, row, sparkline, warning
from lama_tui.ui.machine import Said

TWO_COLUMNS = 52
"""Cells from which machine and model stand side by side."""
_BETWEEN = "   "


@dataclass(frozen=True, slots=True)
class _Block:
    """Lines that belong together, from one to `most`. The one with the highest `rank` is the first to go."""

    rank: int
    draw: Callable[[int], list[Content]]
    """Draws that many lines."""
    most: int = 1
    eager: bool = False
    """Whether it takes what room is left before others do."""


def pane_rows(samples: Sequence[ResourceSample], width: int, height: int) -> list[Content]:
    """The rows of the pane, at most `height`, none wider than `width`. The newest sample is the last.

    Machine and model stand side by side where both have room, else the one above the other.
    """
    samples = samples or [ResourceSample(at=0)]
    if width < TWO_COLUMNS:
        machine_blocks, model_blocks = _blocks(samples, width, height)
        return _fill([*machine_blocks, _Block(80, lambda _: [Content.empty()]), *model_blocks], height)
    half = (width - len(_BETWEEN)) // 2
    left, right = (_fill(blocks, height) for blocks in _blocks(samples, half, height))
    return [
        Content.assemble(one, " " * (half - len(one.plain)), _BETWEEN, other)
        for one, other in zip_longest(left, right, fillvalue=Content.empty())
    ]


def _fill(blocks: Sequence[_Block], height: int) -> list[Content]:
    """What fits of `blocks`, in their order."""
    kept = sorted(range(len(blocks)), key=lambda index: blocks[index].rank)[: max(0, height)]
    lines = dict.fromkeys(kept, 1)
    left = height - len(kept)
    while left > 0 and (growing := [index for index in kept if lines[index] < blocks[index].most]):
        growing = ([index for index in growing if blocks[index].eager] or growing)[:left]
        for index in growing:
            lines[index] += 1
        left -= len(growing)
    return [line for index in sorted(lines) for line in blocks[index].draw(lines[index])]


def _blocks(samples: Sequence[ResourceSample], width: int, height: int) -> tuple[list[_Block], list[_Block]]:
    """Everything there is to say, from top to bottom: of the machine, and of the model."""
    now = samples[-1]
    tall = max(3, height // 8)

    def line(rank: int, label: str, said: Said | str) -> _Block:
        words, high = (said.words, said.high) if isinstance(said, Said) else ((said,), False)
        return _Block(rank, lambda _: [row(label, words, width, high)])

    def heading(rank: int, text: str) -> _Block:
        return _Block(rank, lambda _: [Content.styled(text[: max(0, width)], "bold $primary")])

    def graph(rank: int, columns: Sequence[float | None], top: float | None = None) -> _Block:
        return _Block(rank, lambda lines: sparkline(columns, width, lines, top), tall)

    memory = machine.memory(now)
    levels = [level for level in finite(now.cores) if level is not None]
    blocks = [heading(62, "Machine"), line(0, "CPU", machine.cpu(now))]
    if levels:
        lines = lines_of_cores(len(levels), width)
        blocks.append(_Block(40, lambda room: cores(levels, width, room, machine.BUSY), lines, eager=True))
    blocks += [
        graph(70, machine.columns(samples, finite(sample.cpu for sample in samples), width), 100.0),
        line(1, "Memory", memory),
        _Block(45, lambda _: [bar(machine.memory_share(now), width, memory.high)]),
        line(20, "Swap", machine.swap(samples)),
        line(15, "Disk", machine.disk(now)),
    ]
    for index, gpu in enumerate(now.gpus):
        rank, name = (12, "GPU") if len(now.gpus) == 1 else (20 if index else 12, f"GPU {index}")
        blocks.append(line(rank, name, machine.gpu(gpu)))
    blocks.append(line(14, "lama", machine.process(now)))
    return blocks, [
        heading(60, "Model"),
        line(5, "Weights", machine.size(now.model_weights)),
        line(7, "KV", machine.size(now.model_kv)),
        *([line(29, "Prompts", machine.size(now.model_prompts))] if now.model_prompts is not None else []),
        line(30, "Cache", machine.size(now.model_cache)),
        line(31, "Peak", machine.size(now.model_peak)),
        line(8, "Prefill", machine.rate(now.prefill_tok_s)),
        graph(72, machine.prefilling(samples, width)),
        line(3, "Decode", machine.rate(now.decode_tok_s)),
        graph(50, machine.decoding(samples, width)),
        line(6, "TTFT", figures.milliseconds(number(now.ttft_ms))),
        line(4, "Queue", machine.queue(now)),
        *([_Block(2, lambda _: [warning(clean_row(now.relief), width)])] if now.relief else []),
    ]
