"""A list of any length: only the lines that are seen are made and drawn."""

from collections.abc import Callable, Sequence

from textual import events
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.visual import Visual

from lama_tui.ui.bindings import bindings

Draw = Callable[[int, int], Sequence[Content]]
"""Makes the lines of one entry, by its place and the cells that there are."""


class LongList(ScrollView, can_focus=True):
    """Moves by the keymap. Knows how many entries there are, of `tall` lines each, and who draws them."""

    BINDINGS = bindings("list")
    COMPONENT_CLASSES = {"long-list--line", "long-list--highlighted"}
    DEFAULT_CSS = """
    LongList { scrollbar-gutter: stable; overflow-x: hidden; }
    LongList > .long-list--highlighted { background: $panel; color: $foreground; }
    LongList:focus > .long-list--highlighted { background: $primary; color: $background; text-style: bold; }
    """

    highlighted: reactive[int | None] = reactive(None, repaint=False)

    class Highlighted(Message):
        """Another entry is highlighted, or none."""

        def __init__(self, sender: "LongList") -> None:
            super().__init__()
            self.sender = sender

        @property
        def control(self) -> "LongList":
            """The list."""
            return self.sender

    class Chosen(Message):
        """An entry was clicked twice."""

        def __init__(self, sender: "LongList") -> None:
            super().__init__()
            self.sender = sender

        @property
        def control(self) -> "LongList":
            """The list."""
            return self.sender

    def __init__(self, draw: Draw, tall: int = 1, *, id: str | None = None) -> None:  # noqa: A002 - as in Textual
        super().__init__(id=id)
        self._draw = draw
        self._tall = tall
        self._count = 0
        self._drawn: dict[int, list[Content]] = {}  # what stands on the screen, by entry

    @property
    def count(self) -> int:
        """How many entries there are."""
        return self._count

    @property
    def room(self) -> int:
        """Cells that a line has, beside a margin of one on both sides."""
        return max(1, self.scrollable_content_region.width - 2)

    def show(self, count: int, highlighted: int | None) -> None:
        """There are so many entries now. Lines that stay as they are are not drawn again."""
        grew, self._count = count != self._count, count
        if grew:
            self.virtual_size = Size(0, count * self._tall)
        wanted = None if not count else min(highlighted or 0, count - 1)
        if wanted != self.highlighted:
            self.highlighted = wanted
        self._redraw(all_of_them=grew)

    def _redraw(self, all_of_them: bool) -> None:
        """Draw again those of the lines on the screen that are others now."""
        top = self.scroll_offset.y
        height = self.scrollable_content_region.height
        seen = range(top // self._tall, min(self._count, -(-(top + height) // self._tall)))
        before, self._drawn = self._drawn, {}
        if all_of_them or not before:
            self.refresh()
            return
        for at in seen:
            self._drawn[at] = now = list(self._draw(at, self.room))
            old = before.get(at, [])
            if len(old) != len(now) or not all(one.is_same(other) for one, other in zip(old, now, strict=True)):
                self._refresh_entry(at)

    def _refresh_entry(self, at: int) -> None:
        self.refresh(Region(0, at * self._tall - self.scroll_offset.y, self.size.width, self._tall))

    def render_line(self, y: int) -> Strip:
        """A line of what is in view."""
        at, line = divmod(self.scroll_offset.y + y, self._tall)
        name = "long-list--highlighted" if at == self.highlighted else "long-list--line"
        style = self.get_visual_style(name)
        width = self.scrollable_content_region.width
        if at >= self._count:
            return Strip.blank(width, self.get_visual_style("long-list--line").rich_style)
        if line == 0 or at not in self._drawn:
            self._drawn[at] = list(self._draw(at, self.room))
        lines = self._drawn[at]
        text = lines[line] if line < len(lines) else Content("")
        if at == self.highlighted and self.has_focus:
            text = Content(text.plain)  # one colour: those of its parts were chosen for another background
        strips = Visual.to_strips(self, Content.assemble(" ", text), width, 1, style)
        return (strips[0] if strips else Strip.blank(width)).extend_cell_length(width, style.rich_style)

    # --- moving --------------------------------------------------------------------

    def watch_highlighted(self, before: int | None, now: int | None) -> None:
        """Draw both, and bring it into view."""
        for at in (before, now):
            if at is not None:
                self._refresh_entry(at)
        if now is not None:
            self._into_view(now)
        self.post_message(self.Highlighted(self))

    def _into_view(self, at: int) -> None:
        top, height = self.scroll_offset.y, max(1, self.scrollable_content_region.height)
        first, last = at * self._tall, (at + 1) * self._tall
        if first < top:
            self.scroll_to(y=first, animate=False, immediate=True)
        elif last > top + height:
            self.scroll_to(y=last - height, animate=False, immediate=True)

    def on_resize(self) -> None:
        """Another width has room for other lines."""
        self._drawn.clear()
        self.refresh()
        if self.highlighted is not None:
            self._into_view(self.highlighted)

    def on_focus(self) -> None:
        """The highlighted line looks different."""
        if self.highlighted is not None:
            self._refresh_entry(self.highlighted)

    def on_blur(self) -> None:
        """The highlighted line looks different."""
        if self.highlighted is not None:
            self._refresh_entry(self.highlighted)

    def _step(self, by: int) -> None:
        if self._count:
            self.highlighted = max(0, min(self._count - 1, (self.highlighted or 0) + by))

    @property
    def _page(self) -> int:
        return max(1, self.scrollable_content_region.height // self._tall - 1)

    def action_cursor_down(self) -> None:
        """Go to the next entry."""
        self._step(1)

    def action_cursor_up(self) -> None:
        """Go to the entry before."""
        self._step(-1)

    def action_page_down(self) -> None:
        """Go down a page."""
        self._step(self._page)

    def action_page_up(self) -> None:
        """Go up a page."""
        self._step(-self._page)

    def action_half_down(self) -> None:
        """Go down half a page."""
        self._step(max(1, self._page // 2))

    def action_half_up(self) -> None:
        """Go up half a page."""
        self._step(-max(1, self._page // 2))

    def action_first(self) -> None:
        """Go to the first entry."""
        self._step(-self._count)

    def action_last(self) -> None:
        """Go to the last entry."""
        self._step(self._count)

    def on_click(self, event: events.Click) -> None:
        """A click highlights, a double click takes."""
        at = (self.scroll_offset.y + event.y) // self._tall
        if at < self._count:
            self.highlighted = at
            if event.chain == 2:
                self.post_message(self.Chosen(self))
