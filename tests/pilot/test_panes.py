"""Panes at every width, what keys do in them, and that rebinding tells the truth."""

import asyncio

import pytest
from chat.scripted import Step, says
from stage import Open, Stage

from lama_tui.events import StreamFinished, StreamStarted, TextDelta
from lama_tui.types import Place, Usage

STARTED = StreamStarted("scripted", Place("script", True))


def running(*words: str) -> list[Step]:
    """An answer that goes on for ever."""
    return [STARTED, *map(TextDelta, words), asyncio.Event(), StreamFinished("stop", Usage())]


def shown(stage: Stage) -> list[str]:
    panes = {"conversations": "#conversations-pane", "talk": "#talk", "monitor": "#monitor-pane"}
    return [name for name, selector in panes.items() if stage.screen.query_one(selector).region.area]


@pytest.mark.parametrize(
    ("width", "panes", "with_list", "with_monitor"),
    [
        (60, ["talk"], ["conversations"], ["monitor"]),
        (80, ["conversations", "talk"], ["conversations", "talk"], ["talk", "monitor"]),
        (120, ["conversations", "talk", "monitor"], ["conversations", "talk", "monitor"], ["conversations", "talk"]),
        (160, ["conversations", "talk", "monitor"], ["conversations", "talk", "monitor"], ["conversations", "talk"]),
    ],
)
async def test_widths(
    workspace: Open, width: int, panes: list[str], with_list: list[str], with_monitor: list[str]
) -> None:
    async with workspace(size=(width, 30)) as stage:
        await stage.until(lambda: shown(stage) == panes)
        await stage.press("ctrl+s")
        await stage.until(lambda: shown(stage) == with_list)
        await stage.until(lambda: stage.sidebar.has_focus)
        await stage.press("escape")
        await stage.until(lambda: shown(stage) == panes and stage.composer.has_focus)
        await stage.press("ctrl+g")
        await stage.until(lambda: shown(stage) == with_monitor)
        await stage.press("ctrl+g", "ctrl+g")  # pane, strip, nothing
        await stage.until(lambda: shown(stage) == panes)
        await stage.press("x")
        await stage.until(lambda: stage.composer.text == "x")


async def test_the_list_hides_by_its_own_key_and_stays_hidden_where_that_is_set(workspace: Open) -> None:
    async with workspace(size=(120, 30), config="[workspace]\nconversations = false\n") as stage:
        await stage.until(lambda: shown(stage) == ["talk", "monitor"])
        await stage.press("ctrl+s")
        await stage.until(lambda: stage.sidebar.has_focus and "conversations" in shown(stage))
        await stage.press("ctrl+s")
        await stage.until(lambda: shown(stage) == ["talk", "monitor"] and stage.composer.has_focus)


async def test_tab_goes_round(workspace: Open) -> None:
    async with workspace() as stage:
        await stage.ask("hi")
        order = [stage.sidebar, stage.transcript, stage.composer]
        for pane in order * 2:
            await stage.press("tab")
            assert pane.has_focus
        for pane in [stage.transcript, stage.sidebar, stage.composer]:
            await stage.press("shift+tab")
            assert pane.has_focus
        await stage.pilot.resize_terminal(60, 30)
        await stage.until(lambda: not stage.sidebar.size)
        for pane in [stage.transcript, stage.composer, stage.transcript]:
            await stage.press("tab")
            assert pane.has_focus


async def test_escape_puts_away_then_stops_then_goes_to_the_transcript(workspace: Open) -> None:
    async with workspace(running("half"), size=(60, 30), config="nonsense = 1") as stage:
        await stage.say("go")
        await stage.until_seen("half", "nonsense")
        await stage.press("ctrl+s")
        await stage.until(lambda: shown(stage) == ["conversations"])
        await stage.press("escape")
        await stage.press("escape")
        await stage.until(lambda: shown(stage) == ["talk"])
        await stage.until_gone("nonsense")
        await stage.until(stage.chat.running_ids)
        await stage.press("escape")
        await stage.idle()
        await stage.until(lambda: stage.states == ["complete", "stopped"])
        await stage.until(lambda: stage.composer.has_focus)
        await stage.press("escape")
        await stage.until(lambda: stage.transcript.has_focus)
        await stage.press("escape")
        await stage.until(lambda: stage.composer.has_focus)
        await stage.press("escape", "i")
        await stage.until(lambda: stage.composer.has_focus)
        await stage.until(lambda: stage.composer.text == "")


