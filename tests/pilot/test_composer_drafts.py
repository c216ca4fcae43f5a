"""Drafts: what is typed stays with its conversation."""

import asyncio

import pytest
from chat.scripted import says
from stage import Open, Stage
from textual import events

from lama_tui.config.loader import LoadedSettings
from lama_tui.conversations.drafts import NOT_BEGUN, Drafts
from lama_tui.conversations.table import Conversations
from lama_tui.paths import Paths
from lama_tui.services import Services, open_services
from lama_tui.store.database import Database
from lama_tui.types import ConversationId

LARGE = "".join(f"line {number}\n" for number in range(40))


async def drafts_of(stage: Stage) -> Drafts:
    assert stage.screen._opened is not None
    return await stage.screen._opened.services.drafts()


async def kept(stage: Stage, conversation: ConversationId, text: str) -> None:
    drafts = await drafts_of(stage)
    try:
        async with asyncio.timeout(60):
            while await drafts.read(conversation) != text:  # noqa: ASYNC110 - another task writes it
                await asyncio.sleep(0.01)
    except TimeoutError:
        pytest.fail(f"{text!r} was not kept; on screen:\n{stage.seen()}")


async def shows(stage: Stage, text: str) -> None:
    await stage.until(lambda: stage.composer.expanded == text)
    await stage.pilot.pause()


def here(stage: Stage) -> ConversationId:
    current = stage.screen._current
    assert current is not None and current.id is not None
    return current.id


async def test_it_is_saved_while_one_types(workspace: Open) -> None:
    async with workspace() as stage:
        await stage.press(*"hello")
        await kept(stage, NOT_BEGUN, "hello")
        await stage.press("backspace")
        await kept(stage, NOT_BEGUN, "hell")
        await stage.press("ctrl+c")
        await kept(stage, NOT_BEGUN, "")


async def test_it_is_there_after_a_restart_with_its_blocks(workspace: Open) -> None:
    async with workspace() as stage:
        await stage.press(*"see ")
        stage.app.post_message(events.Paste(LARGE))
        await shows(stage, f"see {LARGE}")
        await stage.press("!")  # and leaving at once
    async with workspace() as stage:
        await shows(stage, f"see {LARGE}!")
        await stage.until_seen("see [pasted 40 lines, ")
        await stage.press("ctrl+underscore")  # undo brings nothing of an earlier run
        await stage.until(lambda: stage.composer.expanded == f"see {LARGE}!")


async def test_each_conversation_has_its_own(workspace: Open) -> None:
    async with workspace() as stage:
        await stage.ask("one")
        first = here(stage)
        await stage.press(*"draft in one", "ctrl+n")
        await shows(stage, "")
        await stage.press(*"not begun")
        stage.screen._switch(first)
        await shows(stage, "draft in one")
        stage.screen._switch(None)
        await shows(stage, "not begun")
        await stage.press("enter")
        await stage.idle()
        await shows(stage, "")
        await kept(stage, NOT_BEGUN, "")
        stage.screen._switch(first)
        await shows(stage, "draft in one")


async def test_what_is_typed_right_after_leaving_belongs_to_the_next(workspace: Open) -> None:
    async with workspace() as stage:
        await stage.ask("one")
        first = here(stage)
        await stage.press(*"old")
        await stage.press("ctrl+n", *"new")
        await shows(stage, "new")
        await kept(stage, first, "old")
        await kept(stage, NOT_BEGUN, "new")


async def test_the_list_marks_drafts(workspace: Open) -> None:
    async with workspace() as stage:
        await stage.ask("one")
        await stage.press(*"unsent", "ctrl+n")
        await stage.until_seen("✎ one")
        stage.screen._switch(stage.sidebar.listed[0].id)
        await shows(stage, "unsent")
        stage.composer.clear()
        stage.screen._switch(None)
        await stage.until_gone("✎")


