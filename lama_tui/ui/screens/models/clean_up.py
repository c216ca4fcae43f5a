"""What takes room on the disk, and what of it could go: marked line by line, asked about once, then deleted."""

import time
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

from textual import on, work
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from lama_tui.security.gate import clean_line
from lama_tui.ui import figures
from lama_tui.ui.bindings import bindings, key_at
from lama_tui.ui.screens.above import Above
from lama_tui.ui.screens.models.ask import Ask
from lama_tui.ui.screens.models.room import Line, about, line, lines_of, outcome, sums
from lama_tui.ui.screens.models.section import Details
from lama_tui.ui.widgets.key_line import KeyLine
from lama_tui.ui.widgets.long_list import LongList
from lama_tui.ui.widgets.mark_list import MarkList
from lama_tui.ui.widgets.notice import Notice

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from lama_tui.library.storage.clean_up import CleanUp, CouldGo, Gone, TakesRoom

Key = tuple[str, str]
"""The kind and the model of what could go: the same line also when everything was measured again."""

_NAMED = 8
"""Lines that are named before they go, the largest first."""


class CleanUpScreen(Above[bool]):
    """Returns whether anything was removed."""

    CSS_PATH = "../../styles/models.tcss"
    BINDINGS = [*bindings("cleaning"), *bindings("dialog")]
    SCOPES = ("cleaning", "dialog")
    AUTO_FOCUS = ""

    def __init__(self, clean_up: "Callable[[], Awaitable[CleanUp]]", answering: Collection[str] = ()) -> None:
        super().__init__()
        self._made = clean_up
        self._answering = answering
        self._room: TakesRoom | None = None
        self._lines: Sequence[Line] = ()
        self._marked: set[Key] | None = None  # None: nobody has seen them yet
        self._freed: int | None = 0
        self._doing = ""
        self._stopping = False
        self._said = "Measuring…"
        self._now = 0
        self._removed = False

    def compose(self) -> ComposeResult:
        """The figures, what could go, more of the highlighted line, what happens, and the keys."""
        yield Static(Content.styled("Clean up", "bold $primary"), id="clean-title", markup=False)
        yield Static("", id="clean-figures", markup=False)
        yield MarkList(self._draw, id="clean-lines")
        with Details(id="clean-details", can_focus=False):
            yield Static("", id="clean-about", classes="models-text", markup=False)
        yield Notice(key_at(self, "dialog.close"), id="notice")
        yield Static("", id="models-status", markup=False)
        yield KeyLine(id="keys")

    def on_mount(self) -> None:
        """Measure behind the first paint."""
        self.query_one(MarkList).focus()
        self._look()

    # --- what there is -------------------------------------------------------------

    @work(exclusive=True, group="clean-look")
    async def _look(self) -> None:
        with self.query_one(Notice).catching():
            await self._measure()
        self._said = ""
        self._show()

    async def _measure(self) -> None:
        """Look at everything again. Raises a `LamaError`."""
        from lama_tui.library.storage.clean_up import OF_NOBODY

        room = await (await self._made()).look(self._answering)
        self._room, self._now = room, time.time_ns() // 1_000_000
        there = {_key(each) for each in room.could_go if each.why_not is None}
        if self._marked is None:
            self._marked = {_key(each) for each in room.could_go if each.kind in OF_NOBODY}
        self._marked &= there
        self._lines = lines_of(room.could_go)
        self._add_up()

    @property
    def _chosen(self) -> "list[CouldGo]":
        marked = self._marked or set()
        return [each for each in (self._room.could_go if self._room else ()) if _key(each) in marked]

    @work(exclusive=True, group="clean-sum")
    async def _add_up(self) -> None:
        """What is freed by all that is marked."""
        chosen, self._freed = self._chosen, None if self._chosen else 0
        if chosen:
            with self.query_one(Notice).catching():
                self._freed = await (await self._made()).freed(chosen)
        self._show()

    # --- what is shown -------------------------------------------------------------

    def _show(self) -> None:
        room = self._room
        if room is not None:
            text = Content("\n").join(sums(room))
            if not room.could_go:
                text = Content("\n").join([text, Content(""), Content("Nothing to clean up.")])
            self.query_one("#clean-figures", Static).update(text)
        lines = self.query_one(MarkList)
        self.set_class(not self._lines, "-bare")
        lines.show(len(self._lines), lines.highlighted)
        self._show_details()
        self._show_status()

    def _draw(self, at: int, room: int) -> list[Content]:
        shown = self._lines[at]
        marked = [_key(each) in (self._marked or ()) for each in shown.each if each.why_not is None]
        return [line(shown, all(marked) and bool(marked), any(marked), room, self._now)]

    @on(LongList.Highlighted)
    @on(Details.Resized)
    def _show_details(self) -> None:
        width = max(20, self.query_one("#clean-details").scrollable_content_region.width)
        shown = self._highlighted
        text = about(shown, width, self._now) if shown is not None else []
        self.query_one("#clean-about", Static).update(Content("\n").join(text))

    def _show_status(self) -> None:
        if self._doing:
            # first: there is not always room for all of it
            stops = "stops after this one  ·  " if self._stopping else f"{key_at(self, 'dialog.close')} stops it  ·  "
            text = Content.assemble((stops, "$foreground-muted"), (self._doing, "$accent"))
        elif self._said:
            text = Content(self._said)
        elif chosen := self._chosen:
            frees = "adding up…" if self._freed is None else f"{figures.size(self._freed)} would be freed"
            text = Content.assemble(f"{len(chosen)} marked: ", (frees, "bold"))
        elif self._lines:
            text = Content(f"Nothing is marked. {key_at(self, 'cleaning.mark')} marks a line.")
        else:
            text = Content("")
        self.query_one("#models-status", Static).update(text)

    @property
    def _highlighted(self) -> Line | None:
        at = self.query_one(MarkList).highlighted
        return self._lines[at] if at is not None and at < len(self._lines) else None

    # --- actions -------------------------------------------------------------------

    @on(MarkList.MarkRequested)
    def _mark_requested(self, event: MarkList.MarkRequested) -> None:
        self._mark(self._lines[event.at] if event.at < len(self._lines) else None)

    @on(LongList.Chosen)
    def action_mark(self) -> None:
        """Mark the highlighted line or take the mark away; of a heading, all lines below it."""
        self._mark(self._highlighted)

    def _mark(self, shown: Line | None) -> None:
        if shown is None or self._marked is None or self._doing:
            return
        self._said = ""
        can = {_key(each) for each in shown.each if each.why_not is None}
        if not can:
            self.app.bell()
            why = next((each.why_not for each in shown.each if each.why_not is not None), None)
            self._said = clean_line(f"It cannot go now: {why.title}.", 200) if why is not None else ""
        self._marked = self._marked - can if can <= self._marked else self._marked | can
        self._add_up()
        self._show()

    @work(group="clean-free")
    async def action_free(self) -> None:
        """Say exactly what is freed, ask, and let it go; what cannot go stays on the list."""
        if self._doing or self._room is None:
            return
        self._doing, self._stopping = "Measuring…", False
        self._show_status()
        try:
            with self.query_one(Notice).catching():
                clean_up = await self._made()
                await self._measure()  # others remove and download too
                if (chosen := self._chosen) and not self._stopping:
                    size = figures.size(await clean_up.freed(chosen))
                    told = _told(chosen, size, min(66, self.app.size.width - 14), self._now)
                    self._doing = ""
                    self._show_status()
                    if await self.app.push_screen_wait(Ask("Clean up", told, _answers(size))):
                        await self._let_go(clean_up, chosen)
                elif not chosen:
                    self._said = "Nothing is marked."
        finally:
            self._doing = ""
            self._show()

    async def _let_go(self, clean_up: "CleanUp", chosen: "Sequence[CouldGo]") -> None:
        from lama_tui.library.storage.clean_up import on_their_own

        going, gone = on_their_own(chosen), list["Gone"]()
        steps = clean_up.carry_out(going)
        for number, each in enumerate(going, 1):
            so_far = figures.size(sum(one.freed for one in gone))
            self._doing = f"Deleting {number} of {len(going)}: {clean_line(each.ref, 40)}  ·  {so_far} freed"
            self._show_status()
            gone.append(await anext(steps))
            self._removed = True
            if self._stopping:
                break
        await steps.aclose()
        self._said = outcome(gone, len(going))
        for one in gone:
            if one.error is not None:
                self.query_one(Notice).add(one.error)
        await self._measure()

    def action_close(self) -> None:
        """Put a problem away, stop what is being deleted after the one that it is at, else go back."""
        if self.query_one(Notice).dismiss():
            return
        if self._doing:
            self._stopping = True
            self._show_status()
        else:
            self.dismiss(self._removed)


def _key(each: "CouldGo") -> Key:
    return each.kind, each.ref


def _told(chosen: "Sequence[CouldGo]", size: str, width: int, now: int) -> list[Content]:
    """What goes and what is lost with it."""
    files = sum(len(each.files) for each in chosen)
    text = [Content.assemble((size, "bold"), f" are freed: {files:,} file{'s' if files != 1 else ''} and links go.")]
    largest = sorted(chosen, key=lambda each: -each.size)
    text += [line(Line((each,)), None, False, width, now) for each in largest[:_NAMED]]
    if rest := largest[_NAMED:]:
        text.append(Content(f"and {len(rest)} more"))
    notes = [note for each in chosen if each.plan is not None for note in each.plan.notes]
    text += [Content.styled(clean_line(note, 300), "$warning") for note in dict.fromkeys(notes)]
    if any(each.kind == "model" for each in chosen):
        text += [Content(""), Content("Conversations with these models stay. They can be downloaded again.")]
    return text


def _answers(size: str) -> list[tuple[str, str]]:
    return [("", "Keep everything"), ("free", f"Delete it and free {size}")]
