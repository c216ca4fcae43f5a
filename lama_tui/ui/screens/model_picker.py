"""Choose the model of a conversation: what is on this machine, and the configured servers."""

from collections.abc import Awaitable, Callable, Sequence

from lama_tui.ui.screens.chooser import Choice, Chooser


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