async def test_typing_elsewhere_goes_to_the_composer(workspace: Open) -> None:
    async with workspace() as stage:
        await stage.ask("hi")
        await stage.press("escape", "w", "h", "y", "?")
        await stage.until(lambda: stage.composer.text == "why?")
        stage.sidebar.focus()
        await stage.press("漢")
        await stage.until(lambda: stage.composer.text == "why?漢")


async def test_ctrl_c_copies_clears_stops_and_then_says_how_to_leave(workspace: Open) -> None:
    async with workspace(running("half")) as stage:
        await stage.say("go")
        await stage.until_seen("half")
        await stage.press(*"draft of it")
        stage.composer.select_all()
        await stage.press("ctrl+c")
        copied = stage.paths.state / "clipboard.txt"
        await stage.until(lambda: copied.exists() and copied.read_text() == "draft of it")
        await stage.until(lambda: stage.composer.text == "draft of it")
        stage.composer.move_cursor((0, 11))
        await stage.press("ctrl+c")
        await stage.until(lambda: stage.composer.text == "")
        assert stage.chat.running_ids()
        await stage.press("ctrl+underscore")
        await stage.until(lambda: stage.composer.text == "draft of it")
        await stage.press("ctrl+c", "ctrl+c")
        await stage.idle()
        await stage.until(lambda: stage.states == ["complete", "stopped"])
        await stage.press("ctrl+c")
        await stage.until_seen("ctrl+q quits")


async def test_copying_a_message(workspace: Open) -> None:
    async with workspace(says("**bold** answer")) as stage:
        await stage.ask("hi")
        await stage.press("escape", "y")
        copied = stage.paths.state / "clipboard.txt"
        await stage.until(lambda: copied.exists() and copied.read_text() == "**bold** answer")


async def test_copying_what_is_selected_with_the_mouse(workspace: Open) -> None:
    async with workspace(says("one two three")) as stage:
        await stage.ask("hi")
        await stage.until_seen("one two three")
        row = next(y for y, line in enumerate(stage.seen().split("\n")) if "one two three" in line)
        column = stage.seen().split("\n")[row].index("one two three")
        await stage.pilot.mouse_down(offset=(column, row))
        await stage.pilot.hover(offset=(column + 7, row))
        await stage.pilot.mouse_up(offset=(column + 7, row))
        await stage.press("ctrl+c")
        copied = stage.paths.state / "clipboard.txt"
        await stage.until(lambda: copied.exists() and copied.read_text().startswith("one two"))


async def test_other_keys_are_honoured_and_named(workspace: Open) -> None:
    keys = {
        "hub.open": "",
        "downloads.open": "",
        "app.stop": "f11",
        "transcript.continue": "n",
        "transcript.fold": "z",
        "composer.send": "f2",
        "composer.newline": "enter",
        "app.quit": "f10",
        "help.open": "f12",
        "conversations.rename": "m",
    }
    config = "[keys]\n" + "\n".join(f'"{name}" = "{key}"' for name, key in keys.items())
    script = running("half")
    async with workspace(script, says(" and half"), config=config) as stage:
        await stage.until_seen("f12", "f10")
        await stage.press("a", "enter", "b")
        await stage.until_seen("f2 Send")
        await stage.until(lambda: stage.composer.text == "a\nb")
        await stage.press("f2")
        await stage.until_seen("half")
        await stage.press("f11")
        await stage.idle()
        await stage.until_seen("stopped · f11, then n continues it")
        await stage.press("f11", "n")
        await stage.until_seen("half and half")
        await stage.idle()
        stage.composer.focus()
        await stage.press("ctrl+c")
        await stage.until_seen("f10 quits, f12 shows the keys")
        await stage.press("f10")
        await stage.until(lambda: stage.app._exit)


async def test_quitting_saves_what_runs(workspace: Open) -> None:
    async with workspace(running("so far")) as stage:
        await stage.say("go")
        await stage.until_seen("so far")
        await stage.press("ctrl+q", "ctrl+q")
        await stage.until(lambda: stage.app._exit)
        assert stage.app.return_code in (None, 0)
    async with workspace() as stage:
        await stage.until(lambda: stage.states == ["complete", "interrupted"])
        await stage.until(lambda: stage.messages[-1].text == "so far")
