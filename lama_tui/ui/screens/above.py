"""What every screen above the workspace is: it closes once and nothing but itself, in whatever order keys come."""

from typing import ClassVar, TypeVar

from textual.await_complete import AwaitComplete
from textual.screen import ModalScreen, Screen

from lama_tui.config.keymap import Scope

Result = TypeVar("Result")


class Above(Screen[Result]):
    """Covers the workspace."""

    SCOPES: ClassVar[tuple[Scope, ...]] = ("dialog",)
    """The scopes of the keymap whose actions the screen itself carries out."""

    def dismiss(self, result: Result | None = None) -> AwaitComplete:
        """Close and return `result`; nothing happens where it was closed before."""
        return super().dismiss(result) if _brought_to_front(self) else AwaitComplete()


class Dialog(ModalScreen[Result]):
    """A window over the workspace."""

    CSS_PATH = ["../styles/dialogs.tcss"]
    SCOPES: ClassVar[tuple[Scope, ...]] = ("dialog",)
    """The scopes of the keymap whose actions the screen itself carries out."""

    def dismiss(self, result: Result | None = None) -> AwaitComplete:
        """Close and return `result`; nothing happens where it was closed before."""
        return super().dismiss(result) if _brought_to_front(self) else AwaitComplete()


def _brought_to_front(screen: Screen[Result]) -> bool:
    """Put a screen on top: Textual closes what is there, whoever asks for it. False where it is not open any more."""
    stack = screen.app._screen_stack
    if screen not in stack:
        return False
    stack.remove(screen)
    stack.append(screen)
    return True
