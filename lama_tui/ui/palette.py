"""The styles that the transcript draws with, made once for each theme."""

from dataclasses import dataclass

from rich.style import Style

from lama_tui.config.themes import ThemeFile


@dataclass(frozen=True, slots=True)
class Palette:
    """Rich styles by meaning. Equal palettes draw equal lines, so one can key a cache."""

    text: Style
    muted: Style
    strong: Style
    user: Style
    assistant: Style
    heading: Style
    link: Style
    address: Style
    code: Style
    code_block: Style
    code_label: Style
    quote: Style
    rule: Style
    marker: Style
    warning: Style
    error: Style
    cursor: Style
    keyword: Style
    string: Style
    number: Style
    comment: Style
    name: Style

    @classmethod
    def of(cls, theme: ThemeFile) -> "Palette":
        """Make the styles from a theme's colours."""

        def colour(name: str) -> Style:
            return Style(color=name.removeprefix("ansi_"))

        surface = Style(bgcolor=theme.panel.removeprefix("ansi_"))
        text = colour(theme.foreground)
        muted = colour(theme.variables["foreground-muted"])
        return cls(
            text=text,
            muted=muted,
            strong=text + Style(bold=True),
            user=colour(theme.secondary) + Style(bold=True),
            assistant=colour(theme.primary) + Style(bold=True),
            heading=colour(theme.accent) + Style(bold=True),
            link=colour(theme.secondary) + Style(underline=True),
            address=muted,
            code=colour(theme.accent) + surface,
            code_block=text + surface,
            code_label=muted + surface,
            quote=muted,
            rule=colour(theme.variables["border-blurred"]),
            marker=colour(theme.accent),
            warning=colour(theme.warning),
            error=colour(theme.error),
            cursor=colour(theme.primary),
            keyword=colour(theme.primary) + surface,
            string=colour(theme.success) + surface,
            number=colour(theme.warning) + surface,
            comment=muted + Style(italic=True) + surface,
            name=colour(theme.secondary) + surface,
        )
