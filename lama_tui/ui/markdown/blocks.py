"""Block-level Markdown to lines. Lists are split into their items, so that a long list streams
like separate blocks."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style

from lama_tui.ui.markdown.code import code_label, code_lines
from lama_tui.ui.markdown.inline import spans_of
from lama_tui.ui.markdown.table import Cell, Row, table
from lama_tui.ui.markdown.wrap import Line, Span, indent, wrap
from lama_tui.ui.palette import Palette

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_core import StateCore
    from markdown_it.token import Token

_BULLETS = "•◦▪"
_NARROWEST = 8
"""Cells: nesting stops taking width here, so that deep lists stay readable."""

_MOST_BRACKETS = 500
"""In one paragraph."""

_DEEPEST = 20
"""Levels of nesting: the parser drops what is deeper, so that a block with more is shown as it was written."""


@dataclass(frozen=True, slots=True)
class Block:
    """A top-level piece of a document: its tokens, its first source line, what it is."""

    tokens: tuple["Token", ...]
    line: int
    kind: str
    """`item` or `numbered` for an item of a list, `tight` for its text, else the token's type."""
    number: int = 0
    """Of a numbered item."""


@lru_cache(maxsize=1)
def parser() -> "MarkdownIt":
    """CommonMark with tables and strikethrough. HTML stays what it is: text.

    So do reference definitions: nothing that was written is hidden, and what a text shows does not
    depend on what follows it.
    """
    from markdown_it import MarkdownIt

    rules = MarkdownIt("commonmark", {"html": True, "maxNesting": _DEEPEST})
    rules.core.ruler.at("inline", _inline)
    return rules.enable(["table", "strikethrough"]).disable("reference")


def _inline(state: "StateCore") -> None:
    """Find emphasis, code and links in each paragraph.

    Looking for the ends of links costs the square of the brackets; with thousands of them in one
    paragraph, which nobody writes, they stay text.
    """
    from markdown_it.token import Token

    for token in state.tokens:
        if token.type != "inline" or token.children is None:
            continue
        if token.content.count("[") > _MOST_BRACKETS:
            token.children.append(Token("text", "", 0, content=token.content))
        else:
            state.md.inline.parse(token.content, state.md, state.env, token.children)


def parse(source: str) -> list[Block]:
    """Split `source` into blocks, in order. Never raises: any text is Markdown."""
    return [_as_written(block, source) if _is_too_deep(block) else block for block in _blocks(parser().parse(source))]


def render(block: Block, width: int, palette: Palette, base: Style | None = None, depth: int = 0) -> list[Line]:
    """Draw one block, `width` cells wide, without blank lines around it."""
    base = palette.text if base is None else base
    tokens = block.tokens
    first = tokens[0]
    match block.kind:
        case "item" | "numbered":
            return _item(block, width, palette, base, depth)
        case "heading_open":
            mark = Span("#" * int(first.tag[1]) + " ", palette.marker)
            return wrap([mark, *spans_of(tokens[1], palette, palette.heading)], width)
        case "fence" | "code_block":
            source = first.content.removesuffix("\n")
            return code_label(first.info, width, palette) + code_lines(first.info, source, width, palette)
        case "blockquote_open":
            room = width - 2 if width - 2 >= _NARROWEST else width
            lines = render_all(_blocks(tokens[1:-1]), room, palette, base + palette.quote, depth)
            bar = Segment("▎ ", palette.marker)
            return lines if room == width else indent(lines, bar, bar)
        case "hr":
            return [[Segment("─" * width, palette.rule)]]
        case "table_open":
            return _table(tokens, width, palette)
        case "html_block":
            return wrap([Span(first.content.rstrip("\n"), base)], width)
        case _:
            spans = [span for token in tokens if token.type == "inline" for span in spans_of(token, palette, base)]
            return wrap(spans, width) if spans else []


