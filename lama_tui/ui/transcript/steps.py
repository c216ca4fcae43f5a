"""Following the end of an answer that grows, in steps where panes stand beside it: a terminal can only move rows of
its whole width, and drawing all of them again for every new line is what a slow line suffers from."""

from textual.widget import Widget

_MOST = 6
"""Lines."""


def step_beside_panes(view: Widget) -> int:
    """Lines that the end moves by at once; 1 where the view has its rows to itself."""
    whole = view.region.width >= view.app.size.width
    return 1 if whole else min(_MOST, max(1, view.size.height // 5))


def follow(end: int, top: int, step: int) -> int:
    """The line on top from which the end is in view, with less than `step` rows left free below it.

    `end` is the line on top with none left free, `top` the line that is there now.
    """
    if end <= top < end + step:
        return top
    return end + step - 1 if 0 < top < end else end
