"""A program in a pseudoterminal that is read but not emulated: emulation would cost the processor that is measured."""

import functools
import os
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

WIDE = (120, 40)
"""Columns and rows: three panes, the monitor among them."""

MARK = "§"
"""A key that nothing draws until it is typed."""


def lama() -> list[str]:
    """The command as it is installed beside this Python."""
    script = Path(sys.executable).with_name("lama")
    return [str(script)] if script.exists() else [sys.executable, "-m", "lama_tui"]


class Program:
    """A running program; a context manager that leaves nothing running. Its home is `home`. Times are in seconds."""

    def __init__(
        self, command: Sequence[str], home: Path, size: tuple[int, int] = WIDE, env: Mapping[str, str] = {}
    ) -> None:
        columns, rows = size
        self.read_bytes = 0
        self.chunks: list[tuple[float, bytes]] = []
        self._terminal, inside = os.openpty()
        os.set_blocking(self._terminal, False)
        termios.tcsetwinsize(self._terminal, (rows, columns))
        self.started = time.perf_counter()
        self._process = subprocess.Popen(
            command,
            env=_environment(home) | dict(env),
            preexec_fn=functools.partial(os.login_tty, inside),  # noqa: PLW1509
        )
        os.close(inside)
        self.process = psutil.Process(self._process.pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for process in (*self.process.children(recursive=True), self.process) if self.process.is_running() else ():
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        self._process.wait()
        os.close(self._terminal)

    def send(self, keys: str) -> None:
        """Type `keys`."""
        os.write(self._terminal, keys.encode())

    def wait_raw(self, timeout: float = 30) -> None:
        """Wait until keys come as they are pressed."""
        deadline = time.perf_counter() + timeout
        while termios.tcgetattr(self._terminal)[3] & termios.ICANON:
            self.read(0.001)
            assert time.perf_counter() < deadline, "the program did not take the terminal"

    def wait_drawn(self, text: str, timeout: float = 30) -> float:
        """Wait until `text` is written to the terminal; seconds since the program was started."""
        wanted, tail = text.encode(), b""
        deadline = time.perf_counter() + timeout
        while wanted not in (tail := tail[-len(wanted) :] + self.read(0.05)):
            assert time.perf_counter() < deadline, f"{text!r} was not drawn in {timeout:g} s"
        return time.perf_counter() - self.started

    def ready(self) -> float:
        """Type one key as soon as the terminal is raw; seconds from the start until it is on screen."""
        self.wait_raw()
        self.send(MARK)
        return self.wait_drawn(MARK)

    def read(self, patience: float) -> bytes:
        """What the program wrote by now, or within `patience`."""
        if not select.select([self._terminal], [], [], patience)[0]:
            return b""
        try:
            data = os.read(self._terminal, 1 << 16)
        except OSError as error:  # Linux: the last close on the other side
            raise AssertionError(f"the program ended with status {self._process.wait()}") from error
        assert data, f"the program ended with status {self._process.wait()}"
        self.read_bytes += len(data)
        self.chunks.append((time.perf_counter(), data))
        return data

    def read_for(self, seconds: float) -> int:
        """Read and forget for so long; the bytes that came."""
        before, end = self.read_bytes, time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self.read(left)
        return self.read_bytes - before

    def taken(self) -> list[tuple[float, bytes]]:
        """What was written since the last call of this, and when it came."""
        chunks, self.chunks = self.chunks, []
        return chunks

    def cpu(self) -> float:
        """Processor time that it and its children used so far."""
        processes = [self.process, *self.process.children(recursive=True)]
        return sum(times.user + times.system for times in (process.cpu_times() for process in processes))

    def quit(self, timeout: float = 10) -> int:
        """Press ctrl+q; the exit status."""
        self.send("\x11")
        deadline = time.perf_counter() + timeout
        with suppress(AssertionError):
            while time.perf_counter() < deadline:
                self.read(0.1)
        return self._process.wait(max(0.1, deadline - time.perf_counter()))


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
        "MLX_DISABLE_COMPILE": "1",
    }