def render_all(
    blocks: Sequence[Block], width: int, palette: Palette, base: Style | None = None, depth: int = 0
) -> list[Line]:
    """Draw several blocks with a blank line between them (none between items of a list)."""
    lines: list[Line] = []
    before: Block | None = None
    for block in blocks:
        if before is not None and gap_between(before.kind, block.kind):
            lines.append([])
        lines.extend(render(block, width, palette, base, depth))
        before = block
    return lines


def gap_between(before: str, after: str) -> bool:
    """Whether a blank line stands between blocks of these kinds."""
    return before != "tight" and not (before == after and before in ("item", "numbered"))


def _blocks(tokens: Sequence["Token"]) -> list[Block]:
    """Group a flat token list by its outermost blocks; lists by their items."""
    blocks: list[Block] = []
    position = 0
    while position < len(tokens):
        end = _end_of(tokens, position)
        first = tokens[position]
        if first.type in ("bullet_list_open", "ordered_list_open"):
            blocks.extend(_items(tokens[position + 1 : end - 1], ordered=first.type == "ordered_list_open"))
        else:
            kind = "tight" if first.type == "paragraph_open" and first.hidden else first.type
            blocks.append(Block(tuple(tokens[position:end]), _line_of(first), kind))
        position = end
    return blocks


def _is_too_deep(block: Block) -> bool:
    return any(token.nesting == 1 and token.level >= _DEEPEST - 1 for token in block.tokens)


def _as_written(block: Block, source: str) -> Block:
    """The source of a block, to be shown as text."""
    from markdown_it.token import Token

    start, end = block.tokens[0].map or (0, 0)
    content = "\n".join(source.split("\n")[start:end])
    return Block((Token("html_block", "", 0, content=content),), block.line, "html_block")


def _items(tokens: Sequence["Token"], ordered: bool) -> list[Block]:
    items: list[Block] = []
    position = 0
    while position < len(tokens):
        end = _end_of(tokens, position)
        first = tokens[position]
        number = int(first.info) if ordered and first.info.isdigit() else 0
        kind = "numbered" if ordered else "item"
        items.append(Block(tuple(tokens[position:end]), _line_of(first), kind, number))
        position = end
    return items


def _end_of(tokens: Sequence["Token"], start: int) -> int:
    """Index after the token that closes the one at `start`."""
    depth = 0
    for index in range(start, len(tokens)):
        depth += tokens[index].nesting
        if depth <= 0:
            return index + 1
    return len(tokens)


def _line_of(token: "Token") -> int:
    return token.map[0] if token.map else 0


def _item(block: Block, width: int, palette: Palette, base: Style, depth: int) -> list[Line]:
    mark = f"{block.number}." if block.kind == "numbered" else _BULLETS[depth % len(_BULLETS)]
    hang = len(mark) + 1
    room = width - hang
    if room < _NARROWEST:
        hang, room = 0, width
    inner = render_all(_blocks(block.tokens[1:-1]), room, palette, base, depth + 1) or [[]]
    if not hang:
        return wrap([Span(mark, palette.marker)], width) + inner
    return indent(inner, Segment(mark + " ", palette.marker), Segment(" " * hang, base))


def _table(tokens: Sequence["Token"], width: int, palette: Palette) -> list[Line]:
    rows: list[Row] = []
    cells: list[Cell] = []
    heading = False
    align = "left"
    for token in tokens:
        match token.type:
            case "tr_open":
                cells, heading = [], False
            case "th_open" | "td_open":
                heading = heading or token.type == "th_open"
                style = str(token.attrs.get("style", ""))
                align = style.removeprefix("text-align:") if style.startswith("text-align:") else "left"
            case "inline":
                base = palette.strong if heading else palette.text
                cells.append(Cell(tuple(spans_of(token, palette, base)), align))
            case "tr_close":
                rows.append(Row(tuple(cells), heading))
    return table(rows, width, palette.rule)
