"""Help lists every key as it is bound now, those that work here first, and narrows as one types."""

import re

from stage import Open, Stage

from lama_tui.config.keymap import KEYMAP
from lama_tui.ui.bindings import key_name
from lama_tui.ui.screens.help import HelpScreen
from lama_tui.ui.widgets.page import Page


async def opened(stage: Stage) -> None:
    await stage.press("f1")
    await stage.until(lambda: isinstance(stage.app.screen, HelpScreen))
    page, text = stage.app.screen.query_one(Page), stage.app.screen.query_one("#help-text")
    await stage.until(lambda: text.size.height >= min(page.size.height, 9) > 1)  # it is laid out with all that it lists
    await stage.until_seen("works here")


def headings(stage: Stage) -> list[str]:
    rows = [row.strip(" │") for row in stage.seen().split("\n")]
    return [row for row in rows if row.startswith(("In ", "While ", "Everywhere", "Commands"))]


async def test_it_lists_every_key_as_it_is_bound(workspace: Open) -> None:
    config = '[keys]\n"monitor.toggle" = "f12"\n"app.redraw" = ""'
    async with workspace(size=(90, 240), config=config) as stage:
        await opened(stage)
        bound = {"monitor.toggle": "f12", "app.redraw": "–"}
        wanted = {(bound.get(key.id, key_name(key.keys)), key.tooltip[:30]) for key in KEYMAP}
        wanted |= {(f"/{key.command}", key.tooltip[:30]) for key in KEYMAP if key.command}

        def missing() -> set[tuple[str, str]]:
            rows = stage.seen().split("\n")
            return {each for each in wanted if not any(all(part in row for part in each) for row in rows)}

        await stage.until(lambda: not missing())
        assert not any("ctrl+g" in row and "monitor" in row for row in stage.seen().split("\n"))


async def test_what_works_here_comes_first(workspace: Open) -> None:
    async with workspace(size=(90, 240)) as stage:
        await stage.ask("hi")
        await opened(stage)
        assert headings(stage)[0].startswith("While you write · works here")
        await stage.press("escape", "escape")
        await stage.until(lambda: stage.transcript.has_focus)
        await opened(stage)
        assert headings(stage)[:3] == [
            "In the transcript · works here",
            "In the workspace · works here",
            "Everywhere · works here",
        ]
        await stage.press("escape", "f6")
        await stage.until(lambda: len(stage.app.screen_stack) > 1)
        await opened(stage)
        assert headings(stage)[0].startswith("In lists to choose from · works here")


async def test_typing_narrows_and_two_columns_stand_where_there_is_room(workspace: Open) -> None:
    async with workspace(size=(140, 40)) as stage:
        await opened(stage)
        assert any(row.count("In the ") == 2 or "In the transcript" in row for row in stage.seen().split("\n"))
        await stage.press(*"regenerate")
        await stage.until_gone("Start a new conversation")
        await stage.until(lambda: stage.sees("Answer again", "/regenerate"))
        await stage.press(*"漢[nope]")
        await stage.until_seen("No key and no command has to do with “regenerate漢[nope]”")
        await stage.press("f1", "escape")
        await stage.until(lambda: stage.app.screen is stage.screen)


async def test_it_scrolls_by_the_keys_of_lists_and_says_how_to_bind_others(workspace: Open) -> None:
    async with workspace(size=(60, 20)) as stage:
        await opened(stage)
        await stage.until_seen("While you write")
        await stage.press("pagedown")
        await stage.until_gone("While you write")
        await stage.press("pageup")
        await stage.until_seen("While you write")
        words = re.sub(r"[│╭╮╰╯]", " ", stage.seen()).split()  # a long path breaks the line wherever it ends
        assert "[keys]" in words and "lama config keys" in " ".join(words)
