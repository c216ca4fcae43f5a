"""A conversation that is exported as JSON and read again loses nothing, and what others wrote harms nothing."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lama_tui.conversations.export import exported, is_json
from lama_tui.conversations.from_json import read_json
from lama_tui.conversations.messages import ConversationSettings, Message
from lama_tui.conversations.search import Search
from lama_tui.conversations.table import Conversations
from lama_tui.errors import OutOfMemoryError, StoreError
from lama_tui.store.database import Database
from lama_tui.types import ConversationId, Usage

USAGE = Usage(120, 100, 30, 12.5, 900.0, 45.25, 2**31, 4096, 2, 7)


async def full(conversations: Conversations) -> ConversationId:
    """One with everything: branches, figures, reasoning, calls, a failure, a pin and a summary."""
    chosen = ConversationSettings(system="Be brief.", temperature=0.5, context="drop", stop=("END",), seed=3)
    id_ = await conversations.create("Tools \x1b[31mand so on", "org/m", chosen)
    question, answer = await conversations.add_turn(id_, "What is `x`?\n\ttabbed", "org/m")
    await conversations.finish(
        answer, "complete", text="```py\nx\n```", reasoning="well", calls='look({"a": "``"})\nrun()',
        finish_reason="tool_calls", usage=USAGE,
    )  # fmt: skip
    other = await conversations.add_sibling(answer, "other")
    await conversations.finish(other, "failed", text="hal", error=OutOfMemoryError("Too big", "why", "what to do"))
    await conversations.select_sibling(answer, 0)
    _, last = await conversations.add_turn(id_, "and now?", "org/m")
    await conversations.finish(last, "stopped", text="日本 \U0001f600", finish_reason="cancelled")
    await conversations.pin(question, True)
    await conversations.summarize(answer, "They spoke of quasars.", "org/m")
    return id_


async def written(conversations: Conversations, id_: ConversationId, name: str) -> str:
    found = await conversations.get(id_)
    assert found is not None
    shown, tree = await conversations.messages(id_), await conversations.tree(id_)
    return exported(found, shown, tree, json=is_json(Path(name)))


def comparable(messages: tuple[Message, ...]) -> list[Message]:
    """As they are but for the numbers, which are new."""
    places = {message.id: place for place, message in enumerate(messages)}
    return [
        replace(m, id=place, conversation=0, parent=places.get(m.parent))  # type: ignore[arg-type]
        for place, m in enumerate(messages)
    ]


async def test_nothing_is_lost(conversations: Conversations, database: Database) -> None:
    id_ = await full(conversations)
    text = await written(conversations, id_, "x.json")
    assert text.isascii()
    first = json.loads(text)["messages"][1]
    assert first["usage"] == {
        "prompt_tokens": 120, "cached_tokens": 100, "completion_tokens": 30, "ttft_ms": 12.5, "prefill_tok_s": 900.0,
        "decode_tok_s": 45.25, "peak_memory": 2**31, "context_window": 4096, "left_out": 2, "accepted_tokens": 7,
    }  # fmt: skip
    assert (first["calls"], first["reasoning"]) == (['look({"a": "``"})', "run()"], "well")
    copy = await conversations.add_imported(read_json(text))
    assert copy != id_
    for branch in (conversations.tree, conversations.messages):
        assert comparable(await branch(copy)) == comparable(await branch(id_))
    before, after = await conversations.get(id_), await conversations.get(copy)
    assert before is not None and after == replace(before, id=copy)
    assert json.loads(await written(conversations, copy, "X.JSON"))["settings"] == json.loads(text)["settings"]
    assert len((await Search(database).find("quasars")).hits) == 2  # it is in the index, too


async def test_markdown_tells_of_calls_pins_and_summaries_where_they_stand(conversations: Conversations) -> None:
    text = await written(conversations, await full(conversations), "x.md")
    calls = 'Asked for tools, which lama does not run:\n\n```\nlook({"a": "``"})\nrun()\n```'
    order = [" · pinned\n", "```py\nx\n```", calls, "## Summary of 2 messages, by org/m", "quasars", "and now?"]
    places = [text.index(piece) for piece in order]
    assert places == sorted(places)


HEAD: dict[str, Any] = {"format": "lama-conversation", "version": 1}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no JSON"), ("[" * 100_000, "no JSON"), ("[]", "format"), ('{"format": "other"}', "format"),
        (json.dumps(HEAD | {"version": 2}), "version is 2"), (json.dumps(HEAD), "no list"),
        (json.dumps(HEAD | {"messages": [1]}), "message 1 has no id"),
        (json.dumps(HEAD | {"messages": [{"id": 1, "role": "robot"}]}), "no known role"),
        (json.dumps(HEAD | {"messages": [{"id": 1, "role": ["user"]}]}), "no known role"),
        (json.dumps(HEAD | {"messages": [{"id": 1, "role": "user", "parent": 1}]}), "follows one that"),
        (json.dumps(HEAD | {"messages": 2 * [{"id": 1, "role": "user"}]}), "message 2 has no id"),
    ],
)  # fmt: skip
def test_what_is_no_conversation_says_why(text: str, why: str) -> None:
    with pytest.raises(StoreError, match=f"(?i){why}"):
        read_json(text)


odd = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9) | st.just("\ud800\x1b[2J"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
KEYS = ["model", "created", "finish_reason", "text", "reasoning", "calls", "pinned", "summary", "error", "usage"]


@pytest.mark.slow
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(KEYS, odd)),
    st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("title", "model", "created", "updated", "settings", "head"), odd)
    ),
)
async def test_odd_values_are_left_out_and_what_is_kept_can_be_shown(
    conversations: Conversations, message: dict[str, Any], outside: dict[str, Any]
) -> None:
    text = json.dumps(HEAD | outside | {"messages": [{"id": 7, "role": "assistant", "state": "streaming"} | message]})
    try:
        imported = read_json(text)
    except StoreError:
        return
    id_ = await conversations.add_imported(imported)
    (kept,) = await conversations.tree(id_)
    assert kept.state == "interrupted" and "\x1b" not in kept.text
    await written(conversations, id_, "x.md")
    assert read_json(await written(conversations, id_, "x.json")) is not None
