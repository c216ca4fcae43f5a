"""The Textual app: themes, dialogs and leaving. Everything else is in the screens and widgets."""

import asyncio
import gc
import os
import threading
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

from textual.app import SystemCommand
from textual.await_complete import AwaitComplete
from textual.command import CommandPalette
from textual.screen import Screen

from lama_tui.config.loader import LoadedSettings, load_settings
from lama_tui.config.themes import ThemeFile, load_themes
from lama_tui.paths import Paths
from lama_tui.security.log import open_log
from lama_tui.ui.bindings import bindings
from lama_tui.ui.commands.palette import CommandSearch, commands
from lama_tui.ui.opening import Opening, open_services
from lama_tui.ui.options import WorkspaceOptions
from lama_tui.ui.palette import Palette
from lama_tui.ui.screens.help import HelpScreen
from lama_tui.ui.screens.workspace import Workspace
from lama_tui.ui.terminal.app import TerminalApp
from lama_tui.ui.themes import to_textual

if TYPE_CHECKING:
    from lama_tui.services import Services


class LamaApp(TerminalApp, inherit_bindings=False):
    """Shows the workspace until it is told to leave."""

    TITLE = "lama"
    CSS_PATH = ["styles/workspace.tcss", "styles/dialogs.tcss"]
    BINDINGS = bindings("app")
    ENABLE_COMMAND_PALETTE = True

    def __init__(
        self,
        paths: Paths,
        loaded: LoadedSettings,
        options: WorkspaceOptions,
        opener: Callable[[Paths, LoadedSettings], Awaitable["Services"]] = open_services,
    ) -> None:
        super().__init__(paths.log)
        self.animation_level = "none"  # a page that slides by costs a dozen frames over SSH
        self._opening = Opening(paths, loaded, opener)
        self._options = options
        self._themes = load_themes(paths)
        self._leaving: asyncio.Task[None] | None = None
        for theme in self._themes.by_name.values():
            self.register_theme(to_textual(theme))
        chosen, problem = self._themes.choose(options.theme or loaded.settings.theme)
        self.theme = chosen.name
        self._opening.problems += (*self._themes.problems, *((problem,) if problem else ()))
        self._palette: tuple[ThemeFile, Palette] = (chosen, Palette.of(chosen))
        self.set_keymap(dict(loaded.settings.keys))

    def palette_in_use(self) -> Palette:
        """The styles of the current theme; the same object until it changes."""
        theme = self._themes.by_name.get(self.theme, self._palette[0])
        if theme is not self._palette[0]:
            self._palette = (theme, Palette.of(theme))
        return self._palette[1]

    def get_default_screen(self) -> Screen[None]:
        """The workspace."""
        return Workspace(self._opening, self._options, self.palette_in_use)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Every action of the keymap."""
        if isinstance(screen, Workspace):
            yield from commands(self, screen.targets, self._opening.settings.keys)

    async def leave(self) -> None:
        """Save what runs, close everything and end. Later calls wait for the first."""
        if self._leaving is None:
            self._leaving = asyncio.create_task(self._opening.close())
        try:
            await asyncio.shield(self._leaving)
        finally:
            self.exit()

    async def on_unmount(self) -> None:
        """Close what is open, however the app came to its end."""
        await self._opening.close()

    def on_talk_ready(self) -> None:
        """Go on without what start-up made: walking it, a collection would stop the screen for 60 ms each time."""
        if not gc.isenabled():  # the command put it off
            gc.freeze()
            gc.enable()

    async def action_quit(self) -> None:
        """Save everything and quit."""
        self.run_worker(self.leave(), group="leave", exit_on_error=False)

    def pop_screen(self) -> AwaitComplete:
        """Close the dialog on top. Keys typed in a row can ask for it twice; then nothing is left to close."""
        return super().pop_screen() if len(self.screen_stack) > 1 else AwaitComplete()

    def action_command_palette(self) -> None:
        """Show the palette."""
        if not isinstance(self.screen, CommandPalette):
            self.push_screen(CommandSearch())

    def action_help(self) -> None:
        """Show every key."""
        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(self._opening.settings.keys, self.palette_in_use()))

    def action_redraw(self) -> None:
        """Draw the whole screen again."""
        self.screen.refresh(layout=True)


def run_workspace(options: WorkspaceOptions) -> int:
    """Open the workspace in this terminal; the exit status when it was left."""
    paths = Paths.from_environment()
    log = open_log(paths, options.debug)
    try:
        app = LamaApp(paths, load_settings(paths), options)
        app.stray.divert()
        try:
            app.run()
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
