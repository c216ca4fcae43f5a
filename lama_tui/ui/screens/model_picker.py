"""Choose the model of a conversation: what is on this machine, and the configured servers."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from textual.content import Content
from textual.events import Resize
from textual.widgets import OptionList

from lama_tui.ui.screens.chooser import Choice, Chooser
from lama_tui.ui.screens.models.columns import shortened

_FACTS = 24
"""Cells that the facts of a model get at least, where its name is long."""


class ModelPicker(Chooser):
    """The quick form of the model browser. Returns the reference of a model, or None."""

    HEADING = "Model of this conversation"
    SEARCHING = "Looking for models…"
    NOTHING = "There is no model on this machine."

    def __init__(self, current: str, find: Callable[[], Awaitable[Sequence[Choice]]]) -> None:
        super().__init__(current)
        self._find = find

    async def find(self) -> Sequence[Choice]:
        """Every model that can answer."""
        return await self._find()

    def line(self, choice: Choice) -> Content:
        """A name that is too long loses its middle: the end tells quantizations apart."""
        return super().line(replace(choice, name=shortened(choice.name, self._room)))

    @property
    def _room(self) -> int:
        """Cells for a name."""
        return max(16, self.query_one(OptionList).size.width - _FACTS)

    def on_resize(self, event: Resize) -> None:
        """Another width has another room for names."""
        self.call_after_refresh(self.draw_again)
