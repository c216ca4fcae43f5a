"""The guard: a tiny parent of the workspace, which gives the terminal back when the workspace no longer can.

The app runs in a child, forked before anything large is imported. Killed or crashed in native code, it leaves a
terminal in disorder: the guard puts that in order, says what happened, and offers to open lama again. What ends
the guard ends the app too, saved: the app reads a pipe of which only the guard has the other end.
"""

import contextlib
import faulthandler
import os
import select
import signal
import termios
import time
from collections.abc import Callable, Sequence
from types import FrameType

from lama_tui.ui.terminal import early
from lama_tui.ui.terminal.modes import raw
from lama_tui.ui.terminal.patience import Patience

LIMIT = 2.0
"""Seconds after a signal to end until an app that did not is killed; it ends itself after less, if it can."""

MOST = 6.0
"""Where other programs have the processors."""

_TIDY = 0.1  # seconds that others have to put the terminal in order, before we do
_TO_END = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
_LARGEST = 1 << 20  # bytes of a crash report
_FAILED = 1


def guard(run: Callable[[Sequence[str]], int], arguments: Sequence[str]) -> int:
    """Take the terminal, call `run(arguments)` in a child, and see that everything ends well.

    Returns the exit code, in the child that of `run`, in the parent that of the child.
    """
    while True:
        app = _App()
        early.take()
        if app.fork():
            try:
                return run(arguments)
            finally:
                early.give_back()
        status = app.wait()
        code = os.waitstatus_to_exitcode(status)
        if code < 0:
            _end_others()
        early.give_back(if_raw=code >= 0 or app.is_suspended)
        if code >= 0:
            return code
        if app.was_killed:
            return _FAILED
        if -code not in _TO_END:
            from lama_tui.cli.crashed import tell

            tell(-code, app.pid, bytes(app.report), app.last_words)
        if -code in _TO_END or app.was_told or not _wants_it_again():
            return 128 - code
        arguments = [argument for argument in arguments if argument != "--new"]  # back to what was open


class _App:
    """The child process. Signals to end that come from now on are for it."""

    def __init__(self) -> None:
        self.pid = 0
        self.report = bytearray()
        """What `faulthandler` wrote of a crash."""
        self.last_words = b""
        """What was written to stdout and stderr, and not read any more by the child: the reason of an abort."""
        self.was_told = False
        """A signal to end came."""
        self.was_killed = False
        """It did not end in time after that."""
        self.is_suspended = False
        """It gave the terminal back and stopped. To give it back once more would lose the cursor's place."""
        self._pending: list[int] = []
        self._patience: Patience | None = None
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        self._alive_out, self._alive_in = os.pipe()
        self._crash_out, self._crash_in = os.pipe()
        self._stray_out, self._stray_in = os.pipe()
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        handlers = dict.fromkeys(_TO_END, self._pass_on) | {
            signal.SIGCHLD: _only_wakes,
            signal.SIGTSTP: _only_wakes,  # first the child gives the terminal back; when it stops we do
        }
        self._before = {
            number: signal.signal(number, handler)
            for number, handler in handlers.items()
            if number == signal.SIGCHLD or signal.getsignal(number) is not signal.SIG_IGN  # as nohup leaves it
        }

    def fork(self) -> bool:
        """Begin the child; True in the child."""
        # a signal that comes between two steps of a fork would be lost
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _TO_END)
        self.pid = os.fork()
        if self.pid:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            os.close(self._alive_out)
            os.close(self._crash_in)
            os.close(self._stray_in)
            for number in self._pending:
                self._pass_on(number, None)
            return False
        signal.set_wakeup_fd(-1)
        for number in self._before:
            # by default a signal ends us at once, until the app is there to do better
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for descriptor in (self._woken, self._wake, self._alive_in, self._crash_out):
            os.close(descriptor)
        early.guardian, early.stray = self._alive_out, (self._stray_out, self._stray_in)
        faulthandler.enable(self._crash_in)
        return True

    def wait(self) -> int:
        """Wait until the child has ended; its status. Reads the report meanwhile: it may be more than a pipe holds."""
        reading = {self._woken, self._crash_out}
        ended = 0
        while not ended:
            left = None if self._patience is None else max(0.0, self._patience.left())
            ready = select.select(reading, [], [], left)[0]
            if not ready and left == 0:
                self._patience, self.was_killed = None, True
                os.kill(self.pid, signal.SIGKILL)
            if self._woken in ready:
                os.read(self._woken, 512)
            if self._crash_out in ready and not self._read_report():
                reading.discard(self._crash_out)
            ended, status = os.waitpid(self.pid, os.WNOHANG | os.WUNTRACED | os.WCONTINUED)
            if ended and os.WIFCONTINUED(status):
                ended, self.is_suspended = 0, False
            elif ended and os.WIFSTOPPED(status):
                ended, self.is_suspended = 0, os.WSTOPSIG(status) != signal.SIGSTOP
                early.lend()  # where SIGSTOP left it no time to do so
                _stop()
        for left in (self._crash_out, self._stray_out):
            os.set_blocking(left, False)
        with contextlib.suppress(BlockingIOError):
            while self._read_report():
                pass
        with contextlib.suppress(BlockingIOError):
            self.last_words = os.read(self._stray_out, 65_536)
        self._close()
        return status

    def _read_report(self) -> bool:
        """Read a piece; False at the end."""
        data = os.read(self._crash_out, 65_536)
        self.report += data[: _LARGEST - len(self.report)]
        return bool(data)

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        """Tell the child to end, and see that it does."""
        self.was_told = True
        if not self.pid:
            self._pending.append(number)
            return
        if self._patience is None:
            self._patience = Patience(self.pid, LIMIT, MOST)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def _close(self) -> None:
        """Signals are for the guard again."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(-1)
        for descriptor in (self._woken, self._wake, self._alive_in, self._crash_out, self._stray_out):
            os.close(descriptor)


def _only_wakes(number: int, frame: FrameType | None) -> None:
    """Make `select` look what happened."""


def _stop() -> None:
    """Stop until we are continued, as a shell expects of what it started."""
    before = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTSTP)
    signal.signal(signal.SIGTSTP, before)


def _end_others() -> None:
    """End what the app began and left, such as an editor that has the terminal. Only in a group that is all ours."""
    if os.getpgrp() == os.getpid():
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        os.killpg(0, signal.SIGHUP)
        signal.signal(signal.SIGHUP, before)
        time.sleep(_TIDY)


def _wants_it_again() -> bool:
    """Ask whether to open lama again; no where nobody can answer."""
    try:
        if os.tcgetpgrp(0) != os.getpgrp():
            return False
        before = termios.tcgetattr(0)
        termios.tcsetattr(0, termios.TCSAFLUSH, raw(before))  # what was typed until now was meant for the app
    except (OSError, termios.error):
        return False
    for number in _TO_END:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _leave)
    try:
        # not through the stream: what stays in its buffer when the terminal is gone spoils the exit status
        os.write(2, b"Enter opens lama again, any other key leaves. ")
        while (keys := os.read(0, 64)).startswith(b"\x1b") and len(keys) > 1:
            pass  # what a terminal answers late, or the mouse
        return keys in (b"\r", b"\n")
    except OSError:
        return False
    finally:
        with contextlib.suppress(OSError):
            os.write(2, b"\n")
        with contextlib.suppress(termios.error):
            termios.tcsetattr(0, termios.TCSANOW, before)


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
