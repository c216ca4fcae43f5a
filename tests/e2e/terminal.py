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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
from window import Window
from xterm import Xterm


class Terminal(Window):
    """A running program and the terminal it runs in; a context manager that leaves nothing running.

    `size` is (columns, rows). The program sees a small environment of its own: every home is under `home`
    (LAMA_HOME is `home/lama`, HF_HOME is `home/hub`), and `env` adds to it.
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
        super().__init__(emulator(columns, rows))
        self._outgoing = bytearray()
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
                env=environment(home) | dict(env),
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

    def wait_exit(self, timeout: float = 60.0) -> int:
        """The exit status, or minus the signal that ended the program; every byte it wrote is then read."""
        try:
            status = self._process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f"still running after {timeout:g} s\n{self._report(self.screen_text())}") from error
        if self._reads:
            self._ended.wait(20)  # unless something it started still holds the terminal
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

    def rests(self) -> bool:
        """Whether the program was given all that was typed, and none of its threads runs or waits for a disk now.

        Where the system tells nothing of threads: whether it was given what was typed.
        """
        if self._outgoing:
            return False
        with suppress(psutil.NoSuchProcess):
            program = psutil.Process(self.pid)
            for process in [program, *program.children(recursive=True)]:
                for thread in Path(f"/proc/{process.pid}/task").glob("*/stat"):
                    with suppress(OSError):  # it ended
                        if thread.read_text().rpartition(")")[2].split()[0] in "RD":
                            return False
        return True

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
                    with self._changed:  # nobody who sees what came can type before it is answered
                        self._outgoing += self._receive(data)
                if writable:
                    with self._changed, suppress(BlockingIOError):  # the room was less than it seemed
                        del self._outgoing[: os.write(self._master, self._outgoing[:4096])]
        except OSError:
            pass  # Linux reports the last close on the other side as an I/O error
        finally:
            self._is_over()

    def _state(self) -> str:
        return f"status {self._process.poll()}"


def environment(home: Path) -> dict[str, str]:
    """A small environment with every home under `home`."""
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
