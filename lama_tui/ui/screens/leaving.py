"""What is on screen while everything is saved at the end, when that takes longer than one would notice."""

import time

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from lama_tui.ui.bindings import key_at
from lama_tui.ui.screens.above import Dialog
from lama_tui.ui.waiting import NOTICED, elapsed

_LOOK = 0.25  # seconds


class LeavingScreen(Dialog[None]):
    """Says how long it takes, and how to go without waiting."""

    SCOPES = ()

    def compose(self) -> ComposeResult:
        """Two lines."""
        with Vertical(classes="dialog"):
            yield Static("", id="leaving", markup=False)
            yield Static(
                f"{key_at(self, 'app.quit')} leaves without waiting: what is on the disk by now is kept.",
                classes="hint",
                markup=False,
            )

    def on_mount(self) -> None:
        """Count the seconds."""
        self._began = time.monotonic() - NOTICED
        self._count()
        self.set_interval(_LOOK, self._count)

    def _count(self) -> None:
        text = " · ".join(filter(None, ("Saving…", elapsed(time.monotonic() - self._began))))
        for line in self.query("#leaving").results(Static):
            if str(line.content) != text:
                line.update(Content.styled(text, "bold $primary"), layout=False)
