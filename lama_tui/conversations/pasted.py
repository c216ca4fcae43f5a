"""Which pieces of a text were pasted as one block, written into the text itself.

The composer shows a large paste as one label. So that a block is still one when its text comes back from the
drafts, from the queue or from what was sent before, it stands between two characters that Unicode reserves for
such use inside a program and that no text has. A message that is sent is plain: its marks become `extents`.
"""

import json
import re
from collections.abc import Iterable, Sequence

OPEN, CLOSE = "\ufdd0", "\ufdd1"

_BLOCK = re.compile(f"{OPEN}([^{OPEN}{CLOSE}]*){CLOSE}")
_STRAY = re.compile(f"[{OPEN}{CLOSE}]")

Extent = tuple[int, int]
"""Where a block begins and ends in the plain text, in characters."""


def unmarked(text: str) -> str:
    """A text that comes from outside, in which nothing can be taken for a mark."""
    return _STRAY.sub("\N{REPLACEMENT CHARACTER}", text)


def block(text: str) -> str:
    """`text` as one block."""
    return f"{OPEN}{unmarked(text)}{CLOSE}"


def pieces(marked: str) -> list[tuple[str, bool]]:
    """The text in order, each piece with whether it is a block. Marks that belong to no block are left out."""
    found: list[tuple[str, bool]] = []
    for number, piece in enumerate(_BLOCK.split(marked)):
        is_block = number % 2 == 1
        text = piece if is_block else _STRAY.sub("", piece)
        if text:
            found.append((text, is_block))
    return found


def plain(marked: str) -> str:
    """The text as a model reads it."""
    return "".join(text for text, _ in pieces(marked))


def outlined(marked: str) -> str:
    """The text with a label in place of each block, to show in little room."""
    return "".join(label(text) if is_block else text for text, is_block in pieces(marked))


def extents(marked: str) -> tuple[Extent, ...]:
    """Where the blocks are in `plain(marked)`."""
    found: list[Extent] = []
    at = 0
    for text, is_block in pieces(marked):
        if is_block:
            found.append((at, at + len(text)))
        at += len(text)
    return tuple(found)


def marked(text: str, found: Iterable[Sequence[int]]) -> str:
    """The reverse of `plain` and `extents`. Extents that do not fit the text count for nothing."""
    made: list[str] = []
    at = 0
    for start, end in found:
        if at <= start < end <= len(text):
            made += [unmarked(text[at:start]), block(text[start:end])]
            at = end
    return "".join([*made, unmarked(text[at:])])


def blocks_to(extents: Sequence[Extent]) -> str | None:
    """The column `parts.json` of a message with pasted blocks; None where there are none."""
    return json.dumps({"pasted": extents}) if extents else None


def blocks_from(text: str | None) -> list[Extent]:
    """The reverse of `blocks_to`; what cannot be is left out. Never raises."""
    try:
        said = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return []
    pairs = said.get("pasted") if isinstance(said, dict) else None
    return [
        (pair[0], pair[1])
        for pair in (pairs if isinstance(pairs, list) else [])
        if isinstance(pair, list) and len(pair) == 2 and all(type(place) is int for place in pair)
    ]


def label(text: str) -> str:
    """How a block is shown: `[pasted 1,234 lines, 56.7 kB]`, its size in UTF-8."""
    lines = text.count("\n") + (not text.endswith("\n"))
    size = float(len(text.encode("utf-8", "replace")))
    unit = "bytes"
    for larger in ("kB", "MB", "GB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    amount = f"{size:,.0f}" if unit == "bytes" else f"{size:,.1f}"
    return f"[pasted {lines:,} line{'' if lines == 1 else 's'}, {amount} {unit}]"
