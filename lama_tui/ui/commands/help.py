"""The text of help: sections of keys, those of the place one comes from first, laid out for a width."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from textual.content import Content

from lama_tui.config.keymap import KEYMAP, Key, Scope
from lama_tui.ui.bindings import key_name, names_of
from lama_tui.ui.commands.arguments import ARGUMENTS
from lama_tui.ui.commands.entries import PLACES
from lama_tui.ui.commands.ranking import fold

TWO_COLUMNS = 100
"""Cells from which on there are two columns."""

_GAP = 4
_LONGEST_NAME = 22


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and its lines, each a key or a command and what it does; `here`: it works where one comes from."""

    heading: str
    lines: Sequence[tuple[str, str]]
    here: bool = False


def sections(overrides: Mapping[str, str], here: Sequence[Scope]) -> list[Section]:
    """All keys by place, the places `here` first in their order, then the commands, then the other places."""
    others = [scope for scope in PLACES if scope not in here]
    commands = sorted((key for key in KEYMAP if key.command), key=lambda key: key.command)
    written = Section(
        "Commands, written in the composer",
        [(f"/{key.command} {ARGUMENTS.get(key.id, '')}".rstrip(), key.tooltip) for key in commands]
        + [("//…", "Send a text that begins with a slash")],
    )
    return [
        *(_of(scope, overrides, True) for scope in here),
        written,
        *(_of(scope, overrides, False) for scope in others),
    ]


def _of(scope: Scope, overrides: Mapping[str, str], here: bool) -> Section:
    return Section(PLACES[scope], [(_keys(key, overrides), key.tooltip) for key in KEYMAP if key.scope == scope], here)


def _keys(key: Key, overrides: Mapping[str, str]) -> str:
    return " ".join(key_name(name) for name in names_of(overrides.get(key.id, key.keys))) or "–"


def page(sections: Sequence[Section], wanted: str, width: int) -> Content:
    """The lines that hold every word of `wanted`, in two columns where `width` cells have room for them."""
    words = fold(wanted).split()
    kept = []
    for section in sections:
        whole = all(word in fold(section.heading) for word in words)
        lines = [line for line in section.lines if whole or all(word in fold(" ".join(line)) for word in words)]
        if lines:
            kept.append(Section(section.heading, lines, section.here))
    if not kept:
        return Content.styled(f"No key and no command has to do with “{wanted.strip()}”.", "$foreground-muted")
    columns = 2 if width >= TWO_COLUMNS and len(kept) > 1 else 1
    room = (width - _GAP * (columns - 1)) // columns
    blocks = [_block(section, room) for section in kept]
    if columns == 1:
        return Content("\n").join(line for block in blocks for line in block)
    left, right = _split(blocks)
    rows = []
    for at in range(max(len(left), len(right))):
        first = left[at] if at < len(left) else Content("")
        second = right[at] if at < len(right) else Content("")
        rows.append(Content.assemble(first.pad_right(room + _GAP - first.cell_length), second))
    return Content("\n").join(rows)


def _split(blocks: Sequence[list[Content]]) -> tuple[list[Content], list[Content]]:
    """The blocks in their order, in two columns that are as equal as they can be."""
    heights = [len(block) for block in blocks]
    cut = min(range(1, len(blocks)), key=lambda at: max(sum(heights[:at]), sum(heights[at:])))
    return [line for block in blocks[:cut] for line in block], [line for block in blocks[cut:] for line in block]


def _block(section: Section, width: int) -> list[Content]:
    """A section in lines of at most `width` cells, with an empty one at its end."""
    name = min(_LONGEST_NAME, max(cell_len(line[0]) for line in section.lines))
    heading = Content.assemble((section.heading, "bold $primary"))
    if section.here:
        heading = Content.assemble(heading, (" · works here", "$foreground-muted"))
    lines = [heading.truncate(width, ellipsis=True)]
    room = max(8, width - name - 2)
    for key, about in section.lines:
        first, *more = Content(about).wrap(room) or [Content("")]
        long = cell_len(key) > name
        if long:
            lines.append(Content.styled(key, "$accent").truncate(width, ellipsis=True))
        shown = Content.styled("" if long else key, "$accent")
        lines.append(Content.assemble(shown.pad_right(name - shown.cell_length + 2), first))
        lines += [Content.assemble(" " * (name + 2), line) for line in more]
    return [*lines, Content("")]
