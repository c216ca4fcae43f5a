"""The palette offers every action, finds it by a few letters, and carries it out from wherever one is."""

from collections.abc import Iterable

import pytest
from stage import Open, Stage

from lama_tui.config.keymap import KEYMAP, Key
from lama_tui.ui.commands.entries import PLACES, palette_entries
from lama_tui.ui.commands.perform import close_above, targets
from lama_tui.ui.screens.help import HelpScreen
from lama_tui.ui.screens.palette import PaletteScreen
from lama_tui.ui.widgets.command_list import CommandList

LEAVING = {"app.quit", "app.suspend"}

SCREENS = {
    "workspace": "",
    "help": "f1",
    "palette": "ctrl+p",
    "chat settings": "f3",
    "settings": "f4",
    "model": "f6",
    "theme": "f7",
    "log": "f8",
    "models": "ctrl+l",
    "search": "ctrl+f",
    "history": "ctrl+r",
}
"""Screens by the key that opens them from the composer."""


async def palette(stage: Stage) -> list[str]:
    """Open it; the ids that it lists."""
    await stage.press("ctrl+p")
    await stage.until(lambda: isinstance(stage.app.screen, PaletteScreen))
    await stage.until(lambda: stage.app.screen.query_one(CommandList).lines)
    return listed(stage)


def listed(stage: Stage) -> list[str]:
    return [line.entry.id for line in stage.app.screen.query_one(CommandList).lines]


async def answers(stage: Stage) -> None:
    """The app takes keys: whatever is open closes, and what is typed is there."""
    while len(stage.app.screen_stack) > 1:
        await close_above(stage.app)
    stage.composer.focus()
    stage.composer.text = ""
    await stage.press("x")
    await stage.until(lambda: stage.composer.text == "x")
    stage.composer.text = ""


async def walk(stage: Stage, opening: str, keys: Iterable[Key]) -> None:
    """Carry out these actions, each from the screen that a key opens."""
    here: type | None = None
    for key in keys:
        if key.id in LEAVING:
            continue
        if here is None or type(stage.app.screen) is not here:
            await close_above(stage.app)
            await stage.pilot.pause()
            if opening:
                stage.composer.focus()
                await stage.press(opening)
                await stage.until(lambda: len(stage.app.screen_stack) > 1)
            here = type(stage.app.screen)
        await stage.app.perform(key.id)
        await stage.pilot.pause()
        assert not stage.app._exit, key.id
    await answers(stage)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, opening in SCREENS.items() if opening])
async def test_actions_of_every_place_run_on_every_screen(workspace: Open, name: str) -> None:
    async with workspace(size=(120, 40)) as stage:
        await stage.ask("hi")
        some = [next(key for key in KEYMAP if key.scope == scope) for scope in PLACES]
        await stage.press(SCREENS[name])
        await stage.until(lambda: len(stage.app.screen_stack) > 1)
        own = targets(stage.app.screen)
        await walk(stage, SCREENS[name], [*some, *(key for key in KEYMAP if key.scope in own)])


@pytest.mark.slow
@pytest.mark.parametrize("name", SCREENS)
async def test_every_action_runs_on_every_screen(workspace: Open, name: str) -> None:
    async with workspace(size=(120, 40)) as stage:
        await stage.ask("hi")
        await walk(stage, SCREENS[name], KEYMAP)


async def test_every_action_is_listed_where_it_can_be_asked_for(workspace: Open) -> None:
    async with workspace() as stage:
        await stage.ask("hi")
        offered = set(await palette(stage))
        await stage.press("escape", "f6")
        await stage.until(lambda: "chooser" in targets(stage.app.screen))
        offered |= set(await palette(stage))
        assert {key.id for key in KEYMAP} <= offered


async def test_it_says_name_purpose_and_the_key_that_is_bound_now(workspace: Open) -> None:
    async with workspace(size=(120, 60), config='[keys]\n"monitor.toggle" = "f12"') as stage:
        await palette(stage)
        await stage.press(*"monitor")
        await stage.until(lambda: listed(stage)[0] == "monitor.toggle")
        (row,) = [row for row in stage.seen().split("\n") if "Show the monitor" in row]
        assert row.split()[1:3] == ["Monitor", "Show"]
        assert "f12" in row


