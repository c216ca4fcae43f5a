"""Choose the colours: moving the highlight shows each theme at once, over the real workspace."""

from collections.abc import Callable, Iterable, Sequence

from textual.content import Content

from lama_tui.config.themes import ThemeFile
from lama_tui.ui.bindings import key_at
from lama_tui.ui.screens.chooser import Choice, Chooser

_DOT = "●"
_SHOWN = ("foreground", "primary", "secondary", "accent")


class ThemePicker(Chooser):
    """Returns the name of a theme, or None; `preview` is called with each one that is highlighted.

    It stands at the side, so that what the theme is for is seen.
    """

    HEADING = "Theme"
    PLACEHOLDER = "Narrow…"

    def __init__(self, current: str, themes: Iterable[ThemeFile], preview: Callable[[str], None]) -> None:
        super().__init__(current)
        ranked = sorted(themes, key=lambda theme: (theme.ansi, not theme.dark, theme.name))
        self._themes = {theme.name: theme for theme in ranked}
        self._preview = preview

    async def find(self) -> Sequence[Choice]:
        """Every theme that can be used: the dark ones, the light ones, then the terminal's own colours."""
        return [Choice(name, name, about=_about(theme)) for name, theme in self._themes.items()]

    def highlighted(self, choice: Choice) -> None:
        """Show it."""
        self._preview(choice.value)

    def on_mount(self) -> None:
        """Say what keeps it in the room there is."""
        super().on_mount()
        for dialog in self.query(".dialog"):
            dialog.border_subtitle = f"{key_at(self, 'chooser.choose')} keeps · {key_at(self, 'dialog.close')} back"

    def _line(self, choice: Choice) -> Content:
        """The name, and beside it the theme's colours on its background."""
        theme = self._themes[choice.value]
        width = max(map(len, self._themes))
        mark = "✓" if choice.value == self.current else " "
        dots = [(f" {_DOT}", f"{getattr(theme, colour)} on {theme.background}") for colour in _SHOWN]
        return Content.assemble(f"{mark} {choice.name:<{width}} ", *dots, (" ", f"on {theme.background}"))

    def on_unmount(self) -> None:
        """Nothing is previewed once it is closed."""
        self._preview = lambda name: None


def _about(theme: ThemeFile) -> str:
    return "The colours that your terminal has." if theme.ansi else ""
