"""One line to type into."""

from textual.reactive import reactive
from textual.widgets import Input


class LineInput(Input):
    """Its cursor stands still: one that blinks costs a slow line a hundred bytes a second."""

    cursor_blink = reactive(False, init=False)
