"""The ways to the settings, of lama and of the conversation, and what follows from a change of them."""

import asyncio
import os
from typing import TYPE_CHECKING

from textual import work
from textual.app import SuspendNotSupported

from lama_tui.config.loader import LoadedSettings
from lama_tui.config.settings import Settings
from lama_tui.errors import ConfigError, LamaError
from lama_tui.ui.figures import model_name
from lama_tui.ui.screens.doors import Doors
from lama_tui.ui.themed_app import ThemedApp

if TYPE_CHECKING:
    from lama_tui.library.answering import Answering

_NEXT = {None: True, True: False, False: None}
_WORDS = {"on": True, "off": False, "default": None}


class Adjusting(Doors):
    """Opens the screens of settings, and lets the workspace follow what is changed there."""

    def on_mount(self) -> None:
        """Follow the settings from now on."""
        self._told_of: tuple[ConfigError, ...] = self._opening.problems
        self._opening.follow(self._use_settings)

    def _use_settings(self, before: Settings, loaded: LoadedSettings) -> None:
        """Show and do what changed settings ask for."""
        if list(map(str, self._opening.problems)) != list(map(str, self._told_of)):
            for mended in self._told_of:
                self._notice.take_back(mended)
            for problem in self._opening.problems:
                self._notice.add(problem)
        self._told_of = self._opening.problems
        if self._current is not None:
            if not self._options.model:
                self._current.default_model = loaded.settings.model
            self._show_running()

    def action_settings(self) -> None:
        """Change the settings of lama."""
        from lama_tui.ui.screens.settings.of_lama import SettingsScreen

        themes = self.app.theme_names if isinstance(self.app, ThemedApp) else ()
        given = {"model": self._options.model, "theme": self._options.theme}
        flags = {key: value for key, value in given.items() if value}
        self.app.push_screen(SettingsScreen(self._opening, themes, flags, self._edit_config))

    @work(exclusive=True, group="settings")
    async def action_conversation_settings(self, system: str = "") -> None:
        """Change the settings of this conversation; with a text, make it the system prompt at once."""
        current = self._current
        if current is None:
            return
        if system.strip():
            with self._notice.catching():
                await current.change_settings(system=system)
                self._tell("This is the system prompt from the next answer on.")
            self._show_running()
            return
        from lama_tui.ui.screens.settings.of_conversation import ConversationSettingsScreen, Ways

        ways = Ways(self._answering, self._choose_model_above, self._write_outside, self._show_running)
        self.app.push_screen(ConversationSettingsScreen(current, self._opening, ways))

    @work(exclusive=True, group="thinking")
    async def action_toggle_thinking(self, word: str = "") -> None:
        """Let the model think, not think, or do as it likes, in this order; or as the word says."""
        current = self._current
        if current is None:
            return
        if word and word not in _WORDS:
            self._tell(f"“{word}” is neither on nor off nor default.")
            return
        with self._notice.catching():
            answering = await self._answering(current.model)
            if answering is None:
                self._tell(f"{model_name(current.model)} answers on a server: there is no common switch for thinking.")
            elif not answering.thinks:
                self._tell(f"{model_name(current.model)} has no switch for thinking.")
            else:
                thinking = _WORDS[word] if word else _NEXT[current.settings.thinking]
                await current.change_settings(thinking=thinking)
                self._show_running()
                told: dict[bool | None, str] = {
                    True: "The model thinks before it answers",
                    False: "The model answers without thinking",
                }
                self._tell(f"{told.get(thinking, 'The model thinks or not, as it likes')}, from the next answer on.")

    async def _answering(self, model: str) -> "Answering | None":
        """How a model wants to be asked; None for one on a server."""
        if self._opened is None:
            return None
        from lama_tui.library.answering import Answering, answering

        try:
            provider, name = self._opened.services.providers.provider_for(model)
            return await answering(name, self._opening.paths) if provider.name == "local" else None
        except ConfigError:  # of a server that is not configured
            return None
        except LamaError:  # there is no such model here: it says so when it is asked
            return Answering()

    async def _choose_model_above(self) -> None:
        """Choose the model of this conversation from a screen above the workspace."""
        if (current := self._current) is None:
            return
        from lama_tui.ui.models import choices
        from lama_tui.ui.screens.model_picker import ModelPicker

        picker = ModelPicker(current.model, lambda: choices(self._opening.paths, self._opening.settings))
        if model := await self.app.push_screen_wait(picker):
            await current.use_model(model)
            self._show_running()

    # --- one's own editor ----------------------------------------------------------------

    async def _write_outside(self, text: str) -> str | None:
        """Let a text be written in the person's editor; None where nothing changed."""
        from lama_tui.ui.composer.editor import Editing

        editing = Editing(text, os.environ)
        self._end_editor = editing.end
        try:
            return await editing.run(self.app)
        finally:
            self._end_editor = None

    async def _edit_config(self) -> None:
        """Open `config.toml` in the person's editor, and read it again afterwards."""
        from lama_tui.config.template import make_file
        from lama_tui.ui.composer.editor import EditorFailed, editor_command
        from lama_tui.ui.terminal.lending import Borrower

        command, file = editor_command(os.environ), self._opening.paths.config_file
        await asyncio.to_thread(make_file, file)
        borrower = Borrower()
        self._end_editor = borrower.end
        try:
            status = await borrower.run(self.app, [*command, str(file)])
        except SuspendNotSupported as error:
            why = "This terminal cannot be lent to another program."
            raise EditorFailed("No editor can be opened here", why, f"Edit {file} elsewhere.") from error
        except OSError as error:
            why = f"{command[0]}: {error.strerror or error}."
            raise EditorFailed("The editor could not be started", why, "Set $VISUAL or $EDITOR to another.") from error
        finally:
            self._end_editor = None
            await self._opening.read_settings()
        if status != 0:
            raise EditorFailed("The editor did not end well", f"{command[0]} ended with status {status}.", "")
