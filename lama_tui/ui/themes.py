"""The themes in use: as Textual wants them, which one is shown, and what changes while the app runs."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter
from textual.theme import Theme

from lama_tui.config.themes import ThemeFile, Themes, load_themes, read_shipped, signature
from lama_tui.errors import ConfigError
from lama_tui.paths import Paths
from lama_tui.ui.palette import Palette


def to_textual(file: ThemeFile) -> Theme:
    """Make a Textual theme of a theme file."""
    variables = dict(file.variables)
    if file.ansi:  # of these Textual would make its own
        variables |= {"surface": file.surface, "panel": file.panel}
        variables |= {"ansi-background": file.background, "ansi-foreground": file.foreground}
    return Theme(
        name=file.name,
        dark=file.dark,
        ansi=file.ansi,
        primary=file.primary,
        secondary=file.secondary,
        accent=file.accent,
        foreground=file.foreground,
        background=file.background,
        surface=file.surface,
        panel=file.panel,
        success=file.success,
        warning=file.warning,
        error=file.error,
        variables=variables,
    )


@dataclass(frozen=True, slots=True)
class ThemeChange:
    """What a look at the person's theme files brought: problems that are new, and those that are no more."""

    told: tuple[ConfigError, ...]
    mended: tuple[ConfigError, ...]


class ThemesInUse:
    """Every theme there is, by name, and the palette of the one that is shown. The shipped ones that are not
    shown are read when one is asked for, or at the first look at the files.

    Raises `ConfigError` when made, where the installation is damaged.
    """

    def __init__(self, paths: Paths, wanted: str, instead: str = "") -> None:
        self._paths = paths
        self._seen = signature(paths)
        self._instead = instead
        self._themes = load_themes(paths, instead or wanted)
        self._has_all = False
        self._palette: tuple[ThemeFile, Palette] | None = None
        self.wanted = wanted
        """The name that was asked for, which may be of a theme that cannot be used now."""

    def want(self, name: str, *, shown: bool = True) -> None:
        """Ask for another theme; where it is not to be `shown`, what is shown instead stays."""
        self.wanted = name
        if shown:
            self._instead = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Every theme that can be shown."""
        self._take_all()
        return tuple(self._themes.by_name)

    @property
    def chosen(self) -> ThemeFile:
        """The theme that is shown instead, else the one that was asked for, else the default one."""
        name = self._instead or self.wanted
        self._take_all(unless=name)
        return self._themes.choose(name)[0]

    @property
    def problems(self) -> tuple[ConfigError, ...]:
        """What is wrong with theme files, and with what was asked for."""
        self._take_all(unless=self.wanted)
        problem = self._themes.choose(self.wanted)[1]
        return (*self._themes.problems, *((problem,) if problem else ()))

    def get(self, name: str) -> ThemeFile | None:
        """The theme of this name."""
        self._take_all(unless=name)
        return self._themes.by_name.get(name)

    def _take_all(self, unless: str | None = None) -> None:
        """Read the shipped themes that were not needed yet, unless this one is there."""
        if not self._has_all and unless not in self._themes.by_name:
            self._add(*read_shipped())

    def _add(self, shipped: Mapping[str, ThemeFile], damage: Mapping[str, ConfigError]) -> None:
        self._has_all = True
        self._themes = Themes({**shipped, **self._themes.by_name}, {**damage, **self._themes.broken})

    def palette(self, name: str) -> Palette:
        """The styles of a theme; the same object until another one is asked for."""
        theme = self.get(name) or self.chosen
        if self._palette is None or self._palette[0] is not theme:
            self._palette = theme, Palette.of(theme)
        return self._palette[1]

    async def look(self) -> ThemeChange | None:
        """Read the person's theme files again if one changed; None where nothing did.

        While the app runs, a theme whose file breaks stays as it was when it could last be read.
        """
        if not self._has_all:
            self._add(*await asyncio.to_thread(read_shipped))
        seen = await asyncio.to_thread(signature, self._paths)
        if seen == self._seen:
            return None
        try:
            read = await asyncio.to_thread(load_themes, self._paths)
        except ConfigError:  # lama itself is being replaced: what is known serves on
            return None
        self._seen = seen
        before = {str(problem): problem for problem in self.problems}
        last_good = {name: theme for name in read.broken if (theme := self.get(name)) and name not in read.by_name}
        self._themes = Themes({**read.by_name, **last_good}, read.broken)
        after = {str(problem): problem for problem in self.problems}
        return ThemeChange(
            tuple(problem for text, problem in after.items() if text not in before),
            tuple(problem for text, problem in before.items() if text not in after),
        )


class Faint(LineFilter):
    """Draws what stands back (`ansi_bright_black`) as faint text of the terminal's own colour.

    Bright black is a colour of its own in some terminals and the background's in others; faint text can
    be read in all of them, and is plain text where a terminal knows no faint.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments, with the foreground replaced where it is bright black."""
        return [Segment(text, style and _faint(style), control) for text, style, control in segments]


_BRIGHT_BLACK = RichColor.from_ansi(8)
_FAINT = Style(color=RichColor.default(), dim=True)


@lru_cache(512)
def _faint(style: Style) -> Style:
    return style + _FAINT if style.color is not None and style.color.number == _BRIGHT_BLACK.number else style
