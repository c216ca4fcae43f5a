"""Search in all conversations, from ctrl+f to the message."""

import pytest
from chat.scripted import says
from stage import Open, Stage

from lama_tui.ui.screens.search import SearchScreen


async def searching(stage: Stage, wanted: str = "") -> SearchScreen:
    await stage.press("ctrl+f")
    await stage.until(lambda: isinstance(stage.app.screen, SearchScreen))
    await stage.until_seen("All words must be in a message")
    await stage.press(*wanted)
    screen = stage.app.screen
    assert isinstance(screen, SearchScreen)
    return screen


async def test_enter_opens_the_message_where_it_was_said(workspace: Open) -> None:
    async with workspace(says("The quokka smiles."), says("Nothing of that kind.")) as stage:
        await stage.ask("a question about animals")
        await stage.press("ctrl+n")
        await stage.until(lambda: not stage.messages)
        for number in range(8):
            await stage.ask(f"other {number}\n" + "\n\n".join("filler" for _ in range(20)))
        await searching(stage, "quok")
        await stage.until_seen(
            "a question about animals  Answer · just now", "The quokka smiles.", "1 message, newest first."
        )
        await stage.press("enter")
        await stage.until(lambda: stage.app.screen is stage.screen and stage.transcript.has_focus)
        await stage.until(lambda: stage.messages[0].text == "a question about animals")
        assert stage.transcript.current is not None
        await stage.until(lambda: stage.transcript.current.text == "The quokka smiles.")
        await stage.until(lambda: stage.sees("The quokka smiles."))


async def test_a_branch_that_was_left_is_shown_again(workspace: Open) -> None:
    async with workspace(says("the wombat"), says("something else")) as stage:
        await stage.ask("which?")
        stage.transcript.focus()
        await stage.press("r")
        await stage.until_seen("something else")
        await stage.idle()
        await searching(stage, "wombat")
        await stage.until_seen("1 message")
        await stage.press("enter")
        await stage.until_seen("the wombat")
        await stage.until(
            lambda: stage.transcript.current is not None and stage.transcript.current.text == "the wombat"
        )


async def test_what_is_typed_is_markup_for_nobody(workspace: Open) -> None:
    async with workspace(says("[/nope] [b]needle[/b] [@click=app.quit]x[/]")) as stage:
        await stage.ask("[red]title[/red]")
        await searching(stage, "needle")
        await stage.until_seen("[red]title[/red]", "[b]needle[/b]", "[@click=app.quit]")


async def test_odd_queries_say_something(workspace: Open) -> None:
    async with workspace() as stage:
        await stage.ask("hello")
        screen = await searching(stage)
        field = screen.query_one("#narrow")
        for wanted, told in (
            ('"', "There is no word in this."),
            ("zzz", "Nothing that was said has “zzz” in it."),
            ("hel NEAR(", "Nothing that was said has"),
            ("x" * 10_000, "Nothing that was said has"),
            ('"hel', "1 message"),
            ("", "All words must be in a message"),
        ):
            field.value = wanted  # type: ignore[attr-defined]
            await stage.until_seen(told)
        await stage.press("enter", "escape")
        await stage.until(lambda: stage.app.screen is stage.screen)


async def test_drafts_stay_with_their_conversations(workspace: Open) -> None:
    async with workspace(says("the quokka"), says("no")) as stage:
        await stage.ask("first")
        await stage.press("ctrl+n")
        await stage.until(lambda: not stage.messages)
        await stage.ask("second")
        await stage.press(*"unsent in second")
        await searching(stage, "quokka")
        await stage.until_seen("1 message")
        await stage.press("enter")
        await stage.until(lambda: stage.transcript.has_focus)
        await stage.until(lambda: stage.composer.text == "")
        stage.screen._switch(stage.sidebar.listed[0].id)
        await stage.until(lambda: stage.composer.text == "unsent in second")


@pytest.mark.slow
async def test_a_summary_is_found_and_shown_where_it_stands(workspace: Open) -> None:
    async with workspace(says("Canopus."), says("Sirius."), says("They named stars.")) as stage:
        await stage.ask("a star?")
        await stage.ask("another?")
        stage.transcript.focus()
        await stage.press("m")
        await stage.until_seen("summary of 2 messages")
        await stage.idle()
        await stage.press("ctrl+n")
        await stage.until(lambda: not stage.messages)
        await searching(stage, "named")
        await stage.until_seen("a star?  Summary · just now", "They named stars.", "1 message")
        await stage.press("enter")
        await stage.until(lambda: stage.transcript.current is not None and stage.transcript.current.covers == 2)
