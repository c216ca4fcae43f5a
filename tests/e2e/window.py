"""The window of an emulated xterm, whatever line it hangs on: what is shown in it, and keys that are pressed there."""

import threading
import time
from collections.abc import Callable

from xterm import BRACKETED_PASTE, Xterm, key_bytes


class Window:
    """`raw` is every byte that came so far, `xterm` what became of them. Who has the line calls `_receive` with what
    comes, from any thread, and sends what `send` is given."""

    def __init__(self, xterm: Xterm) -> None:
        self.raw = bytearray()
        self.xterm = xterm
        self._changed = threading.Condition()
        self._ended = threading.Event()

    def send(self, keys: str | bytes) -> None:
        """Type `keys`; returns at once."""
        raise NotImplementedError

    def key(self, *names: str) -> None:
        """Press keys such as `ctrl+n`, `f1` or `shift+tab`, one after the other.

        `escape` directly before another key reads as alt: wait for the effect of `escape` first.
        """
        self.send(b"".join(key_bytes(name) for name in names))

    def paste(self, text: str) -> None:
        """Paste as an xterm does: line ends become returns, in brackets if the program asked for these."""
        pasted = text.replace("\r\n", "\r").replace("\n", "\r").encode()
        bracketed = BRACKETED_PASTE in self.xterm.modes
        self.send(b"\x1b[200~" + pasted + b"\x1b[201~" if bracketed else pasted)

    def screen_text(self) -> str:
        """The rows of the screen, without spaces at their ends; line n of the text is row n."""
        with self._changed:
            return "\n".join(self.xterm.screen.rows())

    def wait_for(self, wanted: str | Callable[[str], object], timeout: float = 60.0) -> str:
        """Wait until the screen shows a text, or a predicate of the screen's text holds; return that text.

        Raises AssertionError with the screen's text after `timeout` seconds, or when the program has ended.
        """
        holds = (lambda text: wanted in text) if isinstance(wanted, str) else wanted
        deadline = time.monotonic() + timeout
        while True:
            ended = self._ended.is_set()
            text = self.screen_text()
            if holds(text):
                return text
            if ended or time.monotonic() > deadline:
                why = "the program ended" if ended else f"{timeout:g} s passed"
                raise AssertionError(f"{why} and this never held: {wanted!r}\n{self._report(text)}")
            with self._changed:
                self._changed.wait(0.05)  # a predicate may look at more than the screen

    def modes_left_on(self) -> list[str]:
        """Names of the modes the terminal is in now that a fresh one is not in."""
        with self._changed:
            screen = self.xterm.screen
            is_whole = screen.margins in (None, (0, screen.lines - 1))
            return [*self.xterm.modes.left_on(), *["scroll region"] * (not is_whole)]

    def modes_restored(self) -> bool:
        """Whether the program took the alternate screen, and every mode it switched is as it was before."""
        return b"\x1b[?1049h" in self.raw and not self.modes_left_on()

    def _receive(self, data: bytes) -> bytes:
        """Show what came; what the terminal answers to it."""
        with self._changed:
            self.raw += data
            answers = self.xterm.receive(data)
            self._changed.notify_all()
        return answers

    def _is_over(self) -> None:
        """Nothing more will come."""
        self._ended.set()
        with self._changed:
            self._changed.notify_all()

    def _state(self) -> str:
        """What there is to say of the program behind the line."""
        return "ended" if self._ended.is_set() else "running"

    def _report(self, text: str) -> str:
        """What the reader of a failure wants to see."""
        cursor = self.xterm.screen.cursor
        state = f"{self._state()}, cursor at row {cursor.y}, column {cursor.x}"
        refused = f"\nrefused by the emulator: {self.xterm.refused!r}" if self.xterm.refused else ""
        frame = "-" * self.xterm.screen.columns
        return f"{frame}\n{text.rstrip()}\n{frame}\n{state}{refused}"
