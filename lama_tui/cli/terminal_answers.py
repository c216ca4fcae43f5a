"""Asks the terminal what it can do: its name, keys, colours, whole frames and clipboard.

Every question is one that a terminal which does not know it ignores. The last one is known to all
(DA1, from 1983), so its answer says that no other is to come. Nothing of what a terminal answers
may end up on the shell's line: until all is in, nothing is echoed, and what comes late is read away.
"""

import contextlib
import os
import re
import select
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

ANSWERS = 1.0
"""Seconds for all answers: many times what a slow connection takes."""

LATE = 2.0
"""Seconds from the question within which answers are kept off the screen, whatever becomes of them."""

_LFLAG, _CC = 3, 6  # places in the attributes of a terminal

_LAST = "\x1b[c"
_QUESTIONS = (
    "\x1b[>0q"  # XTVERSION: name and version
    "\x1b[?u"  # the keyboard protocol of kitty
    "\x1b[?2026$p"  # synchronized output
    # DECRQSS: sets a colour of 24 bits and asks which one is set
    "\x1b[48;2;1;2;3m\x1bP$qm\x1b\\\x1b[0m"
    "\x1bP+q4d73\x1b\\"  # XTGETTCAP: the capability Ms, which is OSC 52
)
_SILENT = {"linux", "dumb", "unknown", ""}
"""`TERM` of what prints questions that it does not know."""

_NAME = re.compile(rb"\x1bP>\|([^\x1b]{1,100})\x1b\\")
_KITTY = re.compile(rb"\x1b\[\?\d+u")
_FRAMES = re.compile(rb"\x1b\[\?2026;(\d)\$y")
_COLOUR = re.compile(rb"\x1bP1\$r([\d;:]*)m\x1b\\")
_COPIES = re.compile(rb"\x1bP1\+r4[dD]73")
_ATTRIBUTES = re.compile(rb"\x1b\[\?([\d;]*)c")
_CLIPBOARD_ATTRIBUTE = b"52"  # of DA1, in terminals that let programs write to the clipboard


@dataclass(frozen=True, slots=True)
class Answers:
    """What a terminal said of itself; None is not known. `asked`: there was a terminal to ask; `answered`: all of
    its answers came in time."""

    asked: bool = False
    answered: bool = False
    name: str | None = None
    kitty_keys: bool | None = None
    synchronized_output: bool | None = None
    true_colour: bool | None = None
    clipboard: bool | None = None


def read_answers(data: bytes) -> Answers:
    """What the bytes say that a terminal sent after the questions, in whatever order."""
    attributes = _ATTRIBUTES.search(data)
    if attributes is None:
        return Answers(asked=True)
    name, frames, colour = _NAME.search(data), _FRAMES.search(data), _COLOUR.search(data)
    copies = bool(_COPIES.search(data)) or _CLIPBOARD_ATTRIBUTE in attributes[1].split(b";")
    return Answers(
        asked=True,
        answered=True,
        name=name[1].decode("utf-8", "replace") if name else None,
        kitty_keys=bool(_KITTY.search(data)),
        synchronized_output=frames is not None and frames[1] in b"123",
        true_colour=bool(re.search(rb"48[:;]2[:;][:;]?1[:;]2[:;]3(\D|$)", colour[1])) if colour else None,
        clipboard=copies or None,  # terminals that refuse do not say so
    )


@contextlib.contextmanager
def asking(environment: Mapping[str, str] | None = None) -> Iterator[Answers]:
    """Ask the terminal that this process is in front of, and yield what it answered.

    A terminal that did not answer in time may do so later: until the end of the block nothing is echoed then, and
    what came is read away. Nobody is asked where input or output is no terminal, or another job is in front.
    """
    env = os.environ if environment is None else environment
    if not _may_ask() or env.get("TERM", "") in _SILENT:
        yield Answers()
        return
    descriptor = sys.stdin.fileno()
    began = time.monotonic()
    # Apple's Terminal prints the end of what it does not know
    questions = _LAST if env.get("TERM_PROGRAM") == "Apple_Terminal" else _QUESTIONS + _LAST
    with _unechoed(descriptor) as give_back:
        answers = read_answers(_ask(descriptor, questions, began + ANSWERS))
        if answers.answered:
            give_back()  # nothing is to come
        yield answers
        if not answers.answered:
            _read_away(descriptor, began + LATE)


def _may_ask() -> bool:
    try:
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            return False
        same = os.ttyname(sys.stdin.fileno()) == os.ttyname(sys.stdout.fileno())
        return same and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError):
        return False


@contextlib.contextmanager
def _unechoed(descriptor: int) -> Iterator[Callable[[], None]]:
    """Nothing that is read is echoed or waits for a line's end; ctrl+c still interrupts. Yields what ends that."""
    try:
        before, quiet = termios.tcgetattr(descriptor), termios.tcgetattr(descriptor)
    except termios.error:  # it is gone
        yield lambda: None
        return
    quiet[_LFLAG] &= ~(termios.ECHO | termios.ICANON)
    quiet[_CC][termios.VMIN], quiet[_CC][termios.VTIME] = 1, 0

    def give_back() -> None:
        with contextlib.suppress(termios.error):
            termios.tcsetattr(descriptor, termios.TCSANOW, before)

    try:
        with contextlib.suppress(termios.error):
            termios.tcsetattr(descriptor, termios.TCSANOW, quiet)
        yield give_back
    finally:
        give_back()


def _ask(descriptor: int, questions: str, deadline: float) -> bytes:
    """Write the questions and return what came until the last answer, or the deadline (monotonic seconds)."""
    data = b""
    sys.stdout.flush()
    # what a terminal printed of a question all the same is wiped
    os.write(sys.stdout.fileno(), f"{questions}\r\x1b[K".encode())
    while not _ATTRIBUTES.search(data):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([descriptor], [], [], left)[0]:
            break
        if not (read := os.read(descriptor, 4096)):
            break
        data += read
    return data


def _read_away(descriptor: int, deadline: float) -> None:
    """Read until the last answer or the deadline, and forget it; then what waits is forgotten too."""
    data = b""
    while not _ATTRIBUTES.search(data):
        left = deadline - time.monotonic()
        if not select.select([descriptor], [], [], max(0.0, left))[0]:
            break
        if not (read := os.read(descriptor, 4096)):
            break
        data += read
    with contextlib.suppress(termios.error):
        termios.tcflush(descriptor, termios.TCIFLUSH)
