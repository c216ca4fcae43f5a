"""The conversation tables on a real database."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lama_tui.conversations.clock import now
from lama_tui.conversations.titles import title_from
from lama_tui.errors import AuthError, StoreError
from lama_tui.store.database import Database
from lama_tui.types import ConversationId, Usage


async def search(database: Database, words: str) -> list[str]:
    """The texts that the index finds."""
    return [
        row["text"]
        for row in await database.read(
            "SELECT p.text FROM parts_index i JOIN parts p ON p.id = i.rowid WHERE parts_index MATCH ? ORDER BY p.id",
            (words,),
        )
    ]


async def test_the_list_is_newest_first_without_the_deleted(conversations):
    one, two, three = [await conversations.create(title) for title in ("one", "two", "three")]
    while now() <= (await conversations.get(three)).updated:
        pass  # times are milliseconds
    await conversations.add_turn(one, "newest words", "m")
    assert [found.id for found in await conversations.list()] == [one, three, two]
    assert (await conversations.last()).id == one
    await conversations.delete(one)
    assert [found.id for found in await conversations.list()] == [three, two]
    assert (await conversations.last()).id == three
    await conversations.restore(one)
    assert (await conversations.last()).id == one
    assert [message.text for message in await conversations.messages(one)] == ["newest words", ""]


async def test_what_is_said_in_a_deleted_conversation_brings_it_back(conversations):
    """Another window deleted it meanwhile; what is said there would be purged a day later."""
    one = await conversations.create("one")
    await conversations.delete(one)
    question, answer = await conversations.add_turn(one, "first", "m")
    assert [found.id for found in await conversations.list()] == [one]
    await conversations.delete(one)
    await conversations.add_sibling(answer, "m")
    assert [found.id for found in await conversations.list()] == [one]
    await conversations.delete(one)
    await conversations.edit(question, "other", "m")
    assert [found.id for found in await conversations.list()] == [one]


async def test_an_empty_database_has_no_last(conversations):
    assert await conversations.last() is None
    assert await conversations.get(1) is None
    assert await conversations.find("x") is None


async def test_find_by_id_then_by_the_beginning_of_the_title(conversations):
    one = await conversations.create("Ünique title")
    two = await conversations.create(f"{one} is a number")
    assert (await conversations.find(str(one))).id == one
    assert (await conversations.find("üNIQUE")).id == one
    assert (await conversations.find(f"{one} is")).id == two
    assert await conversations.find("title") is None
    assert await conversations.find("") is None


async def test_titles_are_lines_and_stay_when_given(conversations):
    conversation = await conversations.create()
    await conversations.add_turn(conversation, "  What\nis \x1b[31mthis? ", "m")
    assert (await conversations.get(conversation)).title == "What is ␛[31mthis?"
    await conversations.rename(conversation, "Mine\n")
    await conversations.add_turn(conversation, "another", "m")
    assert (await conversations.get(conversation)).title == "Mine"


@given(st.text())
def test_a_title_is_one_short_line_that_begins_the_text(text):
    title = title_from(text)
    assert len(title) <= 60
    assert "\n" not in title
    assert title == " ".join(title.split())


def test_a_title_is_cut_between_words():
    assert title_from("word " * 30) == "word word word word word word word word word word word word…"
    assert title_from("x" * 100) == "x" * 59 + "…"
    assert title_from("short") == "short"


async def test_marks(conversations):
    conversation = await conversations.create()
    await conversations.mark_unseen(conversation)
    assert (await conversations.get(conversation)).unseen
    await conversations.mark_seen(conversation)
    assert not (await conversations.get(conversation)).unseen
    await conversations.set_model(conversation, "work:large")
    assert (await conversations.get(conversation)).model == "work:large"


async def test_everything_of_an_answer_comes_back(conversations):
    conversation = await conversations.create()
    _, answer = await conversations.add_turn(conversation, "q", "m")
    usage = Usage(10, 5, 20, 12.5, 300.25, 80.5, 1 << 33, 4096)
    await conversations.finish(
        answer,
        "failed",
        text="half",
        reasoning="because",
        finish_reason="length",
        usage=usage,
        error=AuthError("No key", "401", "Set one."),
    )
    said = (await conversations.messages(conversation))[-1]
    assert (said.text, said.reasoning, said.usage, said.finish_reason) == ("half", "because", usage, "length")
    assert (said.error.kind, said.error.title, said.error.detail, said.error.hint) == (
        "auth",
        "No key",
        "401",
        "Set one.",
    )
    assert [part.kind for part in said.parts] == ["reasoning", "text"]


async def test_an_answer_that_ended_is_written_no_more(conversations):
    conversation = await conversations.create()
    _, answer = await conversations.add_turn(conversation, "q", "m")
    await conversations.finish(answer, "complete", text="whole")
    await conversations.checkpoint(answer, "late", "")
    await conversations.finish(answer, "failed", text="later")
    said = (await conversations.messages(conversation))[-1]
    assert (said.text, said.state) == ("whole", "complete")


async def test_siblings_and_the_branches_below_them(conversations):
    conversation = await conversations.create()
    question, first = await conversations.add_turn(conversation, "q", "m")
    await conversations.finish(first, "complete", text="first")
    _, below = await conversations.add_turn(conversation, "q2", "m")
    await conversations.finish(below, "complete", text="below")
    second = await conversations.add_sibling(first, "m")
    await conversations.finish(second, "complete", text="second")
    shown = await conversations.messages(conversation)
    assert [(m.id, m.sibling, m.siblings) for m in shown] == [(question, 1, 1), (second, 2, 2)]
    await conversations.select_sibling(second, -1)
    assert [m.text for m in await conversations.messages(conversation)] == ["q", "first", "q2", "below"]
    await conversations.select_sibling(first, -5)  # stops at the first
    assert (await conversations.messages(conversation))[1].id == first
    await conversations.select_sibling(first, 5)
    assert (await conversations.messages(conversation))[-1].id == second


async def test_what_is_not_there_is_an_error(conversations):
    for attempt in (
        conversations.add_turn(99, "q", "m"),
        conversations.add_sibling(99, "m"),
        conversations.select_sibling(99, 1),
        conversations.resume(99),
    ):
        with pytest.raises(StoreError):
            await attempt
    question, _ = await conversations.add_turn(await conversations.create(), "q", "m")
    with pytest.raises(StoreError, match="no such answer"):
        await conversations.add_sibling(question, "m")


async def test_an_answer_streams_in_one_place_only(paths, conversations):
    conversation = await conversations.create()
    _, answer = await conversations.add_turn(conversation, "q", "m")
    with pytest.raises(StoreError, match="cannot be continued"):
        await conversations.resume(answer)


async def test_the_index_follows_every_change(database, conversations):
    conversation = await conversations.create()
    _, answer = await conversations.add_turn(conversation, "Where is the café?", "m")
    assert await search(database, "cafe") == ["Where is the café?"]
    await conversations.checkpoint(answer, "around the", "")
    assert await search(database, "around") == []  # not while it streams
    await conversations.finish(answer, "stopped", text="around the")
    assert await search(database, "around") == ["around the"]
    await conversations.resume(answer)
    assert await search(database, "around") == []
    await conversations.finish(answer, "complete", text="around the corner")
    assert await search(database, "around corner") == ["around the corner"]
    async with database.transaction() as connection:
        await connection.execute("UPDATE parts SET text = 'straight on' WHERE message_id = ?", (answer,))
    assert await search(database, "corner") == []
    assert await search(database, "straight") == ["straight on"]
    async with database.transaction() as connection:
        await connection.execute("INSERT INTO parts_index (parts_index, rank) VALUES ('integrity-check', 1)")
        await connection.execute("DELETE FROM conversations WHERE id = ?", (conversation,))
        await connection.execute("INSERT INTO parts_index (parts_index, rank) VALUES ('integrity-check', 1)")
    assert await search(database, "straight OR cafe") == []
    assert not await database.read("SELECT * FROM messages")


async def test_recover_takes_only_what_dead_instances_streamed(paths, database, conversations):
    from lama_tui.conversations.table import Conversations

    conversation = await conversations.create()
    _, mine = await conversations.add_turn(conversation, "mine", "m")
    other = await Database.open(paths)
    _, theirs = await Conversations(other).add_turn(await conversations.create(), "theirs", "m")
    assert await conversations.recover() == 0
    await other.close()
    # as a crash leaves it: the pid lives (it is ours), the instance does not
    assert await conversations.recover() == 1
    states = [(await conversations.thread(answer))[-1].state for answer in (mine, theirs)]
    assert states == ["streaming", "interrupted"]
    assert [found.interrupted for found in await conversations.list()] == [True, False]
    await conversations.resume(theirs)
    await conversations.finish(theirs, "complete", text="continued")
    assert not any(found.interrupted for found in await conversations.list())


async def test_what_waits_is_taken_once_and_goes_with_its_conversation(conversations):
    one, two = await conversations.create(), await conversations.create()
    first = await conversations.enqueue(one, "a\x1b[0mb", "m")
    second = await conversations.enqueue(two, "c", "n")
    third = await conversations.enqueue(one, "d", "m")
    assert await conversations.queued() == (first, second, third)
    assert (first.text, second.model) == ("a\u241b[0mb", "n")
    assert await conversations.dequeue(third)
    assert not await conversations.dequeue(third)
    again = await conversations.enqueue(one, "e", "m")
    assert again.ordinal > third.ordinal
    question, answer = await conversations.add_queued_turn(first)
    path = await conversations.messages(one)
    assert [(message.id, message.text) for message in path] == [(question, first.text), (answer, "")]
    assert await conversations.add_queued_turn(first) is None
    assert len(await conversations.messages(one)) == 2
    with pytest.raises(StoreError):
        await conversations.enqueue(ConversationId(99), "nowhere", "m")
    await conversations.delete(one)
    assert await conversations.queued() == (second, again)
    await conversations.purge_deleted(now() + 1)
    assert await conversations.queued() == (second,)
