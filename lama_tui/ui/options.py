"""How the workspace is asked to open: the command line's flags as values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WorkspaceOptions:
    """What `lama` was started with; None is not given.

    `new`: an empty conversation instead of the last one. `conversation`: an id or a title.
    `welcome` false: the first start is like any other.
    `theme_instead` is shown where nobody chose a theme; empty is the default one.
    `mouse` false: no mouse reports are asked of the terminal, so that its own selection works.
    """

    new: bool = False
    conversation: str | None = None
    model: str | None = None
    theme: str | None = None
    theme_instead: str = ""
    debug: bool = False
    mouse: bool = True
    welcome: bool = True

    @property
    def greets(self) -> bool:
        """Whether a first start is greeted: not where something was asked for."""
        return self.welcome and not (self.new or self.conversation or self.model)
