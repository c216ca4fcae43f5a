"""What differs in one conversation: written, read, and never in the way whatever the column holds."""

import asyncio
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lama_tui.conversations.messages import ConversationSettings
from lama_tui.conversations.rows import settings_from, settings_to
from lama_tui.errors import StoreError
from lama_tui.types import ConversationId

ALL = ConversationSettings("Be brief.\nAlways.", 0.2, 0.9, 500, "drop", False)

SETTINGS = st.builds(
    ConversationSettings,
    system=st.text(st.characters(exclude_categories=["C"]), max_size=200),
    temperature=st.none() | st.floats(0, 2),
    top_p=st.none() | st.floats(0.01, 1),
    max_tokens=st.none() | st.integers(1, 10_000_000),
    context=st.sampled_from([None, "refuse", "drop"]),
    thinking=st.none() | st.booleans(),
)


async def test_a_new_conversation_has_none_and_can_be_given_some(conversations):
    plain = await conversations.create("plain", "m")
    special = await conversations.create("special", "m", ALL)
    assert (await conversations.get(plain)).settings == ConversationSettings()
    assert (await conversations.get(special)).settings == ALL
    assert {found.title: found.settings for found in await conversations.list()} == {
        "plain": ConversationSettings(),
        "special": ALL,
    }


async def test_they_are_changed_and_taken_back(conversations):
    conversation = await conversations.create()
    await conversations.set_settings(conversation, ALL)
    await conversations.set_settings(conversation, replace(ALL, temperature=None, system=""))
    assert (await conversations.get(conversation)).settings == replace(ALL, temperature=None, system="")
    await conversations.set_settings(conversation, ConversationSettings())
    assert (await conversations.get(conversation)).settings == ConversationSettings()


async def test_keys_of_a_later_version_stay(conversations, database):
    conversation = await conversations.create()
    async with database.transaction() as connection:
        await connection.execute(
            "UPDATE conversations SET settings = ?", (json.dumps({"mood": {"calm": 1}, "temperature": 0.5}),)
        )
    assert (await conversations.get(conversation)).settings == ConversationSettings(temperature=0.5)
    await conversations.set_settings(conversation, ConversationSettings(top_p=0.5))
    rows = await database.read("SELECT settings FROM conversations")
    assert json.loads(rows[0]["settings"]) == {"mood": {"calm": 1}, "top_p": 0.5}


async def test_of_a_conversation_that_is_not_there(conversations):
    with pytest.raises(StoreError, match="no such conversation"):
        await conversations.set_settings(ConversationId(99), ALL)


async def test_two_changes_at_once_leave_one_of_them_whole(conversations):
    conversation = await conversations.create()
    others = [ConversationSettings(system=f"{number}", max_tokens=number) for number in range(1, 9)]
    await asyncio.gather(*(conversations.set_settings(conversation, settings) for settings in others))
    assert (await conversations.get(conversation)).settings in others


@given(SETTINGS)
def test_what_is_written_is_read(settings):
    assert settings_from(settings_to(settings)) == settings


@given(st.text() | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["system", "temperature", "top_p", "max_tokens", "context", "thinking", "x"]), inner
    ),
).map(json.dumps))  # fmt: skip
def test_whatever_the_column_holds_is_read_and_can_be_written_again(text):
    settings = settings_from(text)
    assert settings.temperature is None or 0 <= settings.temperature <= 2
    assert settings.top_p is None or 0 < settings.top_p <= 1
    assert settings.max_tokens is None or settings.max_tokens >= 1
    settings.system.encode()  # what cannot be encoded could not be sent
    assert settings_from(settings_to(settings, text)) == settings
