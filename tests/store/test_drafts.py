"""Drafts: kept apart for each conversation, gone in the moment in which they are messages."""

import pytest

from lama_tui.conversations.drafts import NOT_BEGUN, Drafts
from lama_tui.conversations.pasted import block
from lama_tui.conversations.table import Conversations
from lama_tui.errors import StoreError
from lama_tui.paths import Paths
from lama_tui.store.database import Database
from lama_tui.types import ConversationId


async def test_each_conversation_has_its_own(database: Database, conversations: Conversations) -> None:
    drafts = Drafts(database)
    one = await conversations.create("one")
    assert await drafts.read(one) == await drafts.read(NOT_BEGUN) == ""
    await drafts.save(one, "first")
    await drafts.save(NOT_BEGUN, "not begun")
    await drafts.save(one, "second\nline")
    assert (await drafts.read(one), await drafts.read(NOT_BEGUN)) == ("second\nline", "not begun")
    assert [found.draft for found in await conversations.list()] == [True]
    await drafts.save(one, "  \n")
    assert await drafts.read(one) == ""
    assert [found.draft for found in await conversations.list()] == [False]


async def test_a_draft_goes_with_the_message_that_it_becomes(database: Database, conversations: Conversations) -> None:
    drafts = Drafts(database)
    one, two = await conversations.create(), await conversations.create()
    text = f"look at {block('a' * 3000)} please"
    for conversation in (NOT_BEGUN, one, two):
        await drafts.save(conversation, text)
    question, _ = await conversations.add_turn(one, text, "m")
    assert (await conversations.message(question)).text == f"look at {'a' * 3000} please"
    assert [await drafts.read(c) for c in (NOT_BEGUN, one, two)] == ["", "", text]
    queued = await conversations.enqueue(two, text, "m")
    assert await drafts.read(two) == ""
    assert queued.text == text  # comes back with its block


async def test_what_was_typed_since_stays(database: Database, conversations: Conversations) -> None:
    drafts = Drafts(database)
    one = await conversations.create()
    await drafts.save(one, "sent")
    await drafts.save(one, "typed on in another window")
    await conversations.add_turn(one, "sent", "m")
    assert await drafts.read(one) == "typed on in another window"


async def test_a_send_that_fails_keeps_the_draft(database: Database, conversations: Conversations) -> None:
    drafts = Drafts(database)
    await drafts.save(NOT_BEGUN, "sent")
    with pytest.raises(StoreError):
        await conversations.add_turn(ConversationId(999), "sent", "m")
    with pytest.raises(StoreError):
        await conversations.enqueue(ConversationId(999), "sent", "m")
    assert await drafts.read(NOT_BEGUN) == "sent"


async def test_a_deleted_conversation_takes_its_draft_along(database: Database, conversations: Conversations) -> None:
    drafts = Drafts(database)
    one = await conversations.create()
    await drafts.save(one, "text")
    await conversations.delete(one)
    assert await drafts.read(one) == "text"  # it can be brought back
    await conversations.purge_deleted(2**60)
    assert await drafts.read(one) == ""


async def test_own_drafts_are_no_news_but_all_else_is(
    paths: Paths, database: Database, conversations: Conversations
) -> None:
    one = await conversations.create()
    await conversations.changed()
    assert not await conversations.changed()
    await Drafts(database).save(one, "typing")
    assert not await conversations.changed()
    await conversations.rename(one, "title")
    assert await conversations.changed()
    other = await Database.open(paths)
    try:
        await conversations.changed()
        await Conversations(other).rename(one, "elsewhere")
        assert await conversations.changed()
        assert not await conversations.changed()
    finally:
        await other.close()
