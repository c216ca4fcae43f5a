"""The lines of what could go, in words: figures of all of it, headings, what each is, what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.content import Content

from lama_tui.security.gate import clean_line
from lama_tui.ui import figures
from lama_tui.ui.screens.models.table import pad

if TYPE_CHECKING:
    from lama_tui.library.storage.clean_up import CouldGo, Gone, TakesRoom
    from lama_tui.library.storage.usage import LibraryUsage

GROUPS = (
    ("Left behind", ("part", "incomplete", "unfinished", "bad")),
    ("Old revisions", ("old",)),
    ("Not used for long", ("model",)),
    ("Files of no revision", ("orphan",)),
)
"""Headings, and the kinds below each."""

_FILES = 50
"""Files of a line that are named, the largest first."""


@dataclass(frozen=True, slots=True)
class Line:
    """One that could go, or with a `heading` all below it."""

    each: "tuple[CouldGo, ...]"
    heading: str = ""

    @property
    def size(self) -> int:
        """Bytes of each that can go, added up: what several share counts in each."""
        return sum(each.size for each in self.each if not self.heading or each.why_not is None)


def lines_of(could_go: "Sequence[CouldGo]") -> list[Line]:
    """A heading and lines for each group that has any."""
    shown: list[Line] = []
    for heading, kinds in GROUPS:
        if below := tuple(each for each in could_go if each.kind in kinds):
            shown += [Line(below, heading), *(Line((each,)) for each in below)]
    return shown


def takes_room(usage: "LibraryUsage") -> str:
    """How many models take how much, as `lama ls` says it: a repo is one, the guide and models of servers are none."""
    count = len(usage.models)
    return f"{count:,} model{'s' if count != 1 else ''} take{'s' if count == 1 else ''} {figures.size(usage.total)}"


def sums(room: "TakesRoom") -> list[Content]:
    """What models take, against the disk and the quota."""
    shared = f", {figures.size(room.usage.shared)} of it shared" if room.usage.shared else ""
    text = [Content.assemble((takes_room(room.usage), "bold"), shared)]
    if room.disk is not None:
        free = f"{figures.size(room.disk.free)} of {figures.size(room.disk.total)} free on the disk"
        low = (f"; {figures.size(room.disk.lacking)} too little", "$warning") if room.disk.low else ""
        text.append(Content.assemble(free, low))
    if room.quota.quota:
        over = (f"; {figures.size(room.quota.over)} over it", "$warning") if room.quota.over else ""
        text.append(Content.assemble(f"The quota is {figures.size(room.quota.quota)}", over))
    return text


def line(shown: Line, marked: bool | None, some: bool, room: int, now: int) -> Content:
    """One line; `marked` None: where nothing can be marked. `some`: not all below a heading are."""
    can = any(each.why_not is None for each in shown.each)
    mark = "" if marked is None else "    " if not can else "[x] " if marked else "[-] " if some else "[ ] "
    size = f"{figures.size(shown.size):>9}  "
    if shown.heading:
        return Content.assemble(mark, (size, ""), (shown.heading, "bold $primary")).truncate(room, ellipsis=True)
    each = shown.each[0]
    name = max(12, min(34, (room - len(mark) - len(size)) // 2))
    return Content.assemble(
        mark, size, pad(clean_line(each.ref, 200), name), "  ", (what(each, now), "" if can else "$foreground-muted")
    ).truncate(max(1, room), ellipsis=True)


def what(each: "CouldGo", now: int) -> str:
    """What it is, in the words of the command line."""
    from lama_tui.library.storage.clean_up import WORDS

    if each.why_not is not None:
        return f"✕ {clean_line(each.why_not.title, 100)}"
    if each.kind == "model":
        return f"used {figures.ago(each.last_used, now)}" if each.last_used else "never used here"
    if each.plan is not None:
        commits = [revision[:10] for revision in each.plan.revisions]
        return f"{WORDS[each.kind]}: {', '.join(commits)}"
    count = len(each.leftovers)
    return WORDS[each.kind] + (f" ({count:,} files)" if count > 1 else "")


def about(shown: Line, width: int, now: int) -> list[Content]:
    """More of a line: why it cannot go, what is lost with it, and its files."""
    if shown.heading:
        refs = dict.fromkeys(clean_line(each.ref, 100) for each in shown.each)
        return [Content.styled(shown.heading, "bold $primary"), Content(", ".join(refs))]
    (each,) = shown.each
    text = [Content.assemble((clean_line(each.ref, 300), "bold $primary"), "  ", what(each, now))]
    if each.why_not is not None:
        return [
            *text,
            Content(clean_line(each.why_not.detail, 300)),
            Content.assemble(("→ ", "$accent"), clean_line(each.why_not.hint, 300)),
        ]
    if each.plan is not None:
        text += [Content.styled(clean_line(note, 300), "$warning") for note in each.plan.notes]
    files = sorted((file for file in each.files if file.inode is not None), key=lambda file: -file.size)
    for file in files[:_FILES]:
        path = clean_line(str(file.path), 1000)
        shortened = path if len(path) <= width - 11 else "…" + path[-(width - 12) :]
        text.append(Content.assemble((f"{figures.size(file.size):>9}", "$foreground-muted"), f"  {shortened}"))
    if rest := files[_FILES:]:
        text.append(Content(f"{figures.size(sum(file.size for file in rest)):>9}  in {len(rest):,} more"))
    return text


def outcome(gone: "Sequence[Gone]", wanted: int) -> str:
    """What was freed, and what was not."""
    size = figures.size(sum(each.freed for each in gone))
    refused = sum(each.error is not None for each in gone)
    left = wanted - len(gone)
    said = f"{size} freed."
    if refused:
        said += f" {refused} of {wanted} could not be removed."
    return said + (f" Stopped: {left} of {wanted} stay." if left else "")
