"""What every full-screen app of ours does with its terminal, whatever it shows."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import RenderableType
from textual.screen import Screen

from lama_tui.ui.terminal import gate
from lama_tui.ui.terminal.crash import CrashReport
from lama_tui.ui.terminal.stray import StrayOutput

if sys.platform != "win32":  # there Textual's own driver serves
    from lama_tui.ui.terminal.driver import LamaDriver

if TYPE_CHECKING:
    from textual.driver import Driver


class TerminalApp(CrashReport):
    """Draws through the gate, leaves when it is told to, and crashes without showing its insides.

    Raises `LamaError` when made where the gate does not hold.
    """

    def __init__(self, log_file: Path) -> None:
        gate.install()
        super().__init__(driver_class=_driver_class())
        self.log_file = log_file
        self.stray = StrayOutput()

    async def leave(self) -> None:
        """Save everything, close what is open, and exit. Called once, on a signal or a hang-up."""
        self.exit()

    def write_sequence(self, sequence: str) -> None:
        """Write a control sequence of our own making, between two frames."""
        if self._driver is not None and sequence:
            self._driver.write(sequence)

    def repaint_all(self) -> None:
        """Draw every cell again."""
        if self._screen_stack:
            self.screen.refresh()

    def _print_error_renderables(self) -> None:
        """Print what was kept for the end where a person sees it."""
        self.stray.restore()
        super()._print_error_renderables()

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        """Draw `renderable` as one frame, unless the terminal does not read: then all is drawn when it does."""
        if sys.platform == "win32" or not isinstance(self._driver, LamaDriver):
            super()._display(screen, renderable)
        elif not self._driver.is_behind:
            with self._driver.drawing():
                super()._display(screen, renderable)


def _driver_class() -> "type[Driver] | None":
    """The driver for this platform; None is Textual's own."""
    return None if sys.platform == "win32" else LamaDriver
