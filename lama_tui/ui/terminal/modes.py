"""The modes that the workspace switches a terminal into, and how every one of them is switched off again."""

import contextlib
import os
import termios

# Report keys that plain terminals cannot tell apart: kitty's "disambiguate", "all keys" and "associated text".
_KITTY_FLAGS = 0b11001

_MOUSE = (1000, 1003, 1015, 1006)

RESTORE = "".join(
    (
        # an unfinished frame, focus, paste, pixels and sizes in band
        *(f"\x1b[?{mode}l" for mode in (2026, 1004, 2004, 1016, 2048, *_MOUSE)),
        "\x1b[?7h",  # wrap lines again
        "\x1b[<u",  # the keyboard of the alternate screen, so before leaving it
        "\x1b[?1049l\x1b[?25h\x1b[0m",
    )
)


def enter(*, mouse: bool, kitty_keys: bool) -> str:
    """Return what takes the screen: alternate screen, mouse, focus, paste, keyboard; no cursor, no line wrap."""
    modes = (1049, *(_MOUSE if mouse else ()), 1004, 2004)
    keyboard = f"\x1b[>{_KITTY_FLAGS}u" if kitty_keys else ""
    return "".join(f"\x1b[?{mode}h" for mode in modes) + "\x1b[?25l\x1b[?7l" + keyboard


def restore_terminal(descriptor: int) -> None:
    """Switch every mode off as a last resort: from any thread, in any state, without waiting. Never raises.

    What the terminal has not read yet is discarded to make room; `descriptor` should not block.
    """
    with contextlib.suppress(termios.error):
        termios.tcflush(descriptor, termios.TCOFLUSH)
    with contextlib.suppress(OSError):
        # CAN and ST end a sequence that was cut in the middle
        os.write(descriptor, b"\x18\x1b\\" + RESTORE.encode())
