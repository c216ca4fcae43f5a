"""The Textual app: themes, dialogs and leaving. Everything else is in the screens and widgets."""

import asyncio
import gc
import os
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar, cast

from textual import work
from textual.binding import Binding
from textual.events import Key
from textual.screen import Screen
from textual.widget import Widget

from lama_tui.config.loader import LoadedSettings
from lama_tui.config.settings import Settings
from lama_tui.errors import LamaError
from lama_tui.paths import Paths
from lama_tui.security.gate import clean_line
from lama_tui.security.log import open_log
from lama_tui.security.redaction import redact
from lama_tui.ui.bindings import bindings, key_of, keymap_of, short_key_name
from lama_tui.ui.commands.perform import bound_anywhere, close_above, perform, places, targets
from lama_tui.ui.opening import Opening, open_services
from lama_tui.ui.options import WorkspaceOptions
from lama_tui.ui.screens.leaving import LeavingScreen
from lama_tui.ui.screens.workspace import Workspace
from lama_tui.ui.terminal.clipboard import copy
from lama_tui.ui.terminal.colours import theme_instead
from lama_tui.ui.themed_app import ThemedApp
from lama_tui.ui.troubles import Troubles
from lama_tui.ui.waiting import NOTICED
from lama_tui.ui.widgets.notice import Notice

if TYPE_CHECKING:
    from lama_tui.services import Services

Result = TypeVar("Result")


