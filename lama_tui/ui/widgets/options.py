"""A list of options that also stands where there is no room for it."""

from contextlib import suppress

from textual.widgets import OptionList


class Options(OptionList):
    """Page keys do nothing until the list has been laid out: Textual then knows no line of any option."""

    def action_page_up(self) -> None:
        """Go up a page."""
        with suppress(KeyError):
            super().action_page_up()  # type: ignore[no-untyped-call]

    def action_page_down(self) -> None:
        """Go down a page."""
        with suppress(KeyError):
            super().action_page_down()  # type: ignore[no-untyped-call]
