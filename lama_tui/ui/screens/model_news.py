"""What the workspace says of installed models by itself: a newer revision, and files that have changed."""

from typing import TYPE_CHECKING

from textual import on

from lama_tui.errors import LamaError
from lama_tui.security.gate import clean_line
from lama_tui.ui import figures
from lama_tui.ui.screens.downloading import Downloading
from lama_tui.ui.screens.talk import Talk

if TYPE_CHECKING:
    from lama_tui.library.updates.update import Update


class ModelNews(Downloading):
    """Has the models watched while the workspace runs."""

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
