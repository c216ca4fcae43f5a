"""The transcript as one sees it: one line-API widget that scrolls, follows the end and draws what is in view.

The cost of a frame does not depend on the length of the conversation.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.segment import Segment
from textual import events
from textual.geometry import Region, Size
from textual.message import Message as WidgetMessage
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from lama_tui.types import ConversationId, MessageId
from lama_tui.ui.markdown.wrap import Line, width_of
from lama_tui.ui.palette import Palette
from lama_tui.ui.transcript.column import Anchor, Column
from lama_tui.ui.transcript.cursor import Cursor, Place
from lama_tui.ui.transcript.drawings import Drawings
from lama_tui.ui.transcript.key_names import KeyNames
from lama_tui.ui.transcript.mark import arrived
from lama_tui.ui.transcript.selection import MARGIN, Selected, row
from lama_tui.ui.transcript.steps import follow, step_beside_panes
from lama_tui.ui.transcript.strips import changed_regions, put_over, select
from lama_tui.ui.transcript.unfinished import SLICE, Unfinished

if TYPE_CHECKING:  # they come with the first message
    from lama_tui.conversations.messages import Message
    from lama_tui.ui.drawn_message import Progress

WIDEST = 100
"""Cells: longer lines are hard to read."""


class TranscriptView(ScrollView, can_focus=True):
    """Shows a conversation; follows its end until one scrolls away from it."""

    class FollowingChanged(WidgetMessage):
        """The end came into view, or left it."""

        def __init__(self, following: bool) -> None:
            super().__init__()
            self.following = following

    def __init__(
        self,
        palette: Callable[[], Palette],
        empty: Callable[[int, int, Palette], list[Line]],
        keys: KeyNames,
        *,
        id: str | None = None,  # noqa: A002 - the name that Textual uses
    ) -> None:
        super().__init__(id=id)
        self._palette = palette
        self._empty = empty
        self._drawings = Drawings(keys)
        self._column = Column()
        self._cursor = Cursor(self._column)
        self._selected: Selected | None = None
        self._conversation: ConversationId | None = None
        self._empty_lines: list[Line] = []
        self._following = True
        self._new = 0  # lines that came below since the end left the view
        self._settling = False
        self._unfinished = Unfinished(self, self._column, self._draw_on)

    # --- what is shown -------------------------------------------------------------

    def show(self, messages: "Sequence[Message]", *, follow: bool | None = None) -> None:
        """Show these messages; the drawings of those that did not change are kept."""
        anchor = self._hold()
        conversation = messages[0].conversation if messages else None
        if conversation != self._conversation:
            self._conversation, self._drawings.left_out = conversation, None
            self._cursor.reset()
            self._following = True
        grows = self._column.goes_on_in(messages)
        if not grows:  # a place is told by the number of its message
            self.end_selection()
        had = len(self._column)
        last = max(0, had - 1)
        end = self._column.line(last) if had else 0
        height = self._column.height - end
        self._column.replace(self._drawings.of(messages, self._column.messages))
        self._cursor.settle()
        if follow is not None:
            self._following = follow
        if grows and had and not self._following:
            self._came(sum(self._column.draw(index).height for index in range(last, len(messages))) - height)
        self._settle(None if self._following else anchor, grows)
        if self._following and self._cursor.index is not None and self._cursor.begun is None and messages[last + 1 :]:
            self._cursor.put(len(messages) - 1)  # along with the conversation
        self.refresh()

    def begin_view(self, left_out: int | None) -> None:
        """The next prompt will leave out so many of the oldest messages; None: that is not known."""
        if left_out != self._drawings.left_out:
            self._drawings.left_out = left_out
            self.show([drawn.message for drawn in self._column.messages])

    def name_keys(self, keys: KeyNames) -> None:
        """Name other keys in the lines that name some."""
        self._drawings.keys = keys
        messages = [drawn.message for drawn in self._column.messages]
        for drawn in self._column.messages:
            self._drawings.remember(drawn)
        self._column.replace([])
        self.show(messages)

    def advance(self, message: MessageId, progress: "Progress") -> None:
        """Show a running answer as far as it is."""
        messages = self._column.messages
        for index in range(len(messages) - 1, -1, -1):
            drawn = messages[index]
            if drawn.message.id == message:
                anchor = self._hold()
                if anchor is not None and (anchor.message, anchor.part) == (message, "reasoning"):
                    drawn.keep_open("reasoning")
                lines, height = drawn.lines, drawn.height
                drawn.advance(progress, self._text_width, self._palette())
                if drawn.lines is not lines:
                    if drawn.height != height:
                        self._column.changed(index)
                        self._came(drawn.height - height)
                    first = self._column.line(index) - self.scroll_offset.y
                    self._settle(anchor, grows=True)
                    moved = self._column.line(index) - self.scroll_offset.y != first
                    if not moved and height == drawn.height == len(lines) == len(drawn.lines):
                        for region in changed_regions(first, lines, drawn.lines, self.size.height):
                            self.refresh(region)
                    else:
                        self.refresh()
                return

    @property
    def following(self) -> bool:
        """Whether the end is kept in view."""
        return self._following

    @property
    def way_down(self) -> str:
        """The key that leads to the end from where one is."""
        keys = self._drawings.keys
        return keys.last if self.has_focus else keys.page_down

    @property
    def current(self) -> "Message | None":
        """The message under the cursor, else the last one."""
        drawn = self._cursor.message
        return drawn.message if drawn is not None else None

    def redraw(self) -> None:
        """Draw everything again, as after a change of theme."""
        self._settle(self._hold())
        self.refresh()

    # --- scrolling -----------------------------------------------------------------

    @property
    def _text_width(self) -> int:
        return max(4, min(WIDEST, self.scrollable_content_region.width - MARGIN - 1))

    @property
    def _top(self) -> int:
        return self.scroll_offset.y

    def _hold(self) -> Anchor | None:
        """The line that the eye is on: the first in view; None while the end is followed."""
        return None if self._following else self._column.hold(self._top)

    @contextmanager
    def _steady(self, line: int) -> Iterator[None]:
        """Keep a line of the conversation where it is, if it is in view, else the first one that is, whatever is done
        to the others. The end is followed no longer when it leaves the view."""
        top = self._top
        anchor = self._column.hold(top, line - top if top <= line < top + self.size.height else 0)
        yield
        self._column.changed()
        self._settle(anchor)
        self._set_following(self._top >= self.max_scroll_y)
        self.refresh()

    @contextmanager
    def _moving(self) -> Iterator[None]:
        """Keep the first line in view where it is while the cursor looks for its place, which can draw and unfold."""
        anchor = self._column.hold(self._top)
        yield
        self._settle(anchor)

    def _settle(self, anchor: Anchor | None, grows: bool = False) -> None:
        """Draw what is in view or near it, and keep the eye's line where it is; without one, the end in view.

        The end of an answer that `grows` is followed in steps.
        """
        height = self.size.height
        if not height or self._settling:
            return
        self._settling = True
        try:
            self._column.look(self._text_width, self._palette)
            top = self._column.settle(anchor, height)
            if anchor is None and grows:
                top = follow(top, self._top, step_beside_panes(self))
            self._set_extent(max(self._column.height, top + height if grows else 0))
            self._scroll_at_once(top)
            self._new = 0 if self._following else min(self._new, max(0, self._column.height - top - height))
        finally:
            self._settling = False
        self._unfinished.watch()

    def _draw_on(self, index: int) -> None:
        """Draw a slice of a message that takes long, and show what changed: how much is drawn, or that all is."""
        drawn = self._column.messages[index]
        if not drawn.go_on(SLICE):
            return
        unfolds, rewraps, height = drawn.unfolds, drawn.outdated and drawn.percent is None, drawn.height
        anchor = None if self._following and not unfolds else self._column.hold(self._top, ink=rewraps)
        if rewraps:
            self.end_selection()
        self._settle(anchor)
        if unfolds:
            self._set_following(self._top >= self.max_scroll_y)
        if drawn.unfinished and drawn.height == height:
            note = self._column.line(index, drawn.line_of("text", height)) - self._top
            for y in (note, self.size.height - 1):
                self.refresh(Region(0, y, self.size.width, 1))
        else:
            self.refresh()

    def _came(self, lines: int) -> None:
        """Lines were added at the end."""
        self._new = 0 if self._following else max(0, self._new + lines)

    def _set_extent(self, lines: int) -> None:
        """Tell the scroll bar how long the conversation is. Setting `virtual_size` itself would lay out
        and draw the whole screen with every line that an answer grows by."""
        extent = Size(self.scrollable_content_region.width, max(lines, 1))
        if extent != self.virtual_size:
            self.set_reactive(Widget.virtual_size, extent)
            self._scroll_update(extent)

    def _scroll_at_once(self, y: int) -> None:
        """Put line `y` on top. `scroll_to` would end a running animation, which fails from within its own last step."""
        self.scroll_y = self.scroll_target_y = float(y)

    def on_resize(self, event: events.Resize) -> None:
        """Heights depend on the width: guess again, draw what is in view, and keep what is read in view."""
        rewraps = self._column.width != self._text_width
        anchor = None if self._following else self._column.hold(self._top, ink=rewraps)
        if rewraps:
            self.end_selection()
        self._column.look(self._text_width, self._palette)
        self._column.estimate()
        self._settle(anchor)
        self.refresh()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Follow the end when it is in view; draw what came into view."""
        super().watch_scroll_y(old_value, new_value)
        if self._settling or round(old_value) == round(new_value):
            return
        self._set_following(new_value >= self.max_scroll_y)
        self._settle(self._column.hold(self._top))
        self._cursor.stay_in_view(self._top, self.size.height)

    def _set_following(self, following: bool) -> None:
        if following != self._following:
            self._following = following
            self._new = 0
            self.post_message(self.FollowingChanged(following))

    def _reveal(self, first: int, end: int, on_top: bool = False) -> None:
        """Bring the lines from `first` up to `end` into view, or their beginning, moving as little as possible;
        `on_top` puts what is out of view on top."""
        room = max(1, self.size.height - 1)  # the last row may tell of what is new
        row = first - self._top
        if not 0 <= row <= room - (end - first):
            row = 0 if on_top or row < 0 or end - first > room else room - (end - first)
        self._settle(self._column.hold(first - row, row))
        self._set_following(self._top >= self.max_scroll_y)
        self.refresh()

    @property
    def _page(self) -> int:
        """Lines that a page moves by: less than are seen, so that none is missed."""
        return max(1, self.size.height - 2)

    def scroll_page_up(self, **options: Any) -> None:
        """Scroll up a page."""
        self.scroll_to(y=self.scroll_y - self._page, animate=False)

    def scroll_page_down(self, **options: Any) -> None:
        """Scroll down a page."""
        self.scroll_to(y=self.scroll_y + self._page, animate=False)

    # --- drawing -------------------------------------------------------------------

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines of `crop`."""
        if not len(self._column):
            self._empty_lines = self._empty(*self.scrollable_content_region.size, self._palette())
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """One line of the viewport."""
        width = self.scrollable_content_region.width
        base = self.visual_style.rich_style  # kept until the styles change, unlike `rich_style`
        if not len(self._column):
            lines = self._empty_lines
            return Strip(lines[y] if y < len(lines) else []).adjust_cell_length(width).apply_style(base)
        position = self._top + y
        index, within = self._column.at(position)
        if position >= self._column.height:  # below the end: selecting from here begins there
            return Strip.blank(width, base).apply_offsets(0, row(index, within + 1))
        drawn = self._column.messages[index]
        line = drawn.lines[within] if within < len(drawn.lines) else []
        if self.has_focus:
            line = arrived(line)
        strip = Strip([self._mark(index, within), *line]).adjust_cell_length(width).apply_style(base)
        if self._selected is not None and (span := self._selected.span(index, within)) is not None:
            strip = select(strip, span, self.screen.get_component_rich_style("screen--selection"))
        if y == self.size.height - 1 and (over := self._over) is not None:
            strip = put_over(strip, over, self._palette().cursor)
        return strip.apply_offsets(0, row(index, within))

    def _mark(self, index: int, within: int) -> Segment:
        if self.has_focus and self._cursor.is_on(index, within):
            return Segment("▌ ", self._palette().cursor)
        return Segment("  ")

    @property
    def _over(self) -> tuple[int, int, str] | None:
        """What stands over the last row: its first cell, the one after its last, and its text."""
        text = f" ↓ {self._new:,} new below · {self.way_down} " if self._new else self._unfinished.note
        if not text:
            return None
        end = min(self._text_width + MARGIN, self.scrollable_content_region.width)
        return max(0, end - width_of([Segment(text)])), end, text

    # --- selecting -----------------------------------------------------------------

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text, as drawn but without the margin and trailing spaces."""
        selected = self._selected or self._selected_by(selection)
        return selected.text(self._column), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """Draw the selection as it changes. What is selected stays where it is: the end is no longer followed."""
        selection = self.text_selection  # `selection` comes late, and can be over already
        if selection is None or not len(self._column):
            self._selected = None
            self._cursor.end_range()
        else:
            self._selected = self._selected_by(selection)
            self._set_following(False)
        self.refresh()

    def _selected_by(self, selection: Selection) -> Selected:
        bottom = self._column.at(self._top + self.size.height - 1)
        return Selected.of(selection, Place(*self._column.at(self._top)), Place(*bottom))

    def end_selection(self) -> bool:
        """Select nothing any more, also no range; False where nothing was."""
        had = self._selected is not None or self._cursor.begun is not None
        self._cursor.end_range()
        self._selected = None
        if had:
            if self.is_attached and self in self.screen.selections:
                self.screen.clear_selection()
            self.refresh()
        return had

    def on_focus(self) -> None:
        """Show the cursor, on the last message at first."""
        if self._cursor.index is None and len(self._column):
            self._cursor.put(len(self._column) - 1)
        self.refresh()

    def on_blur(self) -> None:
        """Hide the cursor."""
        self.refresh()
