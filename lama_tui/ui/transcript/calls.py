"""The tools that a model asked for, as a block below its answer."""

from collections.abc import Sequence

from rich.segment import Segment

from lama_tui.ui.markdown.wrap import Line, Span, indent, wrap
from lama_tui.ui.palette import Palette
from lama_tui.ui.transcript.mark import marked


def calls_of(calls: Sequence[str], folded: bool, width: int, palette: Palette) -> list[Line]:
    """A line each with the name, and opened the arguments too. Nothing is run here, and that is said."""
    lines: list[Line] = []
    bar = Segment("┊ ", palette.muted)
    for call in calls:
        name = call.partition("(")[0]
        shown = f"▸ asked for a tool: {name}(…)" if folded else f"▾ asked for a tool: {name}, which lama does not run"
        lines += wrap([Span(shown, palette.muted)], width)
        if not folded:
            lines += indent(wrap([Span(call, palette.muted)], width - 2), bar, bar)
    return marked(lines, "fold_calls")
