"""A list of options that moves by the keymap, and also stands where there is no room for it."""

from contextlib import suppress

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.strip import Strip
from textual.widgets import OptionList

from lama_tui.ui.bindings import bindings


class Options(OptionList):
    """Page keys do nothing until the list has been laid out: Textual then knows no line of any option."""

    BINDINGS = bindings("list")

    def render_line(self, y: int) -> Strip:
        """One line. What is highlighted has one colour: those of its parts were chosen for another background."""
        strip = super().render_line(y)
        first = next((style for _, style, _ in strip if style is not None), None)
        if self.highlighted is None or first is None or first.meta.get("option") != self.highlighted:
            return strip
        line = self.get_visual_style("option-list--option", "option-list--option-highlighted").rich_style
        colour = Style(color=line.color)
        parts = [
            Segment(text, style + colour if style is not None and style.bgcolor == line.bgcolor else style)
            for text, style, _ in strip
        ]
        return Strip(parts, strip.cell_length)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """The lines of all options; counted for a letter's width where there is less, at which Textual fails."""
        return super().get_content_height(container, viewport, max(width, self._beside + 1))

    def _update_lines(self) -> None:
        """Not before the list has styles and a width; it is asked again when it is laid out."""
        if self._component_styles and self.scrollable_content_region.width > self._beside:
            super()._update_lines()

    @property
    def _beside(self) -> int:
        """Cells at the sides of every option."""
        return self.get_component_styles("option-list--option").padding.width

    def action_page_up(self) -> None:
        """Go up a page."""
        with suppress(KeyError):
            super().action_page_up()  # type: ignore[no-untyped-call]

    def action_page_down(self) -> None:
        """Go down a page."""
        with suppress(KeyError):
            super().action_page_down()  # type: ignore[no-untyped-call]

    def action_half_up(self) -> None:
        """Go up half a page."""
        self._step(-1)

    def action_half_down(self) -> None:
        """Go down half a page."""
        self._step(1)

    def _step(self, direction: int) -> None:
        """Move by half of the lines in view, to an option that can be chosen, and never round the ends."""
        free = [index for index, option in enumerate(self.options) if not option.disabled]
        if free:
            goal = (self.highlighted or 0) + direction * max(1, self.scrollable_content_region.height // 2)
            self.highlighted = min(free, key=lambda index: abs(index - goal))
