"""A list of commands: the name, what it does, and on the right the key. Draws the lines in view and no others."""

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from lama_tui.ui.bindings import move_at
from lama_tui.ui.commands.ranking import Found

_GAP = 2
_LONGEST_LABEL = 0.34
"""Of the width: what is left is for what the command does."""


class CommandList(ScrollView, can_focus=False):
    """One line for each command, with a highlight that others move: the keys go to where one types."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "command-list--label",
        "command-list--about",
        "command-list--key",
        "command-list--match",
        "command-list--highlight",
    }

    class Chosen(Message):
        """A line was clicked."""

        def __init__(self, id: str) -> None:  # noqa: A002 - the id of an entry
            super().__init__()
            self.id = id

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - the name that Textual uses
        super().__init__(id=id)
        self._lines: Sequence[Found] = ()
        self._highlighted = 0
        self._label_width = 0

    def show(self, lines: Sequence[Found]) -> None:
        """Show these lines, the first one highlighted."""
        self._lines, self._highlighted = lines, 0
        self._label_width = max((cell_len(line.entry.label) for line in lines), default=0)
        self.virtual_size = Size(self.size.width, len(lines))
        self.scroll_to(y=0, animate=False, force=True)
        self.refresh()

    @property
    def lines(self) -> Sequence[Found]:
        """What is listed, best first."""
        return self._lines

    @property
    def highlighted(self) -> Found | None:
        """The line that enter takes."""
        return self._lines[self._highlighted] if self._highlighted < len(self._lines) else None

    def move(self, step: int, around: bool = True) -> None:
        """Move the highlight; by single steps it goes round at the ends."""
        if not self._lines:
            return
        last, place = len(self._lines) - 1, self._highlighted + step
        self._highlighted = place % (last + 1) if around else max(0, min(last, place))
        height = max(1, self.size.height)
        top = self.scroll_offset.y
        if not top <= self._highlighted < top + height:
            y = self._highlighted if self._highlighted < top else self._highlighted - height + 1
            self.scroll_to(y=y, animate=False, force=True)
        self.refresh()

    def move_page(self, step: int) -> None:
        """Move the highlight by as many lines as are in view."""
        self.move(step * max(1, self.size.height - 1), around=False)

    def steer(self, key: str) -> bool:
        """Move as a key of lists says; False for a key that moves nothing here."""
        match move_at(self, key):
            case "cursor_down":
                self.move(1)
            case "cursor_up":
                self.move(-1)
            case "page_down":
                self.move_page(1)
            case "page_up":
                self.move_page(-1)
            case _:
                return False
        return True

    def render_line(self, y: int) -> Strip:
        """One line in view."""
        index = self.scroll_offset.y + y
        width = self.scrollable_content_region.width
        base = self.visual_style.rich_style
        if index >= len(self._lines):
            return Strip.blank(width, base)
        line = self._lines[index]
        highlighted = index == self._highlighted
        style = {name: self._style(name) for name in ("label", "about", "key", "match")}
        room = width - 2
        label = min(self._label_width, max(8, int(room * _LONGEST_LABEL)))
        key = cell_len(line.entry.key)
        if room - label - _GAP < key + _GAP:
            key = 0
        about = max(0, room - label - _GAP - (key + _GAP if key else 0))
        pieces = [
            Segment(" "),
            *_letters(line.entry.label, line.label, label, style["label"], style["match"]),
            Segment(" " * _GAP),
            *_letters(line.entry.about, line.about, about, style["about"], style["match"]),
        ]
        if key:
            pieces.append(Segment(" " * _GAP + line.entry.key, style["key"]))
        pieces.append(Segment(" "))
        strip = Strip(pieces).adjust_cell_length(width)
        if highlighted:
            strip = Strip([Segment(segment.text, _weight(segment.style)) for segment in strip])
            base = self._style("highlight")
        return strip.apply_style(base)

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"command-list--{name}", partial=name != "highlight")

    def on_click(self, event: events.Click) -> None:
        """A click takes a line."""
        index = self.scroll_offset.y + event.y
        if 0 <= index < len(self._lines):
            self.post_message(self.Chosen(self._lines[index].entry.id))

    def on_resize(self) -> None:
        """Keep the highlight in view."""
        self.virtual_size = Size(self.size.width, len(self._lines))
        self.move(0)


def _weight(style: Style | None) -> Style:
    """What is left of a style under the highlight: colours give way, so that they are readable on it."""
    return Style(bold=style.bold, underline=style.underline) if style is not None else Style()


def _letters(text: str, meant: frozenset[int], width: int, style: Style, match: Style) -> list[Segment]:
    """`text` in exactly `width` cells, with an ellipsis where it is cut, and the letters that were meant set off."""
    if cell_len(text) > width:
        text = set_cell_size(text, max(0, width - 1)).rstrip() + ("…" if width else "")
    pieces: list[Segment] = []
    start = 0
    for at in range(1, len(text) + 1):
        if at == len(text) or (at in meant) != (start in meant):
            pieces.append(Segment(text[start:at], style + match if start in meant else style))
            start = at
    pieces.append(Segment(" " * max(0, width - cell_len(text)), style))
    return pieces
