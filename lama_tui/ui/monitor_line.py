"""The line of the monitor's strip. Pure: samples in, text out. What matters least goes first."""

from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content

from lama_tui.types import ResourceSample
from lama_tui.ui import figures, machine
from lama_tui.ui.gauges import number, sparkline
from lama_tui.ui.machine import Said

_GAP = "  "
_COLUMNS = 12
"""Cells of the sparkline."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """A figure, from long to short. The one with the highest `rank` is the first to go."""

    rank: int
    forms: tuple[Content, ...]


def strip_line(samples: Sequence[ResourceSample], width: int) -> Content:
    """The line of the strip, not wider than `width`. The newest sample is the last."""
    pieces = _pieces(samples or [ResourceSample(at=0)])
    shown = {piece.rank: piece.forms[-1] for piece in pieces}

    def fits() -> bool:
        return sum(len(form.plain) for form in shown.values()) + len(_GAP) * (len(shown) - 1) <= width

    for piece in sorted(pieces, key=lambda piece: -piece.rank):
        if fits():
            break
        del shown[piece.rank]
    for piece in sorted(pieces, key=lambda piece: piece.rank):
        for form in piece.forms[:-1] if piece.rank in shown else ():
            shorter, shown[piece.rank] = shown[piece.rank], form
            if fits():
                break
            shown[piece.rank] = shorter
    return Content(_GAP).join([shown[piece.rank] for piece in pieces if piece.rank in shown])


def _pieces(samples: Sequence[ResourceSample]) -> list[_Piece]:
    """The figures from left to right."""
    now = samples[-1]
    speed = _figure("Decode", machine.rate(now.decode_tok_s))
    cpu = machine.cpu(now)
    pieces = [
        # as wide with one digit as with two, so that the others stay where they are
        _Piece(3, (_figure("CPU", cpu.words[0].rjust(4), cpu.high),)),
        _Piece(0, (*_forms("Memory", machine.memory(now)), *_forms("Mem", machine.memory(now))[1:])),
        _Piece(1, (_figure("Model", machine.size(now.model_memory)),)),
        _Piece(6, (_figure("KV", machine.size(now.model_kv)),)),
        _Piece(
            2,
            (
                Content.assemble(speed, " ", sparkline(machine.decoding(samples, _COLUMNS), _COLUMNS, 1)[0]),
                speed,
                Content(machine.rate(now.decode_tok_s) if number(now.decode_tok_s) is not None else "– tok/s"),
            ),
        ),
        _Piece(7, (_figure("Prefill", machine.rate(now.prefill_tok_s)),)),
        _Piece(5, (_figure("TTFT", figures.milliseconds(number(now.ttft_ms))),)),
        _Piece(4, _forms("Queue", machine.queue(now))),
    ]
    if now.gpus:
        busiest = max(now.gpus, key=lambda gpu: number(gpu.busy) or 0.0)
        pieces.insert(1, _Piece(8, _forms("GPU", machine.gpu(busiest))))
    # these only where they are a reason to worry
    if (disk := machine.disk(now)).high:
        pieces.append(_Piece(-1, _forms("Disk", disk)[1:]))
    if (swap := machine.swap(samples)).high:
        pieces.append(_Piece(-2, _forms("Swap", swap)[1:]))
    return pieces


def _forms(label: str, said: Said) -> tuple[Content, ...]:
    return tuple(_figure(label, words, said.high) for words in said.words)


def _figure(label: str, words: str, high: bool = False) -> Content:
    mark = "! " if high else ""
    return Content.assemble((f"{label} ", "$foreground-muted"), (mark + words, "bold $warning" if high else ""))
