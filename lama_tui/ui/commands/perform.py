"""Carrying out an action of the keymap from wherever one is."""

import inspect
from collections.abc import Mapping
from typing import Any

from textual.app import App
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widget import Widget

from lama_tui.config.keymap import KEYMAP, Key, Scope
from lama_tui.ui.bindings import names_of
from lama_tui.ui.commands.entries import BY_ID, DOORS, OPENED_BY, PLACES, key_now
from lama_tui.ui.commands.obstacle import Now, obstacle

_ITS_PANE: tuple[Scope, ...] = ("transcript", "conversations", "composer", "list")
"""Scopes whose actions move something one must see: the pane takes the focus, unless the action also has
a name after a slash, and so makes sense from anywhere."""

_PANES: Mapping[Scope, str] = {
    "composer": "Composer",
    "transcript": "Transcript",
    "conversations": "ConversationList",
    "installed": "InstalledSection",
    "hub": "HubSection",
    "downloads": "DownloadsSection",
    "updates": "UpdatesSection",
    "list": "Options, LongList, Page",
}
"""Which widgets carry out the actions of a scope, on whatever screen; where there are several, the focused one."""


def targets(screen: Screen[Any]) -> Mapping[Scope, DOMNode]:
    """Which node of a screen carries out the actions of which scope; without panes while it opens or closes."""
    found: dict[Scope, DOMNode] = dict.fromkeys(_own(screen), screen)
    for scope, selector in _PANES.items():
        if panes := list(screen.query(selector)):
            found[scope] = next((pane for pane in panes if pane is screen.focused), panes[0])
    return found


def _own(screen: Screen[Any]) -> tuple[Scope, ...]:
    """The scopes whose actions the screen itself carries out."""
    own: tuple[Scope, ...] = getattr(screen, "SCOPES", ())
    return own


def places(screen: Screen[Any]) -> list[Scope]:
    """The scopes whose keys work now, the nearest first: of what has the focus, of its screen, then everywhere."""
    focused = screen.focused
    panes = [
        scope
        for scope, node in targets(screen).items()
        if node is not screen and focused is not None and node in focused.ancestors_with_self
    ]
    own: list[Scope] = [scope for scope, node in targets(screen).items() if node is screen and scope != "workspace"]
    return [*panes, *own, "workspace", "app"]


async def perform(
    app: App[Any],
    id: str,  # noqa: A002 - the id of a binding
    overrides: Mapping[str, str],
    argument: str = "",
) -> None:
    """Carry out the action with a binding id. What cannot be done now says why.

    `argument` is what was written after a slash command; an action takes it as its one optional parameter.

    What stands above the workspace is closed first when the action is one of the workspace; an action of
    a screen that is not open opens that screen, where its key is then at hand.
    """
    key = BY_ID[id]
    if key.scope != "app" and key.scope not in targets(app.screen):
        if id in DOORS:
            await close_above(app)
            await _run_with(app.screen, DOORS[id], argument)
            return
        if key.scope in OPENED_BY:
            await perform(app, OPENED_BY[key.scope], overrides)
            app.notify(f"{key_now(key, overrides)}: {key.tooltip}", markup=False)
            return
        await close_above(app)
    target: DOMNode | None = app if key.scope == "app" else targets(app.screen).get(key.scope)
    now: Now | None = getattr(app.screen, "now", None)
    if target is None:
        app.notify(f"{PLACES[key.scope]} only.", markup=False)
    elif now is not None and (why := obstacle(key, now)):
        app.notify(why, markup=False)
    else:
        await _go_to_pane(app, key, target)
        if argument:
            await _run_with(target, key.action, argument)
        elif not await app.run_action(key.action, target):
            app.notify(f"{key.label} does nothing here.", markup=False)


async def _run_with(target: DOMNode, action: str, argument: str) -> None:
    """Call an action with what was written after its name: a text, which no action string could quote."""
    carried_out = getattr(target, f"action_{action}")(argument)
    if inspect.isawaitable(carried_out):
        await carried_out


async def close_above(app: App[Any]) -> None:
    """Close everything above the workspace, as its own key does: what is previewed goes back to what it was."""
    while len(app.screen_stack) > 1:
        above = app.screen
        close = getattr(above, "action_close", None) if above.is_mounted else None
        if close is not None and inspect.isawaitable(closing := close()):
            await closing
        if app.screen is above:
            above.dismiss()  # who waits for what is chosen there hears that nothing was


async def _go_to_pane(app: App[Any], key: Key, target: DOMNode) -> None:
    """Move to the pane whose action it is, where one must see what it does."""
    above = "workspace" not in _own(app.screen)
    if above or key.scope not in _ITS_PANE or key.command or not isinstance(target, Widget) or target.has_focus:
        return
    if key.scope in ("conversations", "list") and not target.region.area:
        await app.run_action("show_conversations", app.screen)
    target.focus()


def bound_anywhere(pressed: str, screen: Screen[Any], overrides: Mapping[str, str]) -> str | None:
    """The id of the app's or the workspace's binding for a key that means nothing else above the workspace."""
    if "workspace" in _own(screen) or pressed in screen.active_bindings:
        return None
    for key in KEYMAP:
        if key.scope in ("app", "workspace") and pressed in names_of(overrides.get(key.id, key.keys)):
            return key.id
    return None
