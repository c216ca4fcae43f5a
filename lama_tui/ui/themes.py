"""Theme files as Textual themes."""

from textual.theme import Theme

from lama_tui.config.themes import ThemeFile


def to_textual(file: ThemeFile) -> Theme:
    """Make a Textual theme of a theme file."""
    return Theme(
        name=file.name,
        dark=file.dark,
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
        variables=dict(file.variables),
    )
