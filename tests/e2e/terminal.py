"""A program in a real pseudoterminal, with an emulated xterm on the other end.

One thread owns the pseudoterminal: it reads, draws, answers, and writes what the test sends, so that no test
can block on a program that does not read.
"""

import functools
import os
import select
import signal
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
from xterm import BRACKETED_PASTE, Xterm, key_bytes


class Terminal:
    """A running program and the terminal it runs in; a context manager that leaves nothing running.

    `size` is (columns, rows). The program sees a small environment of its own: every home is under `home`
    (LAMA_HOME is `home/lama`, HF_HOME is `home/hub`), and `env` adds to it. `raw` is every byte that it wrote
    so far, `xterm` what became of them.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        home: Path,
        size: tuple[int, int] = (100, 30),
        env: Mapping[str, str] = {},
        emulator: Callable[[int, int], Xterm] = Xterm,
    ) -> None:
        columns, rows = size
        self.raw = bytearray()
        self.xterm = emulator(columns, rows)
        self._outgoing = bytearray()
        self._changed = threading.Condition()
        self._ended = threading.Event()
        self._closed = False
        self._reads = True
        self._master, slave = os.openpty()
        os.set_blocking(self._master, False)
        termios.tcsetwinsize(self._master, (rows, columns))
        self._wake_out, self._wake_in = os.pipe()
        os.set_blocking(self._wake_in, False)
        try:
            # login_tty makes the session and its controlling terminal: one C call, safe beside threads
            self._process = subprocess.Popen(
                command,
                env=_environment(home) | dict(env),
                preexec_fn=functools.partial(os.login_tty, slave),  # noqa: PLW1509
            )
        except OSError:
            for descriptor in (self._master, self._wake_out, self._wake_in):
                os.close(descriptor)
            raise
        finally:
            os.close(slave)
        self.pid = self._process.pid
        self._thread = threading.Thread(target=self._serve, name=f"terminal of {self.pid}", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def send(self, keys: str | bytes) -> None:
        """Type `keys`; returns at once, also when the program does not read."""
        if self._closed:
            raise ValueError("the terminal was closed")
        with self._changed:
            self._outgoing += keys.encode() if isinstance(keys, str) else keys
        self._wake()

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

    def resize(self, columns: int, rows: int) -> None:
        with self._changed:
            self.xterm.screen.resize(rows, columns)
            termios.tcsetwinsize(self._master, (rows, columns))

    @contextmanager
    def not_reading(self) -> Iterator[None]:
        """Leave what the program writes unread for the block, as a paused or stalled connection does."""
        self._reads = False
        self._wake()
        try:
            yield
        finally:
            self._reads = True
            self._wake()

    def screen_text(self) -> str:
        """The rows of the screen, without spaces at their ends; line n of the text is row n."""
        with self._changed:
            return "\n".join(self.xterm.screen.rows())

    def wait_for(self, wanted: str | Callable[[str], object], timeout: float = 10.0) -> str:
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
            return self.xterm.modes.left_on()

    def modes_restored(self) -> bool:
        """Whether the program took the alternate screen, and every mode it switched is as it was before."""
        return b"\x1b[?1049h" in self.raw and not self.modes_left_on()

    def echoes(self) -> bool:
        """Whether the line discipline is as a shell wants it: lines, echo and signals."""
        flags: int = termios.tcgetattr(self._master)[3]
        cooked = termios.ICANON | termios.ECHO | termios.ISIG
        return flags & cooked == cooked

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def close_pty(self) -> None:
        """Hang up, as a closed terminal window or a lost connection does."""
        if not self._closed:
            self._closed = True
            self._wake()
            self._thread.join()
            for descriptor in (self._master, self._wake_out, self._wake_in):
                os.close(descriptor)

    def wait_exit(self, timeout: float = 10.0) -> int:
        """The exit status, or minus the signal that ended the program; every byte it wrote is then read."""
        try:
            status = self._process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f"still running after {timeout:g} s\n{self._report(self.screen_text())}") from error
        if self._reads:
            self._ended.wait(1)  # unless something it started still holds the terminal
        return status

    def cpu_seconds(self) -> float:
        """Processor time that the program and its children have used so far; 0 once it has ended."""
        seconds = 0.0
        with suppress(psutil.NoSuchProcess):
            program = psutil.Process(self.pid)
            for process in [program, *program.children(recursive=True)]:
                with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                    seconds += sum(process.cpu_times()[:4])  # user and system, its own and of its ended children
        return seconds

    def close(self) -> None:
        """Kill whatever of the session still runs, and hang up."""
        for pid in psutil.pids():
            with suppress(OSError):
                if os.getsid(pid) == self.pid:
                    os.kill(pid, signal.SIGKILL)
        self._process.wait()
        self.close_pty()

    def _wake(self) -> None:
        with suppress(BlockingIOError):  # full: it wakes anyway
            os.write(self._wake_in, b".")

    def _serve(self) -> None:
        """The thread: until the hang-up here or on the other side."""
        try:
            while not self._closed:
                writing = [self._master] if self._outgoing else []
                reading = [self._master] if self._reads else []
                readable, writable, _ = select.select([*reading, self._wake_out], writing, [])
                if self._wake_out in readable:
                    os.read(self._wake_out, 4096)
                if self._master in readable:
                    data = os.read(self._master, 65536)
                    if not data:
                        return
                    with self._changed:
                        self.raw += data
                        self._outgoing += self.xterm.receive(data)
                        self._changed.notify_all()
                if writable:
                    with self._changed, suppress(BlockingIOError):  # the room was less than it seemed
                        del self._outgoing[: os.write(self._master, self._outgoing[:4096])]
        except OSError:
            pass  # Linux reports the last close on the other side as an I/O error
        finally:
            self._ended.set()
            with self._changed:
                self._changed.notify_all()

    def _report(self, text: str) -> str:
        """What the reader of a failure wants to see."""
        cursor = self.xterm.screen.cursor
        state = f"status {self._process.poll()}, cursor at row {cursor.y}, column {cursor.x}"
        refused = f"\nrefused by the emulator: {self.xterm.refused!r}" if self.xterm.refused else ""
        frame = "-" * self.xterm.screen.columns
        return f"{frame}\n{text.rstrip()}\n{frame}\n{state}{refused}"


def _environment(home: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "TMPDIR") if name in os.environ}
    return kept | {
        "HOME": str(home),
        "LAMA_HOME": str(home / "lama"),
        "HF_HOME": str(home / "hub"),
        "HF_HUB_OFFLINE": "1",
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "MLX_DISABLE_COMPILE": "1",  # mlx compiles with a C++ compiler that a test machine may not have
    }
