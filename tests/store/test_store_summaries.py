"""What a model reads of a thread: pinned messages and summaries, on branches and in forks, and without a trace."""

import pytest

from lama_tui.chat.context import SUMMARY_REQUEST, build_context
from lama_tui.conversations.export import markdown
from lama_tui.conversations.summaries import shown_with, summarized
from lama_tui.conversations.table import Conversations
from lama_tui.errors import StoreError
from lama_tui.store.database import Database
from lama_tui.types import ConversationId, MessageId


async def turns(conversations: Conversations, *pairs: tuple[str, str]) -> tuple[ConversationId, list[MessageId]]:
    id_ = await conversations.create("Long", "m")
    ids: list[MessageId] = []
    for question, answer in pairs:
        asked, said = await conversations.add_turn(id_, question, "m")
        await conversations.finish(said, "complete", text=answer)
        ids += [asked, said]
    return id_, ids


async def test_pinned_and_let_go(conversations: Conversations) -> None:
    id_, ids = await turns(conversations, ("1", "one"), ("2", "two"))
    before = await conversations.get(id_)
    await conversations.pin(ids[1], True)
    assert [message.pinned for message in await conversations.messages(id_)] == [False, True, False, False]
    assert [message.pinned for message in build_context(await conversations.messages(id_))] == [
        False, True, False, False,
    ]  # fmt: skip
    assert await conversations.get(id_) == before  # nothing was said: it stays where it is in the list
    fork = await conversations.fork(ids[2])
    assert [message.pinned for message in await conversations.messages(fork)] == [False, True, False]
    await conversations.pin(ids[1], False)
    assert not any(message.pinned for message in await conversations.messages(id_))
    assert [message.pinned for message in await conversations.messages(fork)] == [False, True, False]


async def test_a_summary_stands_for_what_is_above_it_and_changes_nothing(conversations: Conversations) -> None:
    id_, ids = await turns(conversations, ("1", "one"), ("2", "two"), ("3", "three"))
    before = await conversations.messages(id_)
    await conversations.summarize(ids[3], "they \x1b[31mcounted", "m")
    after = await conversations.messages(id_)
    assert [message.text for message in after] == [message.text for message in before]
    assert [(m.sibling, m.siblings) for m in after] == [(1, 1)] * 6
    shown = shown_with(after)
    assert [message.covers for message in shown] == [0, 0, 0, 0, 4, 0, 0]
    assert (shown[4].text, shown[4].model, summarized(shown[4].id)) == ("they ␛[31mcounted", "m", ids[3])
    assert [(m.role, m.text) for m in build_context(after, "Be brief.")] == [
        ("system", "Be brief."), ("user", SUMMARY_REQUEST), ("assistant", "they ␛[31mcounted"),
        ("user", "3"), ("assistant", "three"),
    ]  # fmt: skip
    await conversations.reword_summary(ids[3], "they counted to two")
    assert shown_with(await conversations.messages(id_))[4].text == "they counted to two"
    await conversations.drop_summary(ids[3])
    assert await conversations.messages(id_) == before
    with pytest.raises(StoreError):
        await conversations.reword_summary(ids[3], "gone")


async def test_pinned_turns_are_read_beside_the_summary(conversations: Conversations) -> None:
    id_, ids = await turns(conversations, ("1", "one"), ("2", "two"), ("3", "three"))
    await conversations.pin(ids[0], True)
    await conversations.summarize(ids[3], "sum", "m")
    read = build_context(await conversations.messages(id_))
    assert [m.text for m in read] == ["1", "one", SUMMARY_REQUEST, "sum", "3", "three"]


async def test_branches_share_it_where_they_share_the_messages(conversations: Conversations) -> None:
    id_, ids = await turns(conversations, ("1", "one"), ("2", "two"))
    await conversations.summarize(ids[1], "one was said", "m")
    question, answer = await conversations.edit(ids[2], "2, reworded", "m")
    await conversations.finish(answer, "complete", text="zwei")
    assert [m.summary is not None for m in await conversations.messages(id_)] == [False, True, False, False]
    first, said = await conversations.edit(ids[0], "1, reworded", "m")
    await conversations.finish(said, "complete", text="eins")
    assert [m.summary for m in await conversations.messages(id_)] == [None, None]
    assert question != first


async def test_a_fork_has_its_own(conversations: Conversations) -> None:
    id_, ids = await turns(conversations, ("1", "one"), ("2", "two"))
    await conversations.summarize(ids[1], "one was said", "m")
    fork, short = await conversations.fork(ids[3]), await conversations.fork(ids[0])
    copied = await conversations.messages(fork)
    assert [m.summary.text if m.summary else "" for m in copied] == ["", "one was said", "", ""]
    assert [m.summary for m in await conversations.messages(short)] == [None]
    await conversations.drop_summary(ids[1])
    assert (await conversations.messages(fork))[1].summary == copied[1].summary
    assert (await conversations.messages(id_))[1].summary is None


async def test_an_export_tells_summaries_from_what_was_said(conversations: Conversations) -> None:
    id_, ids = await turns(conversations, ("1", "one"), ("2", "two"))
    await conversations.pin(ids[0], True)
    await conversations.summarize(ids[1], "one was said", "m")
    conversation = await conversations.get(id_)
    assert conversation is not None
    written = markdown(conversation, await conversations.messages(id_))
    assert "## Summary of 2 messages, by m · " in written
    headings = [line.split(" · ")[0] for line in written.splitlines() if line.startswith("## ")]
    assert headings == ["## You", "## m", "## Summary of 2 messages, by m", "## You", "## m"]
    assert "· pinned" in written.splitlines()[written.splitlines().index("1") - 2]


async def test_nothing_is_left_of_it_when_the_conversation_goes(
    conversations: Conversations, database: Database
) -> None:
    id_, ids = await turns(conversations, ("1", "one"))
    await conversations.summarize(ids[1], "one was said", "m")
    await conversations.delete(id_)
    await conversations.purge_deleted(2**62)
    assert not await database.read("SELECT * FROM summaries")
    await conversations.summarize(ids[1], "too late", "m")  # written while it went: it stands for nothing
    assert not await database.read("SELECT * FROM summaries")
