"""The terminal before the app is there: taken at once with a first sign of life, and handed on to the driver.

What the app needs takes a third of a second to import. What is typed meanwhile is not echoed: it waits in the
kernel's queue for the composer. Imports next to nothing; nothing here is heard of on Windows.
"""

import contextlib
import os
import sys

if sys.platform != "win32":
    import termios

    from lama_tui.ui.terminal.modes import open_terminal, raw, restore_terminal

TYPE_CHECKING = False  # `typing` takes as long to import as all else here
if TYPE_CHECKING:
    from typing import Any

_TEXT = 35, 9
"""Columns and rows of what an empty conversation shows, which begins with the name."""


class Taken:
    """A terminal that was taken: its attributes as they were, a descriptor to write to it without waiting, and
    whether it shows the alternate screen."""

    __slots__ = ("attributes", "is_drawn", "output")

    def __init__(self, attributes: "list[Any]", output: int) -> None:
        self.attributes = attributes
        self.output = output
        self.is_drawn = False


guardian: int | None = None
"""A descriptor at its end as soon as the process that guards this one is gone; None where nobody guards it."""

stray: tuple[int, int] | None = None
"""Both ends of a pipe for what is written past the screen: who guards this process finds there what it said last."""

_taken: list[Taken] = []  # none or one


def take() -> None:
    """Switch the terminal to unechoed keys and the alternate screen, and draw the name on it.

    Until the app is there ctrl+c ends the program. In the background the kernel stops the process here.
    """
    with contextlib.suppress(OSError):
        # changes nothing in the foreground; the background waits here, before it looks at a shell's own modes
        os.tcsetpgrp(0, os.getpgrp())
    try:
        attributes = termios.tcgetattr(0)
        termios.tcsetattr(0, termios.TCSANOW, raw(attributes, interruptible=True))
    except (termios.error, OSError):
        return
    taken = Taken(attributes, open_terminal(0))
    _taken.append(taken)
    with contextlib.suppress(OSError):
        name = splash(*os.get_terminal_size(taken.output))
        taken.is_drawn = os.write(taken.output, name) == len(name)


def splash(columns: int, rows: int) -> bytes:
    """The alternate screen, empty but for the name; without a cursor."""
    column, row = place(columns, rows)
    return f"\x1b[?1049h\x1b[?25l\x1b[m\x1b[2J\x1b[{row + 1};{column + 1}H\x1b[1mlama\x1b[m".encode()


def place(columns: int, rows: int) -> tuple[int, int]:
    """Column and row where the name stands in the first frame of the app, so that it stays where it is.

    A test compares them. Where a pane was hidden it moves.
    """
    left, right = (0, 0) if columns < 80 else (26, 0) if columns < 120 else (26, 26) if columns < 160 else (34, 36)
    top = 1 if rows < 30 else 2
    width, height = columns - left - right - 3, rows - top - 5
    return left + max(0, (width - _TEXT[0]) // 2), top + max(0, (height - _TEXT[1]) // 2)


def hand_over() -> Taken | None:
    """Give up a terminal that was taken, and leave it as it is; None if it was not."""
    if not _taken:
        return None
    os.close(_taken[0].output)
    return _taken.pop()


def give_back(*, if_raw: bool = False) -> None:
    """Make the terminal what it was before it was taken, unless it was handed over; with `if_raw` only where
    nobody else did."""
    lend(if_raw=if_raw)
    hand_over()


def lend(*, if_raw: bool = True) -> None:
    """As `give_back`, for a while: it stays ours. One that another program of the shell has by now is left to that."""
    for taken in _taken:
        if not (if_raw and (_has_lines(taken) or _is_another_s(taken))):
            restore_terminal(taken.output)
            with contextlib.suppress(termios.error):
                termios.tcsetattr(0, termios.TCSANOW, taken.attributes)


def _is_another_s(taken: Taken) -> bool:
    try:
        return os.tcgetpgrp(taken.output) != os.getpgrp()
    except OSError:
        return False


def _has_lines(taken: Taken) -> bool:
    """Whether lines come from the keyboard, and not keys."""
    try:
        return bool(termios.tcgetattr(taken.output)[3] & termios.ICANON)
    except termios.error:
        return True  # it is gone
