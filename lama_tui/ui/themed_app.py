"""The app in its colours: shows themes, lets one be chosen, and follows the person's own files."""

import asyncio
from collections.abc import Sequence
from typing import Any

from textual import work
from textual.app import App
from textual.filter import LineFilter
from textual.screen import Screen

from lama_tui.config.themes import ThemeFile
from lama_tui.errors import ConfigError, LamaError
from lama_tui.paths import Paths
from lama_tui.ui.palette import Palette
from lama_tui.ui.terminal.app import TerminalApp
from lama_tui.ui.terminal.colours import OWN_COLOURS
from lama_tui.ui.themes import Faint, ThemesInUse, to_textual

_LOOK = 2.0
"""Seconds between looks at the person's theme files."""


class ThemedApp(TerminalApp, inherit_bindings=False):
    """Shows the theme that is wanted, else the default one. Raises `ConfigError` when the installation is damaged."""

    def __init__(self, paths: Paths, theme: str, instead: str = "") -> None:
        super().__init__(paths.log)
        self._paths = paths
        self._themes = ThemesInUse(paths, theme, OWN_COLOURS if self.is_colourless else instead)
        self._faint = Faint()
        self._is_choosing = False
        self._begin_with(self._themes.chosen)

    def _begin_with(self, theme: ThemeFile) -> None:
        """Take the first theme without the change of one, which would read all styles a second time at the start."""
        self._offer(theme)
        if theme.ansi:  # needs what a change does besides
            self.theme = theme.name
            return
        self.set_reactive(App.theme, theme.name)
        self.stylesheet.set_variables(self.get_css_variables())
        classes = {f"-theme-{theme.name}": True, "-dark-mode": theme.dark, "-light-mode": not theme.dark}
        self.update_classes(classes, update=False)

    def _load_screen_css(self, screen: Screen[Any]) -> None:
        """Read the styles of a screen that opens for the first time. Textual would parse all others again."""
        missing = [path for path in screen.css_path if not self.stylesheet.has_source(str(path), "")]
        if missing:
            self.stylesheet.read_all(missing)
            self.stylesheet.parse()

    def tell(self, error: LamaError) -> None:
        """Show a problem where the eye is."""
        raise NotImplementedError

    def take_back(self, error: LamaError) -> None:
        """Show a problem no longer: it is mended."""
        raise NotImplementedError

    @property
    def theme_problems(self) -> tuple[ConfigError, ...]:
        """What is wrong with the themes."""
        return self._themes.problems

    @property
    def theme_names(self) -> Sequence[str]:
        """Every theme that can be shown."""
        return tuple(self._themes.names)

    @property
    def theme_given_by(self) -> str:
        """The flag or the variable that goes before the theme in the config; empty where there is none."""
        return ""

    def palette_in_use(self) -> Palette:
        """The styles of the current theme; the same object until it changes."""
        return self._themes.palette(self.theme)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What everything drawn goes through; more where the colours are the terminal's own."""
        filters = super().get_line_filters()
        return [self._faint, *filters] if self.current_theme.ansi else filters

    def use_theme(self, name: str) -> None:
        """Show the theme that the settings name now."""
        self._themes.want(name, shown=not self.is_colourless)
        if not self._is_choosing:
            self.show_theme(self._themes.chosen.name)

    def show_theme(self, name: str) -> None:
        """Draw everything in another theme, at once; nothing happens where there is none of that name."""
        if name != self.theme and (theme := self._themes.get(name)) is not None:
            self._offer(theme)
            self.theme = name

    async def action_choose_theme(self, name: str = "") -> None:
        """Choose the colours; the theme called `name`, where there is one, at once."""
        if self.is_colourless:
            self.notify("NO_COLOR is set: there are no colours to choose.", markup=False)
        elif name in self._themes.names:
            self._themes.want(name)
            self.show_theme(name)
            await self._keep_theme(name)
        elif not self._is_choosing:
            self._is_choosing = True
            self._choose_theme()

    @work(group="theme")
    async def _choose_theme(self) -> None:
        """Show themes as they are highlighted; keep the one that is taken, else go back."""
        from lama_tui.ui.screens.theme_picker import ThemePicker

        themes = [theme for name in self._themes.names if (theme := self._themes.get(name)) is not None]
        chosen = None
        try:
            chosen = await self.push_screen_wait(
                ThemePicker(self.theme, themes, self._preview_theme, self.theme_given_by)
            )
        finally:
            self._is_choosing = False
            if chosen is not None:
                self._themes.want(chosen)
            self.show_theme(self._themes.chosen.name)
        if chosen is not None:
            await self._keep_theme(chosen)

    def _preview_theme(self, name: str) -> None:
        if self._is_choosing:  # a preview can come late
            self.show_theme(name)

    async def _keep_theme(self, name: str) -> None:
        """Write it to the config; where that fails it is used until the end of this run."""
        from lama_tui.config.edit import set_values

        try:
            await asyncio.to_thread(set_values, self._paths.config_file, {"theme": name})
        except ConfigError as error:
            hint = f"{name} is shown until lama is closed. {error.hint}".strip()
            self.tell(ConfigError("The theme was not saved", error.detail, hint))
        else:
            if by := self.theme_given_by:
                self.notify(f"{name} is kept. {by} goes before it when lama is started so again.", markup=False)

    def follow_theme_files(self) -> None:
        """Look at the person's own theme files every now and then, from now on."""
        self.set_interval(_LOOK, self.look_at_theme_files)

    @work(exclusive=True, group="theme files")
    async def look_at_theme_files(self) -> None:
        """Show what changed in the theme files; what is wrong with them is told, and taken back when it is mended."""
        change = await self._themes.look()
        if change is None:
            return
        if (shown := self._themes.get(self.theme)) is not None:
            self._offer(shown)
        if not self._is_choosing or shown is None:
            self.show_theme(self._themes.chosen.name)
        self.mutate_reactive(App.theme)  # its colours may be others although its name is the same
        for problem in change.mended:
            self.take_back(problem)
        for problem in change.told:
            self.tell(problem)

    def _offer(self, theme: ThemeFile) -> None:
        self.register_theme(to_textual(theme))
