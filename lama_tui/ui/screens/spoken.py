"""Slash commands: the list that completes them above the composer, and carrying them out."""

from textual import on, work
from textual.widgets import TextArea

from lama_tui.ui.commands.perform import perform
from lama_tui.ui.screens.adjusting import Adjusting
from lama_tui.ui.themed_app import ThemedApp
from lama_tui.ui.widgets.key_line import KeyLine
from lama_tui.ui.widgets.slash_list import SlashList


class Spoken(Adjusting):
    """Does what was written after a slash, as the key of that action would."""

    def on_mount(self) -> None:
        """The list gets the keys first, while it is open."""
        self._slash = self.query_one(SlashList)
        self._composer.completion = self._slash

    @on(TextArea.Changed, "#composer")
    def _follow_typing(self) -> None:
        self._slash.follow(self._composer.text)
        self.query_one(KeyLine).look()

    @on(SlashList.PutAway)
    def _list_put_away(self) -> None:
        self.query_one(KeyLine).look()

    @on(SlashList.Chosen)
    def _line_clicked(self, event: SlashList.Chosen) -> None:
        event.stop()
        if (text := self._slash.taken(event.id)) is not None:
            self._composer.write(text)
        self._composer.focus()

    @on(SlashList.ValuesRequested)
    @work(group="values")
    async def _values_requested(self, event: SlashList.ValuesRequested) -> None:
        """Say what may follow a command."""
        values: list[tuple[str, str]] = []
        match event.id:
            case "models.pick":
                from lama_tui.ui.models import choices

                with self._notice.catching():
                    found = await choices(self._opening.paths, self._opening.settings)
                    values = [(choice.value, choice.facts) for choice in found if not choice.problem]
            case "theme.choose" if isinstance(self.app, ThemedApp):
                values = [(name, "") for name in self.app.theme_names]
            case "thinking.toggle":
                values = [
                    ("on", "The model thinks before it answers"),
                    ("off", "It answers at once"),
                    ("default", "As it likes"),
                ]
        if values:
            self._slash.offer(event.id, values)
            self.query_one(KeyLine).look()

    def _do_command(self, id: str, argument: str) -> None:  # noqa: A002 - the id of a binding
        self.run_worker(perform(self.app, id, self._opening.settings.keys, argument), group="commands")
