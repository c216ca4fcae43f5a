"""Choose the colours: moving the highlight shows each theme at once, over the real workspace."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from textual.content import Content
from textual.timer import Timer

from lama_tui.config.themes import ThemeFile
from lama_tui.ui.bindings import key_at
from lama_tui.ui.screens.chooser import Choice, Chooser

_DOT = "●"
_LONGEST = 16  # cells of a name
_PAUSE = 0.04  # seconds: a key that is held down shows the theme where it comes to rest
_SHOWN = ("foreground", "primary", "secondary", "accent")


class ThemePicker(Chooser):
    """Returns the name of a theme, or None; `preview` is called with each one that is highlighted.

    It stands at the side, so that what the theme is for is seen.
    """

    HEADING = "Theme"
    PLACEHOLDER = "Narrow…"

    def __init__(
        self, current: str, themes: Iterable[ThemeFile], preview: Callable[[str], None], given_by: str = ""
    ) -> None:
        """`given_by` is what goes before the theme that is chosen here when lama is started again."""
        super().__init__(current)
        self._given_by = given_by
        ranked = sorted(themes, key=lambda theme: (theme.ansi, not theme.dark, theme.name))
        self._themes = {theme.name: theme for theme in ranked}
        self._preview = preview
        self._soon: Timer | None = None

    async def find(self) -> Sequence[Choice]:
        """Every theme that can be used: the dark ones, the light ones, then the terminal's own colours."""
        return [Choice(name, name, about=self._about(theme)) for name, theme in self._themes.items()]

    def _about(self, theme: ThemeFile) -> str:
        own = "The colours that your terminal has." if theme.ansi else ""
        given = f"{self._given_by} goes before it at the next start." if self._given_by else ""
        return f"{own} {given}".strip()

    def highlighted(self, choice: Choice) -> None:
        """Show it, unless the highlight moves on at once: drawing everything anew takes longer than a key repeats."""
        if self._soon is not None:
            self._soon.stop()
        self._soon = self.set_timer(_PAUSE, partial(self._preview, choice.value))

    def on_mount(self) -> None:
        """Say what keeps it in the room there is."""
        for dialog in self.query(".dialog"):
            keys = f"{key_at(self, 'chooser.choose')} keeps · {key_at(self, 'dialog.close')} back"
            dialog.border_subtitle = Content(keys)

    def line(self, choice: Choice) -> Content:
        """The name, and beside it the theme's colours on its background."""
        theme = self._themes[choice.value]
        width = min(_LONGEST, max(map(len, self._themes)))
        mark = "✓" if choice.value == self.current else " "
        ground = f"on {theme.background}"
        dots = [(_DOT, f"{getattr(theme, colour)} {ground}") for colour in _SHOWN]
        name = f"{choice.name:.{width}}"
        return Content.assemble(f"{mark} {name:<{width}} ", (" ", ground), *dots, (" ", ground))
