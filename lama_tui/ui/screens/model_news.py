"""What the workspace says of models by itself: a newer revision, files that have changed, which left memory and why."""

import time
from typing import TYPE_CHECKING

from textual import on

from lama_tui.errors import LamaError
from lama_tui.security.gate import clean_line
from lama_tui.types import ConversationId, MessageId
from lama_tui.ui import figures
from lama_tui.ui.departures import Departures
from lama_tui.ui.screens.downloading import Downloading
from lama_tui.ui.screens.talk import Talk

if TYPE_CHECKING:
    from lama_tui.events import StreamEvent
    from lama_tui.library.updates.update import Update


class ModelNews(Downloading):
    """Has the models watched while the workspace runs."""

    _browses = False
    """Whether the model browser is open, which tells itself of models that leave memory."""

    def on_mount(self) -> None:
        """None left yet."""
        self._departures = Departures()

    @on(Talk.Ready)
    def _watch_models(self) -> None:
        if self._opened is not None:
            self._opened.services.watch_models(self._say_changed, self._say_newer)

    def _say_changed(self, error: LamaError) -> None:
        """A file is no longer what was published: that is not to be overlooked."""
        if self.is_mounted:
            self._notice.add(error)

    def _say_newer(self, update: "Update") -> None:
        if self.is_mounted:
            name, to_fetch = clean_line(update.ref, 120), figures.size(update.size)
            self._tell(f"There is a newer {name}: {to_fetch} to fetch. {self._key('updates.open')} shows it.")

    # --- memory ----------------------------------------------------------------------

    def _heard(self, conversation: ConversationId, message: MessageId, event: "StreamEvent") -> None:
        """An event of any turn: one that tells that another model left for its own is not to be missed."""
        from lama_tui.events import ModelUnloaded

        super()._heard(conversation, message, event)
        running = self._opened.chat.running(conversation) if self._opened is not None else None
        said = self._departures.made_room(event, running.model) if isinstance(event, ModelUnloaded) and running else ""
        if said:
            self._tell(said)

    def _look_around(self) -> None:
        """Also whether models left memory; what goes on in the model browser is told there."""
        super()._look_around()
        if self._opened is None:
            return
        left = self._departures.look(self._opened.services.engine.figures(), time.time_ns() // 1_000_000)
        for said in left if not self._browses else ():
            self._tell(said)
