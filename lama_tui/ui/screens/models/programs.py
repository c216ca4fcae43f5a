"""Installed models that bring a program: loading them, and saying whether it may run."""

from typing import TYPE_CHECKING

from textual import work

from lama_tui.ui.screens.models.measuring import Measuring
from lama_tui.ui.screens.models.program import ask

if TYPE_CHECKING:
    from lama_tui.library.installed import InstalledModel


class Programs(Measuring):
    """What `InstalledSection` does with them."""

    @work(exclusive=True, group="program")
    async def load_with_program(self, model: "InstalledModel", tokens: int, insisted: bool) -> None:
        """Load a model for so many tokens, if its program may run; `insisted`: also where it does not seem to fit."""
        with self.notice.catching():
            runs = await ask(self.app, self._catalogue, model)
            self._look_again(model)
            if runs:
                self._memory.load(model.ref, tokens, forced=insisted)
            else:
                self.say("It was not loaded: its program does not run.")

    @work(exclusive=True, group="program")
    async def action_program(self) -> None:
        """Show the program that the highlighted model brings, and let it run or not."""
        row = self.chosen()
        model = row.model.installed if row is not None else None
        if row is None or model is None or not model.code:
            self.say("" if row is None else "It brings no program of its own.")
            return
        with self.notice.catching():
            runs = await ask(self.app, self._catalogue, model, anew=True)
            self._look_again(model)
            self.say("Its program may run." if runs else "Its program does not run.")
            if not runs and row.loaded:
                self._memory.unload(model.ref)

    def _look_again(self, model: "InstalledModel") -> None:
        """What was known of it may have changed."""
        self._known.pop((model.ref, model.revision), None)
        self.show()
