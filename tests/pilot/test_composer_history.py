"""What was written before: by up and down, and by searching."""

from chat.scripted import says
from stage import Open, Stage

from lama_tui.ui.screens.prompt_history import PromptHistory


async def asked(stage: Stage, *texts: str) -> None:
    for text in texts:
        await stage.ask(text)


async def shows(stage: Stage, text: str) -> None:
    await stage.until(lambda: stage.composer.text == text)
    await stage.pilot.pause()


async def test_up_walks_back_and_down_returns(workspace: Open) -> None:
    async with workspace() as stage:
        await asked(stage, "first", "second", "first", "third")
        for text in ("third", "first", "second"):
            await stage.press("up")
            await shows(stage, text)
        await stage.press("up")  # the oldest
        await shows(stage, "second")
        for text in ("first", "third", ""):
            await stage.press("down")
            await shows(stage, text)
        await stage.press("down", "x")
        await shows(stage, "x")


async def test_keys_in_a_row_walk_in_order(workspace: Open) -> None:
    async with workspace() as stage:
        await asked(stage, "one", "two", "three")
        await stage.press("up", "up", "up")
        await shows(stage, "one")


async def test_a_text_of_several_lines_is_walked_through_first(workspace: Open) -> None:
    async with workspace() as stage:
        await asked(stage, "older", "line one\nline two")
        await stage.press("up")
        await shows(stage, "line one\nline two")
        await stage.press("up")
        await stage.until(lambda: stage.composer.cursor_location[0] == 0)
        await stage.press("up")
        await shows(stage, "older")
        await stage.press("down")
        await shows(stage, "line one\nline two")


async def test_what_was_changed_is_not_walked_away_from(workspace: Open) -> None:
    async with workspace() as stage:
        await asked(stage, "older", "newer")
        await stage.press("up")
        await shows(stage, "newer")
        await stage.press("!", "up", "up", "down")
        await shows(stage, "newer!")
        await stage.press("enter")
        await stage.until(lambda: len(stage.scripted.requests) == 3)
        assert stage.scripted.requests[-1].messages[-1].text == "newer!"


async def test_it_reaches_over_conversations_and_restarts(workspace: Open) -> None:
    async with workspace() as stage:
        await asked(stage, "in the first")
        await stage.press("ctrl+n")
        await asked(stage, "in the second")
    async with workspace() as stage:
        await stage.press("up", "up")
        await shows(stage, "in the first")


async def test_the_draft_is_there_again_after_a_walk(workspace: Open) -> None:
    async with workspace() as stage:
        await asked(stage, "sent")
        await stage.press(*"draft")
    async with workspace() as stage:
        await shows(stage, "draft")
        await stage.press("up")
        await shows(stage, "sent")
        await stage.press("down")
        await shows(stage, "draft")
        await stage.press("up")
        await shows(stage, "sent")
    async with workspace() as stage:  # leaving in the middle of a walk keeps what one had
        await shows(stage, "draft")


async def searching(stage: Stage) -> PromptHistory:
    await stage.press("ctrl+r")
    await stage.until(lambda: isinstance(stage.app.screen, PromptHistory) and stage.app.screen._shown)
    await stage.pilot.pause()
    screen = stage.app.screen
    assert isinstance(screen, PromptHistory)
    return screen


async def test_search_by_words_anywhere_in_the_text(workspace: Open) -> None:
    async with workspace(says("yes")) as stage:
        await asked(stage, "an apple [b]and[/b] a pear", "two plums\nand on the last line a quince", "an apple alone")
        screen = await searching(stage)
        assert [choice.name for choice in screen._shown] == [
            "an apple alone",
            "two plums and on the last line a quince",
            "an apple [b]and[/b] a pear",
        ]
        await stage.until(lambda: stage.sees("an apple [b]and[/b] a pear"))
        await stage.press(*"QUINCE plums")
        await stage.until(lambda: len(screen._shown) == 1)
        await stage.until_seen("and on the last line a quince")
        await stage.press("enter")
        await shows(stage, "two plums\nand on the last line a quince")
        await stage.until(lambda: stage.composer.has_focus)
        assert len(stage.scripted.requests) == 3  # not sent
        await stage.press("ctrl+underscore")
        await stage.until(lambda: stage.composer.text == "")


async def test_leaving_the_search_changes_nothing(workspace: Open) -> None:
    async with workspace() as stage:
        await asked(stage, "sent")
        await stage.press(*"typed")
        await searching(stage)
        await stage.press("escape")
        await stage.until(lambda: stage.app.screen is stage.screen)
        await stage.until(lambda: stage.composer.text == "typed")


async def test_a_search_with_nothing_written_says_so(workspace: Open) -> None:
    async with workspace() as stage:
        await stage.press("ctrl+r")
        await stage.until_seen("You have not written anything yet.")
        await stage.press("enter", "escape")
        await stage.until(lambda: stage.app.screen is stage.screen)
