"""The driver: takes the terminal, reads keys, and gives the terminal back whatever happens.

Textual's own driver dies with the terminal's modes on when it is told to end or the terminal is
closed, spins when input ends, and blocks the event loop when the terminal does not read.
"""

import contextlib
import os
import select
import signal
import termios
import threading
import time
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any

from textual import constants, events
from textual.drivers.linux_driver import LinuxDriver
from textual.geometry import Size

from lama_tui.ui.terminal import early
from lama_tui.ui.terminal.keys import KeyParser
from lama_tui.ui.terminal.leaving import Leaving
from lama_tui.ui.terminal.modes import BACK, enter, leave, open_terminal, raw, restore_terminal
from lama_tui.ui.terminal.writer import TerminalWriter

if TYPE_CHECKING:
    from lama_tui.ui.terminal.app import TerminalApp

_JOB_CONTROL = (signal.SIGTSTP, signal.SIGCONT)
_HEARD = 0.02  # seconds in which a signal that came while we were stopped is heard, in whichever thread
_LOOK = 0.1  # seconds until a lone escape is taken for the key


class LamaDriver(LinuxDriver):
    """Takes the terminal in `start_application_mode`; gives it back, at most once, in `stop_application_mode`.

    A hang-up (end of input, EIO on either side) makes the app leave. The app hears `terminal_has_room`
    when the terminal reads again after a frame had no room.
    """

    _app: "TerminalApp"

    def __init__(
        self, app: "TerminalApp", *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        before = {number: signal.getsignal(number) or signal.SIG_DFL for number in _JOB_CONTROL}
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        for number, handler in before.items():  # handled on the loop instead, while the terminal is ours
            signal.signal(number, handler)
        self._output = open_terminal(self.fileno)
        self._writer: TerminalWriter | None = None
        self._taken = False
        self._frame: list[str] | None = None
        self._held = False
        self._raw: list[Any] | None = None
        self._leaving = Leaving(app, self.restore_now, early.guardian)

    # the terminal, taken and given back

    def start_application_mode(self) -> None:
        """Take the terminal. In the background the kernel stops the process here until it is in front."""
        if self._writer is not None:
            return
        self._app.repaint_all()
        is_alternate = self._set_raw()
        self._taken = True
        self._writer = TerminalWriter(
            self._output,
            on_gone=lambda: self._tell(self._leaving.begin),
            on_free=lambda: self._tell(self._app.terminal_has_room),
        )
        self._writer.start()
        self._enter(self._writer, alternate=not is_alternate)
        self.exit_event = threading.Event()
        self._no_more_input = os.pipe()
        # daemon: bytes that never come do not keep the program from ending
        self._key_thread = threading.Thread(target=self.run_input_thread, name="lama-terminal-input", daemon=True)
        self._key_thread.start()
        self._loop.add_signal_handler(signal.SIGWINCH, self._tell_size)
        if signal.getsignal(signal.SIGTSTP) is not signal.SIG_IGN:
            self._loop.add_signal_handler(signal.SIGTSTP, self._suspend)
        signal.signal(signal.SIGCONT, self._hold)  # not on the loop, which may draw before it comes to that
        self._tell_size()

    def stop_application_mode(self) -> None:
        """Give the terminal back. Every step is taken whatever becomes of the others; bounded in time."""
        writer, self._writer = self._writer, None
        if writer is None:
            return
        with contextlib.ExitStack() as last_first:
            last_first.callback(self._restore_attributes)
            last_first.callback(self.disable_input)
            last_first.callback(self._end_output, writer)
            last_first.callback(self._ignore_job_control)

    def _enter(self, writer: TerminalWriter, *, alternate: bool) -> None:
        """Switch the modes on, and ask what else the terminal knows."""
        writer.control(enter(mouse=self._mouse, kitty_keys=not constants.DISABLE_KITTY_KEY, alternate=alternate))
        if os.environ.get("TERM_PROGRAM") != "Apple_Terminal":  # it would print the end of these questions
            self._request_terminal_sync_mode_support()
            self._query_in_band_window_resize()

    def restore_now(self) -> None:
        """Give the terminal back as a last resort, from any thread, without waiting."""
        if self._taken:
            self._taken = False
            restore_terminal(self._output)
            self._restore_attributes()

    def close(self) -> None:
        """Nothing is left to do after `stop_application_mode`."""

    def _set_raw(self) -> bool:
        """Keys come as they are pressed, unechoed; none makes a signal. Whether the alternate screen is there."""
        with contextlib.suppress(OSError):
            # changes nothing in the foreground; the background waits here, before it looks at a shell's own modes
            os.tcsetpgrp(self.fileno, os.getpgrp())
        taken = early.hand_over()
        try:
            self.attrs_before = termios.tcgetattr(self.fileno) if taken is None else taken.attributes
            self._raw = raw(self.attrs_before)
        except termios.error:
            self.attrs_before = self._raw = None
            return False
        with contextlib.suppress(termios.error):
            termios.tcsetattr(self.fileno, termios.TCSANOW, self._raw)
        return taken is not None and taken.is_drawn

    def _restore_attributes(self) -> None:
        if self.attrs_before is not None:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self.fileno, termios.TCSANOW, self.attrs_before)

    def _end_output(self, writer: TerminalWriter) -> None:
        writer.control(leave(os.environ))
        written = writer.stop()
        if self._taken and not written:
            restore_terminal(self._output)
        self._taken = False
        self._in_band_window_resize = False

    # job control

    def _suspend(self) -> None:
        """Stop like any other program: with the terminal given back, by the default effect of the signal.

        All of the group stops, as after ctrl+z in a shell: also who started us and waits. Where no shell
        could continue us (an orphaned group) the kernel does not stop it and we simply go on.
        """
        self.suspend_application_mode()
        os.killpg(0, signal.SIGTSTP)
        if self._is_behind():
            time.sleep(_HEARD)
            if self._leaving.is_told:  # `kill %1`: taking the terminal would stop us again
                return
        self.resume_application_mode()
        self._app.repaint_all()
        self.send_message(self.SignalResume())

    def _hold(self, number: int, frame: FrameType | None) -> None:
        """Draw nothing before the screen is ours again."""
        self._held = True
        self._tell(self._continue)

    def _continue(self) -> None:
        """After SIGSTOP, of which nobody is told: the guard gave the terminal back, or a shell has used it."""
        if self._raw is not None:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self.fileno, termios.TCSANOW, self._raw)
        self._held = False
        if self._writer is not None:
            self._in_band_window_resize = False
            self._writer.control(BACK)
            self._enter(self._writer, alternate=False)
            self._tell_size()
        self._app.repaint_all()

    def _is_behind(self) -> bool:
        """Whether another program of the shell has the terminal."""
        try:
            return os.tcgetpgrp(self.fileno) != os.getpgrp()
        except OSError:
            return False

    def _ignore_job_control(self) -> None:
        for number in (signal.SIGWINCH, *_JOB_CONTROL):
            self._loop.remove_signal_handler(number)
        signal.signal(signal.SIGCONT, signal.SIG_DFL)
        self._held = False

    # output

    def write(self, data: str) -> None:
        """Write a control sequence, or within `drawing` a piece of the frame."""
        if self._frame is not None and threading.current_thread() is threading.main_thread():
            self._frame.append(data)
        elif self._writer is not None:
            self._writer.control(data)

    @contextlib.contextmanager
    def drawing(self) -> Iterator[None]:
        """What is written inside is one frame."""
        pieces = self._frame = []
        try:
            yield
        finally:
            self._frame = None
            self.frame("".join(pieces))

    def frame(self, text: str) -> None:
        """Write a frame, where there is room for it."""
        if self._writer is not None:
            self._writer.frame(text)

    def has_room(self) -> bool:
        """Whether a frame would be taken now; if not, the app is told when."""
        return self._writer is not None and not self._held and self._writer.has_room()

    @property
    def delay(self) -> float:
        """Seconds that the terminal takes for a frame."""
        return self._writer.delay if self._writer is not None else 0.0

    # input

    def run_input_thread(self) -> None:
        """Read until told to stop; the end of input is a hang-up. Runs in a thread of its own."""
        try:
            if self._read_keys():
                self._tell(self._leaving.begin)
        except Exception as error:
            self._tell(self._app._handle_exception, error)

    def _read_keys(self) -> bool:
        """Read keys; True when the terminal hung up, False when told to stop."""
        parser = KeyParser(self._debug)
        decode = getincrementaldecoder("utf-8")("replace").decode
        while not self.exit_event.is_set():
            patience = _LOOK if parser.is_waiting else None
            if self.fileno in select.select([self.fileno, self._no_more_input[0]], [], [], patience)[0]:
                try:
                    data = os.read(self.fileno, 4096)
                except BlockingIOError:
                    continue  # somebody shares the terminal and made it non-blocking
                except OSError:
                    return True
                if not data:
                    return True
                for message in parser.feed(decode(data)):
                    self.process_message(message)
            for message in parser.tick():
                self.process_message(message)
        return False

    def disable_input(self) -> None:
        """Stop reading, and forget what was typed and not read."""
        thread, self._key_thread = self._key_thread, None
        if thread is None:
            return
        self.exit_event.set()
        os.write(self._no_more_input[1], b".")
        thread.join(0.5)
        if not thread.is_alive():
            for end in self._no_more_input:
                os.close(end)
        with contextlib.suppress(termios.error):
            termios.tcflush(self.fileno, termios.TCIFLUSH)

    def _tell(self, callback: Callable[..., object], *arguments: object) -> None:
        """Call back on the loop, from any thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to tell
            self._loop.call_soon_threadsafe(callback, *arguments)

    # size

    def _tell_size(self) -> None:
        if not self._in_band_window_resize:
            size = Size(*self._get_terminal_size())
            self.send_message(events.Resize(size, size))

    def _get_terminal_size(self) -> tuple[int, int]:
        """Columns and rows of the terminal that is written to, else of the one that is read; else 80 by 24."""
        for descriptor in (self._output, self.fileno):
            with contextlib.suppress(OSError):
                columns, rows = os.get_terminal_size(descriptor)
                if columns and rows:
                    return columns, rows
        return 80, 24
