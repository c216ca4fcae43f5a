"""What the terminal sends, as keys, clicks and pastes, whatever that is and however it is cut into pieces.

Textual's parser stands behind it. By itself it takes an escape and the key behind it for one where they come in one
go, as they do over a slow line; it dies of numbers that mean no character; and keys come out of a paste with an
escape in it.
"""

import logging
import re
import time
from collections.abc import Callable, Iterator

from textual import constants
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual._xterm_parser import BRACKETED_PASTE_END, BRACKETED_PASTE_START, XTermParser
from textual.events import Paste
from textual.message import Message

_ESCAPE = "\x1b"
_BEGINNINGS = {sequence[1] for sequence in ANSI_SEQUENCES_KEYS if sequence.startswith(_ESCAPE) and len(sequence) > 2}
_WHOLE = re.compile(f"{_ESCAPE}([^{re.escape(''.join(_BEGINNINGS | {_ESCAPE, '['}))}])", re.DOTALL)
"""An escape and a character that begins no sequence: nothing more belongs to it."""

_KEPT = ("last_x", "last_y", "mouse_pixels", "terminal_size", "terminal_pixel_size")
"""What a parser knows of the terminal and the mouse."""

_BROKEN_OFF = 2.0
"""Seconds of silence after which a paste without an end is over when a control key comes."""

_log = logging.getLogger(__name__)


class KeyParser:
    """Made of the text of the input, in pieces as they come. `feed` and `tick` never raise."""

    def __init__(self, debug: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._debug = debug
        self._clock = clock
        self._parser = XTermParser(debug)
        self._held = ""  # an escape, or more of what may become the beginning of a paste
        self._pasted: str | None = None
        self._fed = clock()

    def feed(self, text: str) -> Iterator[Message]:
        """Return what a piece of the input says."""
        silent = self._clock() - self._fed
        self._fed = self._clock()
        if self._pasted is not None and silent > _BROKEN_OFF and len(text) == 1 and text < " " and text not in "\r\n\t":
            yield from self._end_paste(self._pasted)
        text, self._held = self._held + text, ""
        while text:
            if self._pasted is None:
                before, start, text = text.partition(BRACKETED_PASTE_START)
                if not start:
                    before, self._held = _split_beginning(before)
                yield from self._keys(before)
                if start:
                    yield from self._end_sequence()
                    self._pasted = ""
            else:
                searched = max(0, len(self._pasted) - len(BRACKETED_PASTE_END))
                self._pasted, text = self._pasted + text, ""
                if (end := self._pasted.find(BRACKETED_PASTE_END, searched)) >= 0:
                    text = self._pasted[end + len(BRACKETED_PASTE_END) :]
                    yield from self._end_paste(self._pasted[:end])

    def tick(self) -> Iterator[Message]:
        """Return what is only known because nothing more came; to be called every now and then."""
        if self._clock() - self._fed >= constants.ESCAPE_DELAY:
            held, self._held = self._held, ""
            yield from self._parse(held)
            yield from self._end_sequence()

    @property
    def is_waiting(self) -> bool:
        """Whether `tick` may know more later: a piece of something came."""
        return bool(self._held) or self._parser._timeout_time is not None

    def _end_paste(self, text: str) -> Iterator[Message]:
        self._pasted = None
        yield Paste(text.replace("\x00", ""))

    def _keys(self, text: str) -> Iterator[Message]:
        done = 0
        for both in _WHOLE.finditer(text):
            yield from self._parse(text[done : both.start() + 1])
            alone = both[1] < " " and both[1] != "\r" and both[0] not in ANSI_SEQUENCES_KEYS
            if alone:  # two keys; a return with an escape is alt+enter
                yield from self._end_sequence()
            yield from self._parse(both[1])
            yield from self._end_sequence()
            done = both.end()
        yield from self._parse(text[done:])

    def _parse(self, text: str) -> Iterator[Message]:
        for character in text:
            try:
                yield from self._parser.feed(character)
            except Exception as error:  # whatever it stumbles over: it has ended, and another one goes on
                _log.info("The terminal sent what is no key: %s", type(error).__name__)
                before, self._parser = self._parser, XTermParser(self._debug)
                for name in _KEPT:
                    setattr(self._parser, name, getattr(before, name))

    def _end_sequence(self) -> Iterator[Message]:
        """Let the parser take what it has for all there is, if it waits for more."""
        if self._parser._timeout_time is not None:
            self._parser._timeout_time = 0.0
            yield from self._parser.tick()


def _split_beginning(text: str) -> tuple[str, str]:
    """Split off the end, where that could become the beginning of a paste."""
    for length in range(min(len(text), len(BRACKETED_PASTE_START) - 1), 0, -1):
        if text.endswith(BRACKETED_PASTE_START[:length]):
            return text[:-length], text[-length:]
    return text, ""
