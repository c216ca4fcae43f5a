"""Other wordings and forks: nothing is overwritten, nothing of the old conversation changes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lama_tui.conversations.branches import _forked
from lama_tui.conversations.messages import ConversationSettings
from lama_tui.conversations.table import Conversations
from lama_tui.errors import StoreError
from lama_tui.store.database import Database
from lama_tui.types import MessageId, Usage


@pytest.fixture
def conversations(database: Database) -> Conversations:
    return Conversations(database)


async def two_turns(conversations: Conversations):  # type: ignore[no-untyped-def]
    """A conversation of two turns, both answered; its id and those of its messages."""
    id_ = await conversations.create("A title", "model-a", ConversationSettings(system="Be brief.", temperature=0.3))
    first, one = await conversations.add_turn(id_, "first question", "model-a")
    await conversations.finish(one, "complete", text="one", reasoning="hm", usage=Usage(prompt_tokens=3))
    second, two = await conversations.add_turn(id_, "second question", "model-a")
    await conversations.finish(two, "stopped", text="two")
    return id_, [first, one, second, two]


async def test_another_wording_stands_beside_the_old_one(conversations: Conversations) -> None:
    id_, (first, one, second, _) = await two_turns(conversations)
    question, answer = await conversations.edit(second, "second, \x1b[31mreworded", "model-b")
    shown = await conversations.messages(id_)
    assert [message.id for message in shown] == [first, one, question, answer]
    assert shown[2].text == "second, ␛[31mreworded"
    assert (shown[2].sibling, shown[2].siblings) == (2, 2)
    assert shown[3].state == "streaming"
    await conversations.finish(answer, "complete", text="new two")
    await conversations.select_sibling(question, -1)
    assert [message.text for message in await conversations.messages(id_)] == [
        "first question", "one", "second question", "two",
    ]  # fmt: skip


async def test_the_first_question_in_other_words(conversations: Conversations) -> None:
    id_, (first, *_) = await two_turns(conversations)
    question, answer = await conversations.edit(first, "first, reworded", "model-a")
    shown = await conversations.messages(id_)
    assert [message.id for message in shown] == [question, answer]
    assert shown[0].parent is None
    assert (shown[0].sibling, shown[0].siblings) == (2, 2)


@pytest.mark.parametrize("which", [1, 3])
async def test_an_answer_is_not_edited(conversations: Conversations, which: int) -> None:
    id_, messages = await two_turns(conversations)
    before = await conversations.messages(id_)
    with pytest.raises(StoreError):
        await conversations.edit(messages[which], "text", "m")
    assert await conversations.messages(id_) == before


async def test_a_fork_copies_up_to_the_message_and_leaves_the_rest_alone(conversations: Conversations) -> None:
    id_, (first, one, second, two) = await two_turns(conversations)
    before = await conversations.messages(id_)
    fork = await conversations.fork(second)
    assert await conversations.messages(id_) == before
    found = await conversations.get(fork)
    assert found is not None
    assert (found.title, found.model) == ("A title (fork)", "model-a")
    assert found.settings == ConversationSettings(system="Be brief.", temperature=0.3)
    copies = await conversations.messages(fork)
    assert [(c.role, c.text, c.reasoning, c.state, c.usage, c.created) for c in copies] == [
        (m.role, m.text, m.reasoning, m.state, m.usage, m.created) for m in before[:3]
    ]
    assert [copy.parent for copy in copies] == [None, copies[0].id, copies[1].id]
    assert not {copy.id for copy in copies} & {first, one, second, two}
    # both go on independently, and new ids collide with none
    _, answer = await conversations.add_turn(fork, "elsewhere", "model-a")
    await conversations.finish(answer, "complete", text="there")
    await conversations.add_turn(id_, "here", "model-a")
    assert len(await conversations.messages(fork)) == 5
    assert len(await conversations.messages(id_)) == 6


async def test_a_fork_of_a_running_answer_is_an_interrupted_one(conversations: Conversations) -> None:
    id_ = await conversations.create("", "m")
    _, answer = await conversations.add_turn(id_, "question", "m")
    await conversations.checkpoint(answer, "so far", "thought")
    fork = await conversations.fork(answer)
    copy = (await conversations.messages(fork))[-1]
    assert (copy.state, copy.text, copy.reasoning) == ("interrupted", "so far", "thought")
    await conversations.finish(answer, "complete", text="so far and further")
    assert (await conversations.messages(fork))[-1].text == "so far"
    assert (await conversations.messages(id_))[-1].text == "so far and further"


async def test_a_fork_of_a_branch_that_is_not_shown(conversations: Conversations) -> None:
    _, (_, _, second, _) = await two_turns(conversations)
    await conversations.edit(second, "other words", "m")
    fork = await conversations.fork(second)
    assert [message.text for message in await conversations.messages(fork)][-1] == "second question"


async def test_what_is_forked_is_found(conversations: Conversations, database: Database) -> None:
    _, (_, one, _, _) = await two_turns(conversations)
    await conversations.fork(one)
    rows = await database.read("SELECT count(*) FROM parts_index WHERE parts_index MATCH 'one'")
    assert rows[0][0] == 2


async def test_nothing_is_forked_of_nothing(conversations: Conversations) -> None:
    before = await conversations.list()
    with pytest.raises(StoreError):
        await conversations.fork(MessageId(99))
    assert await conversations.list() == before


async def test_a_long_conversation_is_forked_at_once(conversations: Conversations, database: Database) -> None:
    id_ = await conversations.create("long", "m")
    async with database.transaction() as connection:
        await connection.executemany(
            "INSERT INTO messages (id, conversation_id, parent_id, role, state, created)"
            " VALUES (?, ?, ?, ?, 'complete', 0)",
            [(n, id_, n - 1 or None, "user" if n % 2 else "assistant") for n in range(1, 3001)],
        )
        await connection.executemany(
            "INSERT INTO parts (message_id, ordinal, kind, text) VALUES (?, 1, 'text', ?)",
            [(n, f"text {n}") for n in range(1, 3001)],
        )
    fork = await conversations.fork(MessageId(2500))
    copies = await conversations.messages(fork)
    assert [copy.text for copy in copies] == [f"text {n}" for n in range(1, 2501)]


@given(st.text(max_size=400))
@settings(max_examples=100, deadline=None)
def test_titles_of_forks(title: str) -> None:
    forked = _forked(title)
    assert forked.endswith(" (fork)")
    assert len(forked) <= 200
    assert _forked(forked).count(" (fork)") == max(1, forked.count(" (fork)"))
