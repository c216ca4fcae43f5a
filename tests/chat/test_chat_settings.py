"""What a provider is asked for by a conversation that has settings of its own."""

from dataclasses import replace

from scripted import Scripted, says, until

from lama_tui.conversations.messages import ConversationSettings
from lama_tui.events import StreamFinished, StreamStarted, TextDelta, UsageUpdated
from lama_tui.types import ChatMessage, ModelParts, Place, Sampling, Usage


async def answered(chat, conversation, text):
    await chat.send(conversation, text, "m")
    await until(lambda: not chat.running_ids())


async def test_without_any_everything_is_left_open(chat_with, conversations):
    provider = Scripted(says("yes"))
    chat = chat_with(provider)
    await answered(chat, await conversations.create(), "Hi")
    request = provider.requests[0]
    assert request.sampling == Sampling()
    assert request.messages == (ChatMessage("user", "Hi"),)
    assert not request.drop_oldest


async def test_all_of_them_reach_the_provider(chat_with, conversations):
    provider = Scripted(says("yes"))
    chat = chat_with(provider)
    settings = ConversationSettings("Be brief.", 0.2, 0.9, 50, "drop", True, 40, 0.1, 1.1, 7, ("END", "\n\\"))
    settings = replace(settings, draft="small", adapter="/a", tokenizer="/t")
    await answered(chat, await conversations.create("", "m", settings), "Hi")
    request = provider.requests[0]
    assert request.sampling == Sampling(0.2, 50, 7, 0.9, True, 40, 0.1, 1.1, ("END", "\n\\"))
    assert request.messages == (ChatMessage("system", "Be brief."), ChatMessage("user", "Hi"))
    assert request.drop_oldest
    assert request.parts == ModelParts("small", "/a", "/t")


async def test_a_change_counts_from_the_next_answer_on(chat_with, conversations):
    provider = Scripted(says("one"), says("two"))
    chat = chat_with(provider)
    conversation = await conversations.create()
    await answered(chat, conversation, "1")
    await conversations.set_settings(conversation, ConversationSettings(system="Rhyme.", temperature=0))
    await answered(chat, conversation, "2")
    assert [request.sampling.temperature for request in provider.requests] == [None, 0]
    assert provider.requests[1].messages[0] == ChatMessage("system", "Rhyme.")
    assert [message.role for message in await conversations.messages(conversation)] == ["user", "assistant"] * 2


async def test_a_system_prompt_of_nothing_but_spaces_is_none(chat_with, conversations):
    provider = Scripted(says("yes"))
    chat = chat_with(provider)
    await answered(chat, await conversations.create("", "m", ConversationSettings(system=" \n ")), "Hi")
    assert [message.role for message in provider.requests[0].messages] == ["user"]


async def test_regenerating_and_continuing_follow_them_too(chat_with, conversations):
    provider = Scripted([TextDelta("half"), StreamFinished("length", Usage())], says(" more"), says("other"))
    chat = chat_with(provider)
    conversation = await conversations.create("", "m", ConversationSettings(system="Rhyme."))
    await answered(chat, conversation, "Hi")
    answer = (await conversations.messages(conversation))[-1].id
    await chat.resume(answer)
    await until(lambda: not chat.running_ids())
    await chat.regenerate(answer)
    await until(lambda: not chat.running_ids())
    assert [request.messages[0].role for request in provider.requests] == ["system"] * 3
    assert [request.prefix for request in provider.requests] == ["", "half", ""]


async def test_what_was_left_out_is_counted_in_messages_that_are_shown(chat_with, conversations):
    """An answer that says nothing is not sent, and the questions around it are sent as one."""
    figures = Usage(prompt_tokens=9, left_out=2)
    cut = [StreamStarted("m", Place("", True)), UsageUpdated(figures), TextDelta("ok"), StreamFinished("stop", figures)]
    provider = Scripted([RuntimeError("nothing")], says("first"), cut)
    chat = chat_with(provider)
    heard = []
    chat.subscribe(lambda conversation, message, event: heard.append(event))
    conversation = await conversations.create("", "m", ConversationSettings("Be brief.", context="drop"))
    for text in ("1", "2", "3"):
        await answered(chat, conversation, text)
    assert [m.text for m in provider.requests[2].messages] == ["Be brief.", "1\n\n2", "first", "3"]
    shown = await conversations.messages(conversation)
    assert [message.text for message in shown] == ["1", "", "2", "first", "3", "ok"]
    assert shown[-1].usage.left_out == 4  # everything before "3"
    told = [event.usage.left_out for event in heard if isinstance(event, UsageUpdated | StreamFinished)]
    assert told[-2:] == [4, 4]
