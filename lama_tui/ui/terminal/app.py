"""What every full-screen app of ours does with its terminal, whatever it shows."""

import asyncio
import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.color import ColorSystem
from rich.console import RenderableType
from textual.errors import NoWidget
from textual.events import Event, InputEvent, Key, MouseDown, Paste
from textual.filter import Monochrome, NoColor
from textual.notifications import Notify, SeverityLevel
from textual.screen import Screen
from textual.widget import Widget

from lama_tui.ui.terminal import colours, forgetting, gate
from lama_tui.ui.terminal.crash import CrashReport
from lama_tui.ui.terminal.drawing import Drawing
from lama_tui.ui.terminal.lasting import LastingNotification
from lama_tui.ui.terminal.pace import frame_interval
from lama_tui.ui.terminal.stray import StrayOutput

if sys.platform != "win32":  # there Textual's own driver serves
    from lama_tui.ui.terminal.driver import LamaDriver

if TYPE_CHECKING:
    from textual.driver import Driver

_SYSTEMS = {
    colours.NONE: None,
    colours.FEW: ColorSystem.STANDARD,
    colours.MANY: ColorSystem.EIGHT_BIT,
    colours.ALL: ColorSystem.TRUECOLOR,
}
_OPENING = 1.0
"""Seconds that a key waits at most for the screen that it is meant for."""


class TerminalApp(CrashReport):
    """Draws through the gate, leaves when it is told to, and crashes without showing its insides.

    Raises `LamaError` when made where the gate does not hold.
    """

    def __init__(self, log_file: Path) -> None:
        gate.install()
        forgetting.install()
        super().__init__(driver_class=_driver_class())
        self._colours = _SYSTEMS[colours.colours(os.environ)]
        self.log_file = log_file
        self.stray = StrayOutput()
        self._drawing = Drawing()
        self.is_colourless = colours.is_colourless(os.environ)
        if self._drawing.is_thin:
            # no colour is sent where none is wanted: Textual's way would be to send shades of grey
            self.no_color = False
            self._filters = [each for each in self._filters if not isinstance(each, Monochrome | NoColor)]
        self._has_opened: Screen[object] | None = None

    async def leave(self) -> None:
        """Save everything, close what is open, and exit. Called once, on a signal or a hang-up."""
        self.exit()

    async def on_event(self, event: Event) -> None:
        """Keys that are typed ahead of a screen wait for it: over a slow line they come in one go."""
        if isinstance(event, Key | Paste):
            if not event.is_forwarded and (reader := self.early_reader()) is not None:
                reader._forward_event(event)
                return
            await self.opened()
        if isinstance(event, InputEvent) and not self._screen_stack:  # it came when all was closed
            return
        if isinstance(event, Key) and not event.is_forwarded and self.takes(event):
            return
        if not (isinstance(event, MouseDown) and self._is_gone_at(event.x, event.y)):
            await super().on_event(event)

    def takes(self, event: Key) -> bool:
        """Deal with a key before it goes to what has the focus; False for one that shall go there."""
        return False

    def early_reader(self) -> Widget | None:
        """What deals with a key as soon as it is there, before its screen is; None where keys wait for the screen."""
        return None

    def _is_gone_at(self, x: float, y: float) -> bool:
        """Whether what is drawn there was removed since the last frame: Textual would fail on such a click."""
        try:
            widget, _ = self.get_widget_at(int(x), int(y))
        except NoWidget:
            return False
        return widget.parent is None

    async def opened(self) -> None:
        """Wait until the screen on top is there, with its focus."""
        while self._screen_stack and self.screen is not self._has_opened:
            screen, there = self.screen, asyncio.Event()
            if screen.call_later(there.set):  # comes after all that opens it
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(there.wait(), _OPENING)
            self._has_opened = screen

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """Show a message for a while. One whose time ends as its toast is made must not hold everything up."""
        seconds = self.NOTIFICATION_TIMEOUT if timeout is None else timeout
        self.post_message(Notify(LastingNotification(message, title, severity, seconds, markup)))

    def write_sequence(self, sequence: str) -> None:
        """Write a control sequence of our own making, between two frames."""
        if self._driver is not None and sequence:
            self._driver.write(sequence)

    def repaint_all(self) -> None:
        """Draw every cell again."""
        self._drawing.forget()
        if self._screen_stack:
            self.screen.refresh()

    def terminal_has_room(self) -> None:
        """Draw what was left out while the terminal did not read."""
        if not self._drawing.is_thin:
            self.repaint_all()
        elif sys.platform != "win32" and isinstance(self._driver, LamaDriver):
            self._drawing.flush(self._driver, self._sync_available)

    @property
    def frame_interval(self) -> float:
        """Seconds between two frames of something that streams, as fast as the terminal takes them."""
        delay = self._driver.delay if sys.platform != "win32" and isinstance(self._driver, LamaDriver) else 0.0
        return frame_interval(delay, os.environ)

    def _print_error_renderables(self) -> None:
        """Print what was kept for the end where a person sees it."""
        self.stray.restore()
        super()._print_error_renderables()

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        """Draw `renderable`, or keep it until the terminal has room."""
        driver = self._driver
        if sys.platform == "win32" or not isinstance(driver, LamaDriver):
            super()._display(screen, renderable)
            return
        if renderable is None or self._batch_count or not self._running or self._closed:
            return
        # the terminal's own cursor is hidden, but it is where input methods and predicted echo are shown
        offset = getattr(screen.focused, "cursor_screen_offset", self.cursor_position)
        cursor = screen.outer_size.clamp_offset(offset)
        if self._drawing.show(renderable, self.size, cursor, self._colours, driver, self._sync_available):
            self.post_display_hook()
        elif driver.has_room():
            with driver.drawing():
                super()._display(screen, renderable)


def _driver_class() -> "type[Driver] | None":
    """The driver for this platform; None is Textual's own."""
    return None if sys.platform == "win32" else LamaDriver
