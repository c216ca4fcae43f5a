"""The transcript: one line-API widget that draws the messages in view and no others.

Messages out of view have an estimated height until they come near the viewport; the line that
the eye is on stays where it is when an estimate is corrected. So the cost of a frame does not
depend on the length of the conversation.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate

from rich.segment import Segment
from textual import events
from textual.geometry import Region, Size
from textual.message import Message as WidgetMessage
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from lama_tui.conversations.messages import Message
from lama_tui.types import MessageId
from lama_tui.ui.bindings import bindings
from lama_tui.ui.drawn_message import DrawnMessage, KeyNames, Progress
from lama_tui.ui.markdown.wrap import Line, width_of
from lama_tui.ui.palette import Palette

WIDEST = 100
"""Cells: longer lines are hard to read."""

_MARGIN = 2
"""Cells on the left, for the mark of the message under the cursor."""


class Transcript(ScrollView, can_focus=True):
    """Shows a conversation; follows its end until one scrolls away from it."""

    BINDINGS = bindings("transcript")

    class ComposeRequested(WidgetMessage):
        """The person wants to write."""

    class MessageRequested(WidgetMessage):
        """The person asked for something to be done with a message."""

        def __init__(self, wish: str, message: MessageId, step: int = 0) -> None:
            super().__init__()
            self.wish = wish
            """`copy`, `regenerate`, `continue` or `sibling` (then `step` is −1 or 1)."""
            self.message = message
            self.step = step

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
        self._keys = keys
        self._drawn: list[DrawnMessage] = []
        self._empty_lines: list[Line] = []
        self._tops: list[int] = [0]
        self._cursor: int | None = None
        self._following = True
        self._settling = False

    # --- what is shown -------------------------------------------------------------

    def show(self, messages: Sequence[Message], *, follow: bool | None = None) -> None:
        """Show these messages; the drawings of those that did not change are kept."""
        kept = {drawn.message: drawn for drawn in self._drawn}
        folds = {drawn.message.id: drawn.fold for drawn in self._drawn}
        self._drawn = []
        for message in messages:
            drawn = kept.get(message) or DrawnMessage(message, self._keys)
            drawn.fold = folds.get(message.id, drawn.fold)
            self._drawn.append(drawn)
        if self._cursor is not None and self._cursor >= len(self._drawn):
            self._cursor = None
        if follow is not None:
            self._following = follow
        self._settle()
        self.refresh()

    def advance(self, message: MessageId, progress: Progress) -> None:
        """Show a running answer as far as it is."""
        for index in range(len(self._drawn) - 1, -1, -1):
            drawn = self._drawn[index]
            if drawn.message.id == message:
                before = drawn.lines
                drawn.advance(progress, self._text_width, self._palette())
                if drawn.lines is not before:
                    self._settle()
                    self.refresh()
                return

    @property
    def following(self) -> bool:
        """Whether the end is kept in view."""
        return self._following

    @property
    def current(self) -> Message | None:
        """The message under the cursor, else the last one."""
        if not self._drawn:
            return None
        return self._drawn[-1 if self._cursor is None else self._cursor].message

    def redraw(self) -> None:
        """Draw everything again, as after a change of theme."""
        self._settle()
        self.refresh()

    # --- geometry ------------------------------------------------------------------

    @property
    def _text_width(self) -> int:
        return max(4, min(WIDEST, self.scrollable_content_region.width - _MARGIN - 1))

    def _settle(self) -> None:
        """Draw what is in view or near it, and keep the eye's line where it is."""
        height = self.size.height
        if not height or self._settling:
            return
        self._settling = True
        try:
            self._measure()
            anchor = min(bisect_right(self._tops, self.scroll_offset.y) - 1, len(self._drawn) - 1)
            within = self.scroll_offset.y - self._tops[max(0, anchor)]
            width, palette = self._text_width, self._palette()
            if self._following:
                room = 2 * height
                for drawn in reversed(self._drawn):
                    drawn.draw(width, palette)
                    room -= drawn.height
                    if room <= 0:
                        break
            else:
                first, last = self._in_view(height)
                for drawn in self._drawn[first:last]:
                    drawn.draw(width, palette)
            self._measure()
            total = self._tops[-1]
            self._set_extent(total)
            if self._following:
                self._scroll_at_once(max(0, total - height))
            elif anchor >= 0:
                self._scroll_at_once(self._tops[anchor] + within)
        finally:
            self._settling = False

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

    def _in_view(self, margin: int) -> tuple[int, int]:
        top = self.scroll_offset.y
        first = max(0, bisect_right(self._tops, top - margin) - 1)
        last = bisect_right(self._tops, top + self.size.height + margin)
        return first, last

    def _measure(self) -> None:
        self._tops = [0, *accumulate(drawn.height for drawn in self._drawn)]

    def on_resize(self, event: events.Resize) -> None:
        """Heights depend on the width: guess again, draw what is in view, and keep what is read in view."""
        top, width, palette = self.scroll_offset.y, self._text_width, self._palette()
        index = min(bisect_right(self._tops, top) - 1, len(self._drawn) - 1)
        read = self._drawn[index] if index >= 0 else None
        share = (top - self._tops[index]) / max(1, read.height) if read is not None else 0.0
        for drawn in self._drawn:
            if not drawn.is_drawn(width, palette):
                drawn.estimate(width)
        if read is not None and not self._following:
            read.draw(width, palette)
            self._measure()
            self._settling = True  # what is above and below was only guessed: this says nothing of the end
            self._set_extent(self._tops[-1])
            self._scroll_at_once(self._tops[index] + int(share * read.height))
            self._settling = False
        self._settle()
        self.refresh()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Follow the end when it is in view; draw what came into view."""
        super().watch_scroll_y(old_value, new_value)
        if self._settling or round(old_value) == round(new_value):
            return
        self._set_following(new_value >= self.max_scroll_y)
        self._settle()

    def _set_following(self, following: bool) -> None:
        if following != self._following:
            self._following = following
            self.post_message(self.FollowingChanged(following))

    # --- drawing -------------------------------------------------------------------

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines of `crop`."""
        if not self._drawn:
            self._empty_lines = self._empty(*self.scrollable_content_region.size, self._palette())
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """One line of the viewport."""
        width = self.scrollable_content_region.width
        base = self.visual_style.rich_style  # kept until the styles change, unlike `rich_style`
        if not self._drawn:
            lines = self._empty_lines
            return Strip(lines[y] if y < len(lines) else []).adjust_cell_length(width).apply_style(base)
        position = self.scroll_offset.y + y
        index = bisect_right(self._tops, position) - 1
        if index >= len(self._drawn):
            return Strip.blank(width, base)
        drawn = self._drawn[index]
        within = position - self._tops[index]
        line = drawn.lines[within] if within < len(drawn.lines) else []
        strip = Strip([self._mark(index, within, drawn), *line]).adjust_cell_length(width).apply_style(base)
        selection = self.text_selection
        if selection is not None and (span := selection.get_span(position)) is not None:
            strip = self._select(strip, span)
        return strip.apply_offsets(0, position)

    def _mark(self, index: int, within: int, drawn: DrawnMessage) -> Segment:
        palette = self._palette()
        if index == self._cursor and self.has_focus and within < drawn.height - 1:
            return Segment("▌ ", palette.cursor)
        return Segment("  ")

    def _select(self, strip: Strip, span: tuple[int, int]) -> Strip:
        start, end = span
        text = strip.text
        left = width_of([Segment(text[:start])])
        right = strip.cell_length if end < 0 else width_of([Segment(text[:end])])
        style = self.screen.get_component_rich_style("screen--selection")
        return Strip.join([strip.crop(0, left), strip.crop(left, right).apply_style(style), strip.crop(right)])

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text, as drawn but without the margin and trailing spaces."""
        lines: list[str] = []
        for index, drawn in enumerate(self._drawn):
            missing = drawn.height - len(drawn.lines)
            for within, line in enumerate(drawn.lines):
                mark = self._mark(index, within, drawn).text
                lines.append(mark + "".join(segment.text for segment in line))
            lines.extend([""] * missing)
        text = selection.extract("\n".join(lines))
        return "\n".join(line.rstrip().removeprefix("  ") for line in text.split("\n")), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """Draw the selection as it changes."""
        self.refresh()

    def on_focus(self) -> None:
        """Show the cursor, on the last message at first."""
        if self._cursor is None and self._drawn:
            self._cursor = len(self._drawn) - 1
        self.refresh()

    def on_blur(self) -> None:
        """Hide the cursor."""
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the message that was clicked."""
        index = bisect_right(self._tops, self.scroll_offset.y + event.y) - 1
        if 0 <= index < len(self._drawn):
            self._cursor = index
            self.refresh()

    # --- actions -------------------------------------------------------------------

    def action_next_message(self) -> None:
        """Put the cursor on the next message."""
        self._move(1)

    def action_previous_message(self) -> None:
        """Put the cursor on the message before."""
        self._move(-1)

    def action_first_message(self) -> None:
        """Go to the start of the conversation."""
        self._go(0)

    def action_last_message(self) -> None:
        """Go to the end and follow it."""
        if self._drawn:
            self._cursor = len(self._drawn) - 1
        self.app.animator.force_stop_animation(self, "scroll_y")
        self._set_following(True)
        self._settle()
        self.refresh()

    def action_copy_message(self) -> None:
        """Ask for the message to be copied."""
        self._wish("copy")

    def action_regenerate(self) -> None:
        """Ask for another answer."""
        self._wish("regenerate")

    def action_continue_answer(self) -> None:
        """Ask for the rest of the answer."""
        self._wish("continue")

    def action_sibling(self, step: int) -> None:
        """Ask for the answer before or after this one."""
        self._wish("sibling", step)

    def action_compose(self) -> None:
        """Ask for the composer."""
        self.post_message(self.ComposeRequested())

    def action_fold(self) -> None:
        """Fold or unfold the message under the cursor."""
        if self._cursor is None:
            return
        self._drawn[self._cursor].toggle_fold()
        self._set_following(False)
        self._settle()
        self.refresh()

    def _wish(self, wish: str, step: int = 0) -> None:
        if (message := self.current) is not None:
            self.post_message(self.MessageRequested(wish, message.id, step))

    def _move(self, step: int) -> None:
        if not self._drawn:
            return
        last = len(self._drawn) - 1
        now = last if self._cursor is None else self._cursor
        self._go(max(0, min(last, now + step)))

    def _go(self, index: int) -> None:
        """Put the cursor on a message and bring its first line into view."""
        if not self._drawn:
            return
        self._cursor = index
        self._set_following(False)
        self._drawn[index].draw(self._text_width, self._palette())
        self._measure()
        top, height = self._tops[index], self._drawn[index].height
        visible = range(self.scroll_offset.y, self.scroll_offset.y + self.size.height)
        if top not in visible or (top + height - 1 not in visible and height <= self.size.height):
            self._set_extent(self._tops[-1])
            self.scroll_to(y=top, animate=False, force=True)
        self._settle()
        self._set_following(self.scroll_offset.y >= self.max_scroll_y)
        self.refresh()