class LamaApp(ThemedApp, inherit_bindings=False):
    """Shows the workspace until it is told to leave."""

    TITLE = "lama"
    CSS_PATH = "styles/workspace.tcss"  # of what is there at once; other screens bring their own
    BINDINGS = bindings("app")
    ENABLE_COMMAND_PALETTE = False  # Textual's own: ours is a screen like the others

    def __init__(
        self,
        paths: Paths,
        loaded: LoadedSettings,
        options: WorkspaceOptions,
        opener: Callable[[Paths, LoadedSettings], Awaitable["Services"]] = open_services,
    ) -> None:
        chosen = options.theme or "theme" in loaded.sources
        super().__init__(paths, options.theme or loaded.settings.theme, "" if chosen else options.theme_instead)
        self.animation_level = "none"  # a page that slides by costs a dozen frames over SSH
        self._opening = Opening(paths, loaded, opener)
        self._options = options
        self._troubles = Troubles()
        self._leaving: asyncio.Task[None] | None = None
        self._recent: list[str] = []  # what was chosen in the palette, last first
        self._opening.problems += self.theme_problems
        self.set_keymap(keymap_of(loaded.settings.keys))
        self._opening.follow(self._use_settings)

    def _use_settings(self, before: Settings, loaded: LoadedSettings) -> None:
        """Follow settings that changed: keys and colours; what the command line says goes before them."""
        self.set_keymap(keymap_of(loaded.settings.keys))
        if self._options.theme is None and loaded.settings.theme != before.theme:
            self.use_theme(loaded.settings.theme)

    @property
    def theme_given_by(self) -> str:
        """The flag or the variable that goes before the theme in the config; empty where there is none."""
        source = "--theme" if self._options.theme else self._opening.loaded.sources.get("theme", "")
        return source if source.startswith(("--", "LAMA_")) else ""

    def on_load(self) -> None:
        """Remember from now on what goes wrong."""
        self._troubles.listen()

    def tell(self, error: LamaError) -> None:
        """Show a problem in the workspace."""
        for notice in self.screen_stack[0].query(Notice):
            notice.add(error)

    def task_failed(self, error: BaseException) -> bool:
        """Say so, and how to learn more."""
        if not self.is_running or not self.screen_stack[0].query(Notice):
            return False
        if not isinstance(error, LamaError):
            log = key_of("log.open", self.key_overrides)
            why = redact(f"{type(error).__name__}: {error}")
            error = LamaError(
                "Something in lama failed",
                f"{why}. What was said is saved.",
                f"{log} says more. If lama behaves oddly now, quit and start it again.",
            )
        self.tell(error)
        return True

    def take_back(self, error: LamaError) -> None:
        """Show it no longer."""
        for notice in self.screen_stack[0].query(Notice):
            notice.take_back(error)

    @property
    def key_overrides(self) -> Mapping[str, str]:
        """`[keys]` as it is in force, for the texts that name a key."""
        return self._opening.settings.keys

    def get_key_display(self, binding: Binding) -> str:
        """The key of a binding as the line of keys shows it, also when it was bound anew."""
        return binding.key_display or short_key_name(binding.key)

    @work(group="copy")
    async def action_copy_selection(self) -> None:
        """Copy what is selected on a screen above the workspace, which has its own way."""
        if text := self.screen.get_selected_text():
            self.notify(await copy(self, text, self._opening.paths), markup=False)
            self.screen.clear_selection()
        else:
            self.notify("Nothing is selected: drag over a text first.", markup=False)

    def get_default_screen(self) -> Screen[None]:
        """The workspace."""
        return Workspace(self._opening, self._options, self.palette_in_use)

    @property
    def workspace(self) -> Workspace:
        """The screen below all others."""
        return cast(Workspace, self.screen_stack[0])

    async def leave(self) -> None:
        """Save what runs, close everything and end. Later calls wait for the first."""
        if self._leaving is None:
            self._leaving = asyncio.create_task(self._opening.close())
            self.set_timer(NOTICED, self._show_leaving)
        try:
            await asyncio.shield(self._leaving)
        finally:
            self.exit()

    def _show_leaving(self) -> None:
        """Say that everything is being saved, whatever is on screen."""
        if not isinstance(self.screen, LeavingScreen):
            self.push_screen(LeavingScreen())

    async def on_unmount(self) -> None:
        """Close what is open, however the app came to its end."""
        await self._opening.close()
        self._troubles.stop()

    def on_talk_ready(self) -> None:
        """Go on without what start-up made: walking it, a collection would stop the screen for 60 ms each time."""
        if not gc.isenabled():  # the command put it off
            gc.freeze()
            gc.enable()
        self.follow_theme_files()

    async def action_quit(self) -> None:
        """Save everything and quit; where that takes so long that it is told, asking again quits at once."""
        if isinstance(self.screen, LeavingScreen):
            self.exit()
            return
        self.run_worker(self.leave(), group="leave", exit_on_error=False)

    async def push_screen_wait(self, screen: Screen[Result] | str, *, mode: str | None = None) -> Result | Any:
        """Open a screen and return what is chosen on it; where nobody waits for that any more, it closes."""
        try:
            return await super().push_screen_wait(screen, mode=mode)
        except asyncio.CancelledError:
            if isinstance(screen, Screen) and not self._exit:
                screen.dismiss()
            raise

    def early_reader(self) -> Widget | None:
        """What is typed while the workspace opens is for the composer: its first frame shows it."""
        here = self._screen_stack and self.screen is self.workspace and not self.workspace.is_mounted
        return self.workspace.composer if here else None

    def takes(self, event: Key) -> bool:
        """What is typed anywhere in the workspace goes to the composer."""
        return self.screen is self.workspace and self.workspace.takes(event)

    async def on_key(self, event: Key) -> None:
        """Keys of the workspace work above it too: what is open there is closed first."""
        if (found := bound_anywhere(event.key, self.screen, self._opening.settings.keys)) is not None and (
            self._leaving is None or found == "app.quit"
        ):
            event.prevent_default()
            await self.perform(found)

    async def perform(self, id: str) -> None:  # noqa: A002 - the id of a binding
        """Carry out the action with a binding id, or open the conversation of an entry, from wherever one is."""
        if self.workspace.opens(id):
            await close_above(self)
            return
        await self.opened()
        await perform(self, id, self._opening.settings.keys)

    def action_command_palette(self) -> None:
        """Find any action by name, and carry it out."""
        self._find_action()

    @work(exclusive=True, group="palette")
    async def _find_action(self) -> None:
        from lama_tui.ui.commands.entries import palette_entries
        from lama_tui.ui.screens.palette import PaletteScreen

        if isinstance(self.screen, PaletteScreen):
            return
        keys = self._opening.settings.keys
        entries = palette_entries(keys, targets(self.screen)) + self.workspace.conversation_entries
        chosen = await self.push_screen_wait(PaletteScreen(entries, self._recent))
        if chosen is None:
            return
        self._recent = [chosen, *(earlier for earlier in self._recent if earlier != chosen)]
        await self.perform(chosen)

    def action_help(self) -> None:
        """Show every key, those that work here first."""
        from lama_tui.ui.screens.help import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            file = clean_line(str(self._opening.paths.config_file), 200)
            self.push_screen(HelpScreen(self._opening.settings.keys, places(self.screen), file))

    def action_show_log(self) -> None:
        """Show what went wrong lately."""
        from lama_tui.ui.screens.log import LogScreen

        if not isinstance(self.screen, LogScreen):
            self.push_screen(LogScreen(self._troubles, self._opening.paths))

    def action_redraw(self) -> None:
        """Draw the whole screen again."""
        self.repaint_all()
        self.screen.refresh(layout=True)


def run_workspace(options: WorkspaceOptions, loaded: LoadedSettings) -> int:
    """Open the workspace in this terminal; the exit status when it was left."""
    paths = Paths.from_environment()
    log = open_log(paths, options.debug)
    try:
        app = LamaApp(paths, loaded, replace(options, theme_instead=theme_instead(os.environ)))
        app.stray.divert()
        try:
            app.run(mouse=options.mouse and loaded.settings.workspace.mouse)
        finally:
            app.stray.restore()
        code = app.return_code or 0
    finally:
        log.close()
    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        # The engine is in a step that nothing can end, such as an import, and the interpreter would wait for
        # it. Everything is saved and the terminal is given back.
        os._exit(code)
    return code
