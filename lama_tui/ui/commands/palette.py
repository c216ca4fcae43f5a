"""What the palette lists: every action of the keymap, with its key."""

from collections.abc import Iterable, Mapping
from contextlib import suppress

from textual.app import App, SystemCommand
from textual.command import CommandPalette
from textual.dom import DOMNode

from lama_tui.config.keymap import KEYMAP, Scope
from lama_tui.ui.bindings import key_of

_OUT_OF_PLACE = {"palette.open", "composer.send", "composer.newline", "composer.previous"}
"""Ids that mean nothing once the palette was open."""


class CommandSearch(CommandPalette):
    """Textual's palette, in which page keys do nothing until its list has been laid out."""

    def _action_command_list(self, action: str) -> None:
        """Pass an action on to the list, which then knows no line of any option."""
        with suppress(KeyError):
            super()._action_command_list(action)


def commands(app: App[None], targets: Mapping[Scope, DOMNode], overrides: Mapping[str, str]) -> Iterable[SystemCommand]:
    """A command for every binding whose pane is on this screen."""
    for key in KEYMAP:
        target = app if key.scope == "app" else targets.get(key.scope)
        if target is None or key.id in _OUT_OF_PLACE:
            continue

        async def run(action: str = key.action, target: DOMNode = target) -> None:
            await app.run_action(action, default_namespace=target)

        yield SystemCommand(f"{key.label}: {key.tooltip}", key_of(key.id, overrides), run)
