"""What comes faster than screens open and close, as it does over a slow line: nothing is lost, and nothing fails."""

import asyncio
from time import process_time

import pytest
from stage import Open, Stage
from textual import events
from textual.keys import _character_to_key
from textual.screen import Screen
from textual.widgets import Static

from lama_tui.config.keymap import Scope
from lama_tui.ui.app import LamaApp
from lama_tui.ui.commands.perform import close_above, places, targets
from lama_tui.ui.screens.dialogs import RenameDialog
from lama_tui.ui.screens.help import HelpScreen
from lama_tui.ui.screens.palette import PaletteScreen
from lama_tui.ui.screens.theme_picker import ThemePicker
from lama_tui.ui.widgets.filter import LONGEST, Filter

SCREENS = ["ctrl+p", "f1", "f3", "f4", "f6", "f7", "f8", "ctrl+f", "ctrl+l", "ctrl+r"]
"""Keys that open one."""


def arrive(stage: Stage, *keys: str) -> None:
    """Keys that come in one go."""
    for key in keys:
        assert stage.app._driver is not None
        single = len(key) == 1
        stage.app._driver.process_message(
            events.Key(_character_to_key(key) if single else key, key if single else None)
        )


async def test_a_screen_gets_what_is_typed_before_it_is_there(workspace: Open) -> None:
    async with workspace() as stage:
        stage.app.action_help()
        arrive(stage, "escape")
        await stage.until(lambda: stage.app.screen is stage.screen)
        stage.app.action_command_palette()
        await stage.until(lambda: isinstance(stage.app.screen, PaletteScreen))
        arrive(stage, *"show every key", "enter")
        await stage.until(lambda: isinstance(stage.app.screen, HelpScreen))
        assert not stage.composer.text


@pytest.mark.parametrize("key", [*SCREENS[:2], *(pytest.param(key, marks=pytest.mark.slow) for key in SCREENS[2:])])
async def test_enter_and_escape_ahead_of_a_screen(workspace: Open, key: str) -> None:
    async with workspace() as stage:
        for then in ("enter", "delete", "down", "escape", "ctrl+c", "y"):
            arrive(stage, key, then, "escape", "escape", "escape")
            await stage.pilot.pause()
        await stage.back()  # what opens late, after a look at a file, also closes


async def test_a_word_that_comes_at_once_while_one_reads(workspace: Open) -> None:
    async with workspace() as stage:
        await stage.ask("hi")
        stage.transcript.focus()
        await stage.until(lambda: stage.transcript.has_focus)
        arrive(stage, *"hexer yields foes")  # most of these letters are keys of the transcript
        await stage.until(lambda: stage.composer.text == "hexer yields foes")
        await stage.until(lambda: stage.app.screen is stage.screen)
        assert len(stage.messages) == 2


async def test_a_click_on_what_was_removed_just_now(workspace: Open) -> None:
    async with workspace() as stage:
        gone = Static("here for a moment", markup=False)
        await stage.screen.mount(gone)
        await stage.until_seen("here for a moment")
        place = gone.region.offset
        parent = gone._parent
        gone._parent = None  # as it is from its removal until the next frame
        assert stage.app.get_widget_at(*place)[0] is gone
        down = events.MouseDown(None, place.x, place.y, 0, 0, 1, False, False, False, place.x, place.y)
        await stage.app.on_event(down)
        gone._parent = parent


@pytest.mark.parametrize("text", ["漢字🙂 " * 20_000, "a " * 50_000, " ".join(map(str, range(20_000)))])
async def test_a_book_pasted_into_the_palette_does_not_hold_up_the_screen(workspace: Open, text: str) -> None:
    async with workspace() as stage:
        await stage.press("ctrl+p")
        await stage.until(lambda: isinstance(stage.app.screen, PaletteScreen))
        assert stage.app._driver is not None
        began = process_time()
        stage.app._driver.process_message(events.Paste(text))
        arrive(stage, "escape")
        await stage.until(lambda: stage.app.screen is stage.screen)
        assert process_time() - began < 10  # it was 30 s and more


@pytest.mark.parametrize("key", SCREENS)
async def test_a_screen_that_has_no_widgets_yet_can_be_asked_and_closed(
    workspace: Open, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[set[Scope], list[Scope]]] = []
    push = LamaApp.push_screen

    def push_and_ask(self: LamaApp, screen: Screen[object], *how: object, **named: object) -> object:
        pushed = push(self, screen, *how, **named)  # type: ignore[call-overload]
        asked.append((set(targets(screen)), places(screen)))
        self.call_next(close_above, self)
        return pushed

    async with workspace() as stage:
        monkeypatch.setattr(LamaApp, "push_screen", push_and_ask)
        arrive(stage, key)
        await stage.until(lambda: asked and stage.app.screen is stage.screen)
        monkeypatch.undo()
        await stage.press(key)  # nothing is left that keeps it from opening again
        await stage.until(lambda: stage.app.screen is not stage.screen)
    [(scopes, here)] = asked
    assert "dialog" in scopes and "list" not in scopes
    assert here[-2:] == ["workspace", "app"] and "dialog" in here


async def test_a_screen_closes_once_and_only_itself(workspace: Open) -> None:
    async with workspace() as stage:
        named: list[str | None] = []
        dialog = RenameDialog("before")
        stage.app.push_screen(dialog, named.append)
        await stage.app.push_screen(above := HelpScreen({}, [], ""))
        dialog.dismiss("after")  # by a task of its own, while something else covers it
        dialog.dismiss("again")
        await stage.until(lambda: named)
        await stage.until(lambda: stage.app.screen is above and stage.app.screen_stack == [stage.screen, above])
        above.dismiss()
        above.dismiss()
        await stage.until(lambda: stage.app.screen is stage.screen)
        assert named == ["after"]


async def test_a_screen_closes_when_nobody_waits_for_its_choice(workspace: Open) -> None:
    async with workspace() as stage:
        await stage.press("f7")
        await stage.until(lambda: isinstance(stage.app.screen, ThemePicker))
        stage.app.workers.cancel_group(stage.app, "theme")
        await stage.until(lambda: stage.app.screen is stage.screen)
        await stage.press("f7")
        await stage.until(lambda: isinstance(stage.app.screen, ThemePicker))


async def test_a_slow_screen_gets_its_keys_when_it_is_there(workspace: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    async with workspace() as stage:
        compose = HelpScreen._compose

        async def slowly(self: HelpScreen) -> None:
            await asyncio.sleep(1.3)  # longer than a key waits for one that does something else
            await compose(self)

        monkeypatch.setattr(HelpScreen, "_compose", slowly)
        stage.app.action_help()
        arrive(stage, "down", "escape")
        await stage.until(lambda: stage.app.screen is stage.screen)
        assert not stage.composer.text


@pytest.mark.parametrize("key", ["ctrl+p", "f1", "f6", "ctrl+f"])
async def test_a_book_that_was_copied_here_is_cut_in_every_filter(workspace: Open, key: str) -> None:
    async with workspace() as stage:
        stage.app._clipboard = "漢字🙂 " * 20_000
        await stage.press(key)
        await stage.until(lambda: stage.app.screen.query(Filter))
        field = stage.app.screen.query_one(Filter)
        await stage.until(lambda: field.has_focus)
        began = process_time()
        arrive(stage, *["ctrl+v"] * 10, "home", "x")
        await stage.until(lambda: len(field.value) == LONGEST)
        arrive(stage, "escape")
        await stage.until(lambda: stage.app.screen is stage.screen)
        assert process_time() - began < 10  # it was a second for each of these keys, and more for each paste
