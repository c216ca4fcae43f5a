"""Slash commands in the composer: completed as one types, carried out on enter, never sent by accident."""

from stage import Open, Stage
from textual import events

from lama_tui.ui.screens.help import HelpScreen
from lama_tui.ui.widgets.slash_list import SlashList


def offered(stage: Stage) -> list[str]:
    """The names in the open list; none while it is closed."""
    slash = stage.screen.query_one(SlashList)
    return [line.entry.label for line in slash.lines] if slash.is_open else []


async def paste(stage: Stage, text: str) -> None:
    stage.composer.post_message(events.Paste(text))
    await stage.until(lambda: stage.composer.text.endswith(text[-20:]))


async def test_a_slash_lists_all_and_typing_narrows(workspace: Open) -> None:
    async with workspace() as stage:
        await stage.press("slash")
        await stage.until_seen("/continue", "Continue an answer")
        everything = len(offered(stage))
        await stage.press("m", "o")
        await stage.until(lambda: offered(stage)[:2] == ["/model", "/models"])
        assert len(offered(stage)) < everything
        await stage.press("backspace", "backspace", "backspace")
        await stage.until(lambda: not offered(stage))


async def test_tab_completes_and_arrows_choose(workspace: Open) -> None:
    async with workspace() as stage:
        await stage.press(*"/hel", "tab")
        await stage.until(lambda: stage.composer.text == "/help")
        stage.composer.text = ""
        await stage.press(*"/mo", "down", "tab")
        await stage.until(lambda: stage.composer.text == "/models")
        stage.composer.text = ""
        await stage.press(*"/ren", "tab", *"x")
        await stage.until(lambda: stage.composer.text == "/rename x")
        await stage.until(lambda: stage.composer.has_focus)


async def test_escape_closes_the_list_and_keeps_the_text(workspace: Open) -> None:
    async with workspace() as stage:
        await stage.press(*"/he")
        await stage.until_seen("tab Complete", "esc Close")
        await stage.press("escape")
        await stage.until(lambda: not offered(stage))
        await stage.until_gone("tab Complete")
        await stage.until(lambda: stage.composer.text == "/he")
        await stage.until(lambda: stage.composer.has_focus)
        await stage.press("l")
        assert not offered(stage)
        await stage.press("ctrl+c", "slash")
        await stage.until(lambda: offered(stage))


async def test_enter_carries_out_and_nothing_is_sent(workspace: Open) -> None:
    async with workspace() as stage:
        await stage.press(*"/he", "enter")
        await stage.until(lambda: isinstance(stage.app.screen, HelpScreen))
        await stage.until(lambda: stage.composer.text == "")
        assert not stage.messages
        assert not stage.scripted.requests


async def test_what_was_found_by_its_purpose_is_written_out_first(workspace: Open) -> None:
    async with workspace() as stage:
        await stage.press(*"/shell")
        await stage.press("enter")
        await stage.until(lambda: stage.composer.text != "")
        await stage.until(lambda: stage.app.screen is stage.screen)
        assert not stage.scripted.requests


async def test_an_unknown_command_is_not_sent_and_can_be_sent_all_the_same(workspace: Open) -> None:
    async with workspace() as stage:
        await stage.press(*"/tmp", "space", *"is", "space", *"full", "enter")
        await stage.until_seen("There is no command /tmp.")
        await stage.until(lambda: stage.composer.text == "/tmp is full")
        assert not stage.scripted.requests
        await stage.press("home", "slash", "enter")
        await stage.idle()
        await stage.until(lambda: stage.messages[0].text == "/tmp is full")


async def test_a_leading_space_sends_it(workspace: Open) -> None:
    async with workspace() as stage:
        await stage.press("space", *"/help", "enter")
        await stage.idle()
        await stage.until(lambda: stage.messages[0].text.strip() == "/help")


async def test_paths_stay_texts(workspace: Open) -> None:
    async with workspace() as stage:
        await paste(stage, "/usr/bin")
        assert not offered(stage)
        await stage.press("enter")
        await stage.idle()
        await stage.until(lambda: stage.messages[0].text == "/usr/bin")


async def test_a_very_long_text_and_any_script_are_no_trouble(workspace: Open) -> None:
    async with workspace(size=(60, 20)) as stage:
        stage.composer.text = "/" + "漢" * 5_000
        await stage.press("enter")
        await stage.until_seen("There is no command", "Begin with //", "esc puts this away")
        assert len(stage.composer.text) == 5_001
        await stage.press("backspace")  # written otherwise
        await stage.until_gone("There is no command")
        stage.composer.text = "/model " + "é" * 3_000
        await stage.press("tab", "down", "up")
        await stage.until_seen("Ask something") if not stage.composer.text else None
        assert not stage.scripted.requests


async def test_what_follows_a_command_reaches_it(workspace: Open) -> None:
    async with workspace(size=(100, 30)) as stage:
        await stage.ask("hi")
        await stage.press(*"/rename", "space", *"Sea", "enter")
        await stage.until(lambda: stage.screen._current is not None and stage.screen._current.title == "Sea")
        target = stage.paths.data / "sea.md"
        stage.composer.text = f"/export {target}"
        await stage.press("enter")
        await stage.until(lambda: target.exists() and "hi" in target.read_text())
        await stage.until(lambda: stage.app.screen is stage.screen)
        await stage.press(*"/search", "space", *"hi", "enter")
        await stage.until(lambda: stage.app.screen is not stage.screen)
        await stage.until_seen("Search in all conversations", "Sea")
        await stage.press("escape")
        await stage.until(lambda: stage.app.screen is stage.screen)
        await stage.press(*"/system", "space", *"Be", "space", *"brief", "enter")
        await stage.until(lambda: stage.screen._current.settings.system == "Be brief")
        await stage.press(*"/theme", "space", *"lama-lig", "enter")
        await stage.until(lambda: stage.app.theme == "lama-light")
        file = stage.paths.config_file
        await stage.until(lambda: file.exists() and "lama-light" in file.read_text())


async def test_a_model_is_taken_by_a_part_of_its_name(workspace: Open) -> None:
    config = '[providers.here]\nkind = "openai"\nendpoint = "http://127.0.0.1:9/v1"\nmodel = "steady"\n'
    async with workspace(size=(100, 30), config=config) as stage:
        await stage.press(*"/model", "space")
        await stage.until(lambda: "here:steady" in offered(stage))
        await stage.press(*"stea", "enter")
        await stage.until(lambda: stage.screen._current is not None and stage.screen._current.model == "here:steady")
        await stage.press(*"/model", "space", *"nosuch", "enter")
        await stage.until_seen("Nothing here is called “nosuch”")
        await stage.press("escape")
        assert stage.screen._current is not None
        assert stage.screen._current.model == "here:steady"


async def test_a_paste_as_keys_does_not_run_a_command(workspace: Open) -> None:
    async with workspace() as stage:
        for key, character in (("slash", "/"), *((each, each) for each in "new"), ("enter", "\r"), ("x", "x")):
            stage.app.post_message(events.Key(key, character))
        await stage.until(lambda: stage.composer.text == "/new\nx")
        assert not stage.scripted.requests


async def test_a_click_takes_a_line(workspace: Open) -> None:
    async with workspace() as stage:
        await stage.press(*"/the")
        await stage.until(lambda: offered(stage)[0] == "/theme")
        await stage.pilot.click(SlashList, offset=(4, 0))
        await stage.until(lambda: stage.composer.text == "/theme ")
        await stage.until(lambda: stage.composer.has_focus)
