"""Any action from anywhere in at most three keys: computed over the keymap, by moves that are tried for real."""

from itertools import product

import pytest
from stage import Open, Stage

from lama_tui.config.keymap import KEYMAP, Scope
from lama_tui.ui.bindings import names_of
from lama_tui.ui.commands.entries import BY_ID
from lama_tui.ui.commands.perform import places

FROM_ANYWHERE: dict[str, Scope] = {
    "conversation.list": "conversations",
    "models.open": "installed",
    "hub.open": "hub",
    "downloads.open": "downloads",
    "updates.open": "updates",
    "models.pick": "chooser",
    "settings.open": "settings",
    "log.open": "log",
}
"""Keys that lead to a place, wherever one is."""

BETWEEN_PANES: dict[tuple[Scope, str], Scope] = {
    ("composer", "app.stop"): "transcript",
    ("composer", "focus.previous"): "transcript",
    ("composer", "focus.next"): "conversations",
    ("transcript", "app.stop"): "composer",
    ("transcript", "transcript.compose"): "composer",
    ("conversations", "focus.next"): "transcript",
    ("conversations", "focus.previous"): "composer",
}
"""Keys that lead from one pane of the workspace to another."""

FURTHER: dict[tuple[Scope, str], Scope] = {("installed", "models.clean"): "cleaning"}
"""Keys that lead from the model browser to a page above it; its own tests press them."""

PLACES: tuple[Scope, ...] = (
    "composer", "transcript", "conversations", "installed", "hub", "downloads", "updates", "chooser", "settings", "log",
)  # fmt: skip
EVERYWHERE: frozenset[Scope] = frozenset({"app", "workspace"})
ALSO_WORKS_IN: dict[Scope, Scope] = {"dialog": "chooser", "list": "conversations", "models": "installed"}
"""Scopes that have no place of their own: a place where they work."""


def steps(start: Scope) -> dict[Scope, int]:
    """Keys from one place to every other."""
    reached, frontier = {start: 0}, [start]
    while frontier:
        here = frontier.pop(0)
        moves = {**BETWEEN_PANES, **FURTHER}
        onward = [*FROM_ANYWHERE.values(), *(to for (pane, _), to in moves.items() if pane == here)]
        for there in onward:
            if there not in reached:
                reached[there] = reached[here] + 1
                frontier.append(there)
    return reached


def test_every_action_is_at_most_three_keys_away() -> None:
    for start, key in product(PLACES, KEYMAP):
        place = ALSO_WORKS_IN.get(key.scope, key.scope)
        away = 1 if key.scope in EVERYWHERE else steps(start)[place] + 1
        assert away <= 3, (start, key.id, away)
        assert names_of(key.keys), key.id


async def go(stage: Stage, binding: str, to: Scope) -> None:
    await stage.press(names_of(BY_ID[binding].keys)[0])
    await stage.until(lambda: to in places(stage.app.screen)[:3])


@pytest.mark.parametrize("size", [(140, 40), (60, 20)])
async def test_the_moves_between_panes_are_real(workspace: Open, size: tuple[int, int]) -> None:
    async with workspace(size=size) as stage:
        await stage.ask("hi")
        panes = {"composer": stage.composer, "transcript": stage.transcript, "conversations": stage.sidebar}
        for (start, binding), to in BETWEEN_PANES.items():
            if size[0] < 80 and "conversations" in (start, to):
                continue  # one pane at a time: the list has a key of its own
            panes[start].focus()
            await stage.pilot.pause()
            await go(stage, binding, to)
            assert panes[to].has_focus


@pytest.mark.slow
async def test_the_keys_of_the_workspace_lead_everywhere_from_everywhere(workspace: Open) -> None:
    async with workspace(size=(140, 40)) as stage:
        await stage.ask("hi")
        for start, end in product(FROM_ANYWHERE, FROM_ANYWHERE):
            stage.composer.focus()  # from the list its own key leads back
            await go(stage, start, FROM_ANYWHERE[start])
            if FROM_ANYWHERE[end] != FROM_ANYWHERE[start]:
                await go(stage, end, FROM_ANYWHERE[end])
