"""Choose the model of a conversation: what is on this machine, and the configured servers."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from rich.cells import cell_len
from textual.content import Content
from textual.events import Resize
from textual.widgets import OptionList

from lama_tui.ui.bindings import key_at
from lama_tui.ui.screens.chooser import FACTS_APART, Choice, Chooser
from lama_tui.ui.screens.models.table import shortened

_BESIDE = 9
"""Cells of a line that are neither name nor facts: mark, what keeps the two apart, ends of the line, scrollbar."""

_FACTS = 3
"""So many facts stay where a name is long; others are shown where they fit."""

_SHORTEST = 20
"""Cells of a name that is cut; or three eighths of the line, where that is more."""


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

    @property
    def elsewhere(self) -> str:
        """The hub has more."""
        return f" {key_at(self, 'hub.open')} searches the hub."

    def line(self, choice: Choice) -> Content:
        """A name that is too long beside its facts loses its middle: the end tells quantizations apart."""
        width = self.query_one(OptionList).size.width
        facts = [choice.problem] if choice.problem else choice.facts.split(FACTS_APART)
        core = cell_len(FACTS_APART.join(facts[:_FACTS]))
        name = shortened(choice.name, max(_SHORTEST, width * 3 // 8, width - _BESIDE - core))
        while len(facts) > _FACTS and cell_len(FACTS_APART.join(facts)) > width - _BESIDE - cell_len(name):
            facts.pop()
        return super().line(replace(choice, name=name, facts=FACTS_APART.join(facts)))

    def on_resize(self, event: Resize) -> None:
        """Another width has another room for names."""
        self.call_after_refresh(self.draw_again)