async def test_enter_does_what_is_highlighted(workspace: Open) -> None:
    async with workspace(size=(100, 30)) as stage:
        before = stage.screen.query_one("#conversations-pane").display
        await palette(stage)
        await stage.press(*"help", "enter")
        await stage.until(lambda: isinstance(stage.app.screen, HelpScreen))
        await stage.press("escape")
        await palette(stage)
        await stage.press("down", "down", "up", "escape")
        await stage.until(lambda: stage.app.screen is stage.screen)
        assert stage.screen.query_one("#conversations-pane").display == before
        await stage.until(lambda: stage.composer.text == "")


async def test_what_was_used_last_comes_first(workspace: Open) -> None:
    async with workspace() as stage:
        assert (await palette(stage))[0] != "help.open"
        await stage.press(*"help", "enter")
        await stage.until(lambda: isinstance(stage.app.screen, HelpScreen))
        await stage.press("escape")
        assert (await palette(stage))[0] == "help.open"


async def test_a_click_takes_a_line(workspace: Open) -> None:
    async with workspace() as stage:
        await palette(stage)
        await stage.press(*"help")
        await stage.until(lambda: listed(stage)[0] == "help.open")
        await stage.pilot.click(CommandList, offset=(3, 0))
        await stage.until(lambda: isinstance(stage.app.screen, HelpScreen))


async def test_nothing_found_is_said_whatever_was_typed(workspace: Open) -> None:
    async with workspace() as stage:
        await palette(stage)
        await stage.press(*"[/b]漢字")
        await stage.until_seen("Nothing that lama does is called “[/b]漢字”.")
        await stage.press("enter")
        assert isinstance(stage.app.screen, PaletteScreen)


async def test_what_cannot_act_now_says_so(workspace: Open) -> None:
    async with workspace() as stage:
        await stage.app.perform("transcript.regenerate")
        await stage.until_seen("There is no message in this conversation yet.")
        await stage.app.perform("conversations.delete")
        await stage.until_seen("There is no conversation yet")
        await stage.app.perform("app.stop")
        await stage.until_seen("No answer is being written.")


async def test_actions_of_the_transcript_go_there(workspace: Open) -> None:
    async with workspace() as stage:
        await stage.ask("hi")
        await palette(stage)
        await stage.press(*"previous message")
        await stage.until(lambda: listed(stage)[0] == "transcript.previous")
        await stage.press("enter")
        await stage.until(lambda: stage.transcript.has_focus)


async def test_keys_of_the_workspace_work_above_it(workspace: Open) -> None:
    async with workspace() as stage:
        await stage.ask("hi")
        await stage.press("f6")
        await stage.until(lambda: "chooser" in targets(stage.app.screen))
        await stage.press("f1")
        await stage.until(lambda: isinstance(stage.app.screen, HelpScreen))
        await stage.press("ctrl+n")
        await stage.until(lambda: stage.app.screen is stage.screen and not stage.messages)


async def test_conversations_can_be_opened_by_title(workspace: Open) -> None:
    async with workspace() as stage:
        await stage.ask("about the sea")
        await stage.press("ctrl+n")
        await stage.until(lambda: not stage.messages)
        await palette(stage)
        await stage.press(*"about the sea")
        await stage.until(lambda: "".join(listed(stage)[:1]).startswith("conversation:"))
        await stage.press("enter")
        await stage.until(lambda: stage.messages and stage.messages[0].text == "about the sea")


def test_actions_of_other_screens_say_which(workspace: Open) -> None:
    entries = {entry.id: entry for entry in palette_entries({}, ["workspace"])}
    assert entries["models.load"].about.startswith("Among the installed models: ")
    here = {entry.id: entry for entry in palette_entries({}, ["installed", "models", "dialog"])}
    assert here["models.load"].about.startswith("Load")
    assert next(iter(here)) == "models.use"  # what one came to a screen for is on top
    assert "dialog.close" in here
    assert "dialog.close" not in entries


async def test_many_conversations_do_not_push_actions_out_of_the_list(workspace: Open) -> None:
    async with workspace(size=(60, 20)) as stage:
        await stage.opened()
        for number in range(30):
            await stage.conversations.create(f"Model talk {number}", "guide")
        await stage.screen._show_list()
        offered = await palette(stage)
        assert len([entry for entry in offered if entry.startswith("conversation:")]) == 6
        await stage.press(*"model")
        await stage.until_seen("24 more conversations: ctrl+s lists all", "Models", "Model talk")
        await stage.until(lambda: set(listed(stage)[:2]) == {"models.open", "models.pick"})
        await stage.press("space", *"talk", "space", *"17")
        await stage.until(lambda: len(listed(stage)) == 1)
        await stage.until_gone("more conversations")
        await stage.press("enter")
        await stage.until(lambda: stage.screen._current and stage.screen._current.title == "Model talk 17")
