"""What was written before."""

from lama_tui.conversations.pasted import block
from lama_tui.conversations.prompts import Prompts
from lama_tui.conversations.table import Conversations
from lama_tui.store.database import Database


async def test_distinct_texts_newest_first(database: Database, conversations: Conversations) -> None:
    prompts = Prompts(database)
    assert await prompts.newest(10) == ()
    one, two = await conversations.create(), await conversations.create()
    for conversation, text in ((one, "a"), (two, "b"), (one, "c"), (two, "a")):
        _, answer = await conversations.add_turn(conversation, text, "m")
        await conversations.finish(answer, "complete", text=f"answer to {text}")
    found = await prompts.newest(10)
    assert [prompt.text for prompt in found] == ["a", "c", "b"]
    assert found[0].sent >= found[1].sent >= found[2].sent > 0
    assert [prompt.text for prompt in await prompts.newest(2)] == ["a", "c"]
    await conversations.delete(two)
    assert [prompt.text for prompt in await prompts.newest(10)] == ["c", "a"]


async def test_pasted_blocks_come_back(database: Database, conversations: Conversations) -> None:
    one = await conversations.create()
    text = f"see {block('x' * 3000)}and {block('y')}"
    _, answer = await conversations.add_turn(one, text, "m")
    assert [prompt.text for prompt in await Prompts(database).newest(10)] == [text]
    # also from the queue
    await conversations.finish(answer, "complete", text="yes")
    queued = await conversations.enqueue(one, f"then {text}", "m")
    assert await conversations.add_queued_turn(queued) is not None
    assert (await Prompts(database).newest(1))[0].text == f"then {text}"