async def test_a_sent_text_is_no_draft_and_what_is_typed_meanwhile_is(workspace: Open) -> None:
    async with workspace() as stage:
        await stage.press(*"question", "enter", *"next one")
        await stage.until(lambda: stage.scripted.requests)
        await stage.idle()
        await kept(stage, here(stage), "next one")
        await kept(stage, NOT_BEGUN, "")
        await stage.press("ctrl+n")
        await shows(stage, "")


async def test_what_cannot_be_sent_is_a_draft_again(workspace: Open) -> None:
    async with workspace(says("fine")) as stage:
        await stage.ask("one")

        async def fails(*_: object, **__: object) -> None:
            from lama_tui.errors import StoreError

            raise StoreError("The disk is full", "Nothing can be saved.", "Free some space.")

        stage.conversations.add_turn = fails  # type: ignore[method-assign,assignment]
        await stage.press(*"lost?", "enter")
        await stage.until_seen("The disk is full")
        await shows(stage, "lost?")
        await kept(stage, here(stage), "lost?")


async def test_another_window_does_not_change_what_one_types(workspace: Open) -> None:
    async with workspace() as stage:
        await stage.ask("one")
        await stage.press(*"mine")
        await kept(stage, here(stage), "mine")
        other = await Database.open(stage.paths)
        try:
            await Drafts(other).save(here(stage), "theirs")
            await Conversations(other).rename(here(stage), "renamed elsewhere")
            await stage.until_seen("renamed elsewhere")
            await stage.until(lambda: stage.composer.text == "mine")
        finally:
            await other.close()
        await stage.press("ctrl+n")
        await shows(stage, "")
        stage.screen._switch(stage.sidebar.listed[0].id)
        await stage.until(lambda: stage.composer.text in ("mine", "theirs"))


async def test_deleting_the_shown_conversation_leaves_its_draft_with_it(workspace: Open) -> None:
    async with workspace() as stage:
        await stage.ask("one")
        first = here(stage)
        await stage.press(*"unsent")
        stage.sidebar.focus()
        await stage.press("delete")
        await stage.until(lambda: stage.screen._current is not None and stage.screen._current.id is None)
        await shows(stage, "")
        stage.sidebar.focus()
        await stage.press("u")
        await stage.until(lambda: [c.id for c in stage.sidebar.listed] == [first])
        stage.screen._switch(first)
        await shows(stage, "unsent")


async def test_typing_saves_nothing_while_nothing_changes(workspace: Open) -> None:
    async with workspace() as stage:
        await stage.press(*"text")
        await kept(stage, NOT_BEGUN, "text")
        drafts = await drafts_of(stage)
        rows = await drafts._database.read("SELECT updated FROM drafts")
        keeper = stage.screen._keeper
        assert keeper is not None
        await stage.press("left", "right")
        await keeper.save()
        assert await drafts._database.read("SELECT updated FROM drafts") == rows


@pytest.mark.parametrize(("before", "after"), [("draft", "draft\nearly"), ("", "early")])
async def test_what_is_typed_before_the_draft_is_there_comes_after_it(workspace: Open, before: str, after: str) -> None:
    async with workspace() as stage:
        await stage.press(*before)
    go = asyncio.Event()

    async def opener(paths: Paths, loaded: LoadedSettings) -> Services:
        await go.wait()
        return await open_services(paths, loaded)

    async with workspace(wait=False, opener=opener) as stage:
        await stage.press(*"early")
        go.set()
        await stage.opened()
        await shows(stage, after)
        await kept(stage, NOT_BEGUN, after)


async def test_what_is_written_again_is_kept_beside_what_stood_there(workspace: Open) -> None:
    async with workspace() as stage:
        await stage.ask("hello")
        await stage.press(*"mine")
        await kept(stage, here(stage), "mine")
        await stage.press("escape", "e")
        await shows(stage, "hello")
        await stage.press("!")
        await kept(stage, here(stage), "mine\n\nhello!")  # a crash now leaves both
        await stage.press("escape")
        await shows(stage, "mine")
        await kept(stage, here(stage), "mine")
        await stage.press("escape", "e")
        await shows(stage, "hello!")
    async with workspace() as stage:  # so does leaving
        await shows(stage, "mine\n\nhello!")
