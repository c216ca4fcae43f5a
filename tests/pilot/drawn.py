"""Keeps what an app under test would send to a terminal, in both ways of drawing and beside them."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.drivers.headless_driver import HeadlessDriver
from textual.screen import Screen

from lama_tui.ui.terminal.app import TerminalApp
from lama_tui.ui.terminal.thin import ThinScreen
from tests.sent import strangers


@dataclass
class Drawn:
    """`stock` is drawn by Textual, `thin` by lama, `beside` are sequences between the frames."""

    stock: list[str] = field(default_factory=list)
    thin: list[str] = field(default_factory=list)
    beside: list[str] = field(default_factory=list)
    _screen: ThinScreen | None = None

    @classmethod
    def of_all_apps(cls, monkeypatch: pytest.MonkeyPatch) -> "Drawn":
        """Of every app until the end of the test."""
        drawn, display = cls(), TerminalApp._display

        def keep(app: TerminalApp, screen: Screen[object], update: Any) -> None:
            drawn.take(app, update)
            display(app, screen, update)

        monkeypatch.setattr(TerminalApp, "_display", keep)
        monkeypatch.setattr(HeadlessDriver, "write", lambda driver, data: drawn.beside.append(data))
        return drawn

    def take(self, app: TerminalApp, update: Any) -> None:
        """Draw an update in both ways."""
        if not isinstance(update, LayoutUpdate | ChopsUpdate):
            return
        self.stock.append(update.render_segments(app.console))
        if self._screen is None or self._screen.size != app.size:
            self._screen = ThinScreen(*app.size)
        self._screen.take(update, (0, 0))
        self.thin.append(self._screen.difference())

    def strangers(self, *, copied: bool = False) -> list[str]:
        """What is not ours in what was drawn since the last call."""
        found = [
            *strangers("".join(self.stock), moves="\n"),
            *strangers("".join(self.thin)),
            *strangers("".join(self.beside), moves="\a", copied=copied),
        ]
        for sent in (self.stock, self.thin, self.beside):
            sent.clear()
        return found
