"""Markdown that grows: finished blocks are drawn once, only the open one is drawn again."""

from collections.abc import Sequence

from lama_tui.ui.markdown.blocks import Block, gap_between, parse, render
from lama_tui.ui.markdown.code import code_label, code_lines
from lama_tui.ui.markdown.wrap import Line
from lama_tui.ui.palette import Palette

_FREEZE = 48
"""Lines of an open code block after which its head is kept: colouring it anew for every token
would cost the square of its length. The whole block is drawn afresh when it is complete."""


class GrowingMarkdown:
    """Lines of a text that is extended at its end.

    A block is finished when another follows it. `update` costs what is new plus the open
    block, not the length of the text.
    """

    def __init__(self, width: int, palette: Palette) -> None:
        self._width = max(1, width)
        self._palette = palette
        self._text = ""
        self._kept: list[Line] = []
        self._kept_until = 0  # characters of the text that the kept lines show
        self._kept_kind = ""  # of the last finished block
        self._fence = _OpenFence()
        self.lines: list[Line] = []

    def update(self, text: str, complete: bool = False) -> None:
        """Show `text`. A text that does not continue the last one is drawn from its start."""
        if complete or not text.startswith(self._text):
            self._kept, self._kept_until, self._kept_kind = [], 0, ""
            self._fence = _OpenFence()
        elif text == self._text:
            return
        self._text = text
        tail = text[self._kept_until :]
        if not complete and (lines := self._fence.extend(tail, self._width, self._palette)) is not None:
            self.lines = self._kept + self._gap("fence") + lines
            return
        blocks = parse(tail)
        settled = 0 if complete else _settled(blocks, tail)
        drawn: list[Line] = []
        for number, block in enumerate(blocks):
            lines = self._gap(block.kind, blocks[number - 1].kind if number else None) + render(
                block, self._width, self._palette
            )
            if number < settled:
                self._kept.extend(lines)
            else:
                drawn.extend(lines)
        if settled > 0:
            self._kept_kind = blocks[settled - 1].kind
            self._kept_until += _offset(tail, blocks[settled].line)
            tail = text[self._kept_until :]
            self._fence = _OpenFence()
        if settled == len(blocks) - 1 and not complete:
            self._fence = _OpenFence.following(self._fence, blocks[-1], tail)
        self.lines = self._kept + drawn

    def _gap(self, kind: str, before: str | None = None) -> list[Line]:
        before = self._kept_kind if before is None else before
        return [[]] if before and gap_between(before, kind) else []


class _OpenFence:
    """The head of a code block that is still open, drawn in pieces of `_FREEZE` lines."""

    def __init__(self, opening: str = "") -> None:
        self._opening = opening  # the line that opens it; empty: there is none
        self._until = len(opening) + 1  # characters of the tail that `_head` shows
        self._head: list[Line] = []

    @classmethod
    def following(cls, before: "_OpenFence", block: Block, tail: str) -> "_OpenFence":
        """What to follow now that `block` is the last of `tail`: only a fence at the margin."""
        opening = tail.partition("\n")[0]
        if block.kind != "fence" or not opening.startswith(block.tokens[0].markup):
            return cls()
        return before if opening == before._opening else cls(opening)

    def extend(self, tail: str, width: int, palette: Palette) -> list[Line] | None:
        """Lines of `tail` if it is still this open fence and long; else None: parse it."""
        if not self._opening or not tail.startswith(self._opening + "\n"):
            return None
        marker = self._opening[: len(self._opening) - len(self._opening.lstrip("`~"))]
        rest = tail[self._until :]
        if rest.count("\n") < _FREEZE or any(line.strip().startswith(marker) for line in rest.split("\n")):
            # short enough to draw whole, or perhaps closed
            return (
                None
                if not self._head or marker in rest
                else self._head + self._draw(rest.removesuffix("\n"), width, palette)
            )
        cut = len(rest)
        for _ in range(2):  # keep up to the line before the open one
            cut = rest.rfind("\n", 0, cut)
        if cut > 0:
            self._head += self._draw(rest[: cut + 1].removesuffix("\n"), width, palette, label=not self._head)
            self._until += cut + 1
            rest = rest[cut + 1 :]
        return self._head + self._draw(rest.removesuffix("\n"), width, palette)

    def _draw(self, code: str, width: int, palette: Palette, label: bool = False) -> list[Line]:
        info = self._opening.lstrip("`~")
        lines = code_lines(info, code, width, palette)
        return code_label(info, width, palette) + lines if label else lines


def _settled(blocks: Sequence[Block], text: str) -> int:
    """How many `blocks` of `text` stay as they are, whatever follows: all that are followed by a whole line.

    A line that is still being written may yet turn out to belong to the block before it.
    """
    whole = bool(blocks) and "\n" in text[_offset(text, blocks[-1].line) :]
    return max(0, len(blocks) - (1 if whole else 2))


def _offset(text: str, line: int) -> int:
    """Characters before source line number `line`."""
    position = 0
    for _ in range(line):
        position = text.find("\n", position) + 1
    return position
