"""How frames reach the terminal: thinly where this Textual is understood, else as Textual draws itself.

Thin drawing stands on two insides of Textual, the hook `App._display` and the two updates that its compositor makes.
They are tried before the first frame.
"""

import inspect
import logging
from typing import TYPE_CHECKING, Any

from rich.color import ColorSystem
from rich.segment import Segment
from textual.app import App
from textual.strip import Strip

if TYPE_CHECKING:
    from lama_tui.ui.terminal.driver import LamaDriver
    from lama_tui.ui.terminal.thin import ThinScreen

_SYNC_START, _SYNC_END = "\x1b[?2026h", "\x1b[?2026l"

_AT_ONCE = 512
"""Characters that a terminal shows in one piece anyway."""

_log = logging.getLogger(__name__)


class Drawing:
    """The frames of one app, sent to `driver` as it has room for them."""

    def __init__(self) -> None:
        why = obstacle()
        self.is_thin = not why
        if why:
            _log.warning("drawing as Textual does: %s", why)
        self._screen: ThinScreen | None = None

    def show(
        self,
        update: Any,
        size: tuple[int, int],
        cursor: tuple[int, int],
        colours: ColorSystem | None,
        driver: "LamaDriver",
        synchronized: bool,
    ) -> bool:
        """Show an update of the compositor; False for one that only Textual can draw."""
        if not self.is_thin:
            return False
        from textual._compositor import ChopsUpdate, LayoutUpdate

        if not isinstance(update, LayoutUpdate | ChopsUpdate):
            self.forget()
            return False
        from lama_tui.ui.terminal.thin import ThinScreen

        if self._screen is None or self._screen.size != size:
            self._screen = ThinScreen(*size, colours)
        self._screen.take(update, cursor)
        self.flush(driver, synchronized)
        return True

    def flush(self, driver: "LamaDriver", synchronized: bool) -> None:
        """Send what differs, if anything does and the terminal has room; else it is asked for when there is."""
        if self._screen is None or not self._screen.is_due or not driver.has_room():
            return
        frame = self._screen.difference()
        driver.frame(f"{_SYNC_START}{frame}{_SYNC_END}" if synchronized and len(frame) > _AT_ONCE else frame)

    def forget(self) -> None:
        """Draw every cell again with the next frame."""
        if self._screen is not None:
            self._screen.forget()


def obstacle() -> str:
    """Why thin drawing does not understand this Textual; empty if it does."""
    try:
        from textual._compositor import ChopsUpdate, LayoutUpdate
        from textual.geometry import Region

        from lama_tui.ui.terminal.thin import ThinScreen

        hook = list(inspect.signature(App._display).parameters)
        if hook != ["self", "screen", "renderable"]:
            return f"App._display takes {hook}"
        rows = [Strip([Segment("ab漢c")]), Strip([Segment("défg ")])]
        whole = LayoutUpdate([[row] for row in rows], Region(0, 0, 5, 2))
        part = ChopsUpdate([{0: None, 2: Strip([Segment("xyz")])}, {}], [(0, 3, 4)], [[2, 5], []])
        screen = ThinScreen(5, 2)
        screen.take(whole, (0, 0))
        drawn = [screen.difference()]
        screen.take(part, (0, 0))
        drawn.append(screen.difference())
    except (ImportError, AttributeError, TypeError, LookupError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    expected = ["\x1b[r\x1b[m\x1b[Hab漢c\x1b[2Hdéfg \x1b[H", "\x1b[3Gxy\r"]
    return "" if drawn == expected else f"its updates give {drawn!r}"
