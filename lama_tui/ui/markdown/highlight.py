"""Code to coloured spans, one list a source line. Pygments is imported when it is needed, never at start."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rich.style import Style

from lama_tui.ui.markdown.wrap import Span
from lama_tui.ui.palette import Palette

if TYPE_CHECKING:
    from pygments.lexer import Lexer

LONGEST = 100_000
"""Characters: beyond this a block is shown in one colour; colouring it would be felt."""


def highlight(code: str, language: str, palette: Palette) -> list[list[Span]]:
    """Colour `code`; an unknown language is shown plain. Every line is returned, empty ones too."""
    known = lexer(language) if language and len(code) <= LONGEST else None
    if known is None:
        return [[Span(line, palette.code_block)] if line else [] for line in code.split("\n")]
    lines: list[list[Span]] = [[]]
    for kind, text in known.get_tokens(code):
        style = _style(kind, palette)
        first, *others = text.split("\n")
        if first:
            lines[-1].append(Span(first, style))
        for other in others:
            lines.append([Span(other, style)] if other else [])
    count = code.count("\n") + 1
    return (lines + [[] for _ in range(count - len(lines))])[:count]


@lru_cache(maxsize=64)
def lexer(language: str) -> "Lexer | None":
    """The lexer of a language; None where Pygments has none."""
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        # stripnl and ensurenl would change the number of lines
        return get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None


def _style(kind: Any, palette: Palette) -> Style:
    """Map a Pygments token type to one of a few colours; more would be noise."""
    from pygments.token import Comment, Keyword, Name, Number, Operator, String

    if kind in Comment:
        return palette.comment
    if kind in Keyword or kind in Operator.Word:
        return palette.keyword
    if kind in String:
        return palette.string
    if kind in Number:
        return palette.number
    if any(kind in named for named in (Name.Function, Name.Class, Name.Decorator, Name.Tag, Name.Builtin)):
        return palette.name
    return palette.code_block
