"""The modes that the workspace switches a terminal into, and how every one of them is switched off again."""

import contextlib
import os
import termios

TYPE_CHECKING = False  # `typing` takes as long to import as all else here
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

# Report keys that plain terminals cannot tell apart: kitty's "disambiguate", "all keys" and "associated text".
_KITTY_FLAGS = 0b11001

_MOUSE = (1000, 1003, 1015, 1006)

_RESTORE = "".join(
    (
        # an unfinished frame, focus, paste, pixels and sizes in band
        *(f"\x1b[?{mode}l" for mode in (2026, 1004, 2004, 1016, 2048, *_MOUSE)),
        "\x1b[?7h",  # wrap lines again
        "\x1b[<u",  # the keyboard of the alternate screen, so before leaving it
        "\x1b[r",  # a frame that was cut short may have been scrolling; moves the cursor, which leaving puts back
        "\x1b[?1049l\x1b[?25h\x1b[0m",
    )
)

BACK = "\x1b[?1049h\x1b[<u"
"""Back to the alternate screen, whoever left it or not, with its keyboard as it was before us."""

_ONE_SCREEN = ("linux", "vt", "ansi", "cons25")
"""How the names of terminals begin that have no alternate screen; GNU screen has none unless it is told so."""

_IFLAG, _LFLAG, _CC = 0, 3, 6  # places in the attributes of a terminal


def raw(before: "list[Any]", *, interruptible: bool = False) -> "list[Any]":
    """Attributes with which keys come as they are pressed, unechoed; none makes a signal.

    `interruptible`: but ctrl+c does, without a loss of what was typed before.
    """
    after = [*before[:_CC], list(before[_CC])]
    after[_IFLAG] &= ~(termios.IXON | termios.IXOFF | termios.ICRNL | termios.INLCR | termios.IGNCR)
    after[_LFLAG] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN | termios.ISIG)
    after[_CC][termios.VMIN] = 1
    after[_CC][termios.VTIME] = 0
    if interruptible:
        after[_LFLAG] |= termios.ISIG | termios.NOFLSH
        for key in (termios.VSUSP, termios.VQUIT):
            after[_CC][key] = bytes([os.fpathconf(0, "PC_VDISABLE")])
    return after


def open_terminal(source: int) -> int:
    """Open the terminal that `source` reads from once more, so that writes do not block and its other users
    do not notice. It is drawn on whatever stdout and stderr are connected to.

    Where it has no name, or is another user's (`su`), the descriptor itself has to do.
    """
    try:
        return os.open(os.ttyname(source), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return os.dup(source if os.isatty(source) else 2)


def enter(*, mouse: bool, kitty_keys: bool, alternate: bool = True) -> str:
    """Return what takes the screen: alternate screen, mouse, focus, paste, keyboard; no cursor, no line wrap.

    Not `alternate`: it was switched to before, and is not to be cleared again.
    """
    modes = (*((1049,) if alternate else ()), *(_MOUSE if mouse else ()), 1004, 2004)
    keyboard = f"\x1b[>{_KITTY_FLAGS}u" if kitty_keys else ""
    return "".join(f"\x1b[?{mode}h" for mode in modes) + "\x1b[?25l\x1b[?7l" + keyboard


def leave(environment: "Mapping[str, str]") -> str:
    """Return what gives the screen back in order: nothing of us stays where there is only one."""
    is_one = environment.get("TERM", "").startswith(_ONE_SCREEN) or bool(environment.get("STY"))
    return f"\x1b[m\x1b[H\x1b[J{_RESTORE}" if is_one else _RESTORE


def restore_terminal(descriptor: int) -> None:
    """Switch every mode off as a last resort: from any thread, in any state, without waiting. Never raises.

    What the terminal has not read yet is discarded to make room; `descriptor` should not block.
    """
    with contextlib.suppress(termios.error):
        termios.tcflush(descriptor, termios.TCOFLUSH)
    with contextlib.suppress(OSError):
        # CAN and ST end a sequence that was cut in the middle
        os.write(descriptor, b"\x18\x1b\\" + leave(os.environ).encode())
