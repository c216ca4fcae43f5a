"""Cutting and putting back as in a shell: what is cut by words and lines comes back where the cursor is."""

from textual.document._document import Location
from textual.reactive import reactive
from textual.widgets import TextArea


class Cutting(TextArea):
    """A text area that keeps what was cut last. It stays here: the clipboard is for what one copies."""

    cursor_blink = reactive(False, init=False)
    """A cursor that blinks costs a slow line a hundred bytes a second."""

    _cut = ""

    def action_cut_word(self) -> None:
        """Cut the word before the cursor."""
        self._take(self.get_cursor_word_left_location())

    def action_cut_to_start(self) -> None:
        """Cut to the start of the line; at the start, the line break before it."""
        at_start = self.cursor_at_start_of_line
        self._take(self.get_cursor_left_location() if at_start else self.get_cursor_line_start_location())

    def action_cut_to_end(self) -> None:
        """Cut to the end of the line; at the end, the line break after it."""
        at_end = self.cursor_at_end_of_line
        self._take(self.get_cursor_right_location() if at_end else self.get_cursor_line_end_location())

    def action_put_back(self) -> None:
        """Insert what was cut last."""
        if self._cut and (result := self._replace_via_keyboard(self._cut, *self.selection)):
            self.move_cursor(result.end_location)

    def _take(self, other_end: Location) -> None:
        """Cut the selection, else what is between the cursor and `other_end`."""
        start, end = self.selection if not self.selection.is_empty else (self.selection.end, other_end)
        if start != end:
            start, end = min(start, end), max(start, end)
            self._cut = self.get_text_range(start, end)
            self._delete_via_keyboard(start, end)
