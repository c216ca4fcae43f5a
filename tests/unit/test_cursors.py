"""Cursors stand still: one that blinks sends something twice a second, to a line that may be slow."""

from pathlib import Path

from textual.widget import Widget
from textual.widgets import Input, TextArea

import lama_tui.ui
from lama_tui.ui.screens.settings import fields
from lama_tui.ui.widgets import composer, filter, line_input  # noqa: A004 - the module's name


def test_no_cursor_blinks() -> None:
    found = {
        widget
        for module in (composer, fields, filter, line_input)
        for widget in vars(module).values()
        if isinstance(widget, type) and issubclass(widget, Input | TextArea) and widget not in (Input, TextArea)
    }
    assert len(found) >= 4
    assert [widget.__name__ for widget in found if blinks(widget)] == []


def blinks(widget: type[Widget]) -> object:
    return widget._reactives["cursor_blink"]._default


def test_nothing_types_into_a_widget_that_blinks() -> None:
    """Screens make ours, not Textual's own."""
    package = Path(lama_tui.ui.__file__).parent
    for file in package.rglob("*.py"):
        for made in ("yield Input(", "= Input(", "yield TextArea(", "= TextArea("):
            assert made not in file.read_text(), file
