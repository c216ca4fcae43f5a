"""Blocks of code as lines, and how to find them again among the lines of a message."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style

from lama_tui.ui.markdown.highlight import highlight
from lama_tui.ui.markdown.wrap import Line, Span, pad, wrap, wrap_hard
from lama_tui.ui.palette import Palette


class CodeEdge(Segment):
    """The left edge of each line of a block of code. It travels with its line, whatever is put before it."""

    source: str | None
    """The code, or a piece of it where a block is drawn in pieces; None for the label above it."""

    @classmethod
    def of(cls, style: Style, source: str | None) -> "CodeEdge":
        """One edge for all lines of a piece."""
        edge = cls(" ", style)
        edge.source = source
        return edge


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """A block among the lines of a message: its lines from `first` up to `end`, and its source without the last line
    break."""

    first: int
    end: int
    source: str


def code_label(info: str, width: int, palette: Palette) -> list[Line]:
    """What stands behind the marks that open a code block, its language first, on the code's background."""
    edge = CodeEdge.of(palette.code_label, None)
    lines = wrap([Span(" ".join(info.split()), palette.code_label)], max(1, width - 2))
    return [pad([edge, *line], width, palette.code_label) for line in lines]


def code_lines(info: str, source: str, width: int, palette: Palette, edge: CodeEdge | None = None) -> list[Line]:
    """Code on its own background; long lines wrap, none is cut. `edge` is that of the block that `source` is from."""
    edge = edge or CodeEdge.of(palette.code_block, source)
    language = info.split()[0] if info.split() else ""
    return [
        pad([edge, *line], width, palette.code_block)
        for spans in highlight(source.expandtabs(4), language, palette)
        for line in wrap_hard(spans, max(1, width - 2))
    ]


def code_blocks(lines: Sequence[Line]) -> list[CodeBlock]:
    """The blocks of code among `lines`, in order, also those within lists and quotes."""
    blocks: list[CodeBlock] = []
    first, label, pieces = 0, None, list[CodeEdge]()
    for number, line in enumerate([*lines, []]):
        edge = next((segment for segment in line if isinstance(segment, CodeEdge)), None)
        begins = edge is not None and edge.source is None and edge is not label
        if label is not None and (edge is None or begins):
            blocks.append(CodeBlock(first, number, "\n".join(piece.source or "" for piece in pieces)))
            label = None
        if begins:
            first, label, pieces = number, edge, []
        elif edge is not None and edge.source is not None and (not pieces or pieces[-1] is not edge):
            pieces.append(edge)
    return blocks


def may_hold_code(text: str) -> bool:
    """Whether it can be that `text` has a block of code; tells quickly where it has none."""
    return any(mark in text for mark in ("```", "~~~", "\n    ", "\n\t")) or text.startswith(("    ", "\t"))
