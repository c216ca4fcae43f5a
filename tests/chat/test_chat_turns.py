"""Turns against a real database and a scripted provider."""

import asyncio
from dataclasses import replace

import pytest
from scripted import Scripted, says, until

from lama_tui.chat.chat import Chat
from lama_tui.errors import AuthError, InferenceError, ModelNotFoundError, StoreError
from lama_tui.events import (
    ModelLoaded,
    ModelLoading,
    PromptProgress,
    ReasoningDelta,
    StreamFailed,
    StreamFinished,
    TextDelta,
    TurnStarted,
    UsageUpdated,
)
from lama_tui.types import ChatMessage, Usage

ENDS = (StreamFinished, StreamFailed)


class Heard(list):
    """What a listener heard: (conversation, message, event)."""

    def __call__(self, conversation, message, event):
        self.append((conversation, message, event))

    def ends(self):
        return [event for _, _, event in self if isinstance(event, ENDS)]


def listen(chat):
    heard = Heard()
    chat.subscribe(heard)
    return heard


async def test_an_answer_is_streamed_saved_and_ended_once(chat_with, conversations):
    usage = Usage(prompt_tokens=3, completion_tokens=2)
    chat = chat_with(Scripted(says("Hel", "lo", usage=usage)))
    heard = listen(chat)
    conversation = await conversations.create()
    answer = await chat.send(conversation, "Hi there", "guide")
    await until(heard.ends)
    assert isinstance(heard[0][2], TurnStarted)
    assert [event.text for _, _, event in heard if isinstance(event, TextDelta)] == ["Hel", "lo"]
    assert heard[-1] == (conversation, answer, StreamFinished("stop", usage))
    question, said = await conversations.messages(conversation)
    assert (question.text, question.state) == ("Hi there", "complete")
    assert (said.id, said.text, said.state, said.usage, said.finish_reason) == (
        answer,
        "Hello",
        "complete",
        usage,
        "stop",
    )
    assert (await conversations.get(conversation)).title == "Hi there"


async def test_the_end_is_told_when_it_is_saved_and_no_longer_running(chat_with, conversations, paths):
    import sqlite3

    chat = chat_with(Scripted(says("done")))
    conversation = await conversations.create()
    seen = []

    def look(_, message, event):
        if isinstance(event, ENDS):
            with sqlite3.connect(paths.database) as other:
                seen.append(other.execute("SELECT state FROM messages WHERE id = ?", (message,)).fetchone()[0])
            other.close()
            seen.append(chat.running(conversation))

    chat.subscribe(look)
    await chat.send(conversation, "q", "m")
    await until(lambda: len(seen) == 2)
    assert seen == ["complete", None]


async def test_progress_shows_each_phase(chat_with, conversations):
    gates = [asyncio.Event() for _ in range(5)]
    script = [
        gates[0],
        ModelLoading("m", 5, 10),
        gates[1],
        ModelLoaded("m", "cpu", 10, 100, 0.1),
        PromptProgress(3, 9),
        gates[2],
        ReasoningDelta("hm"),
        TextDelta("a"),
        UsageUpdated(Usage(prompt_tokens=9)),
        gates[3],
        StreamFinished("length", Usage(prompt_tokens=9)),
    ]
    provider = Scripted(script)
    chat = chat_with(provider)
    conversation = await conversations.create()
    answer = await chat.send(conversation, "q", "m")
    expected = [("waiting", 0, 0), ("loading", 5, 10), ("prefill", 3, 9), ("streaming", 0, 0)]
    for gate, phase in zip(gates, expected, strict=False):
        await until(lambda phase=phase: (p := chat.running(conversation)) and (p.phase, p.done, p.total) == phase)
        progress = chat.running(conversation)
        gate.set()
    assert (progress.message, progress.text, progress.reasoning, progress.usage.prompt_tokens) == (answer, "a", "hm", 9)
    await until(lambda: not chat.running_ids())
    assert (await conversations.thread(answer))[-1].reasoning == "hm"


async def test_the_context_is_the_path_without_silent_answers(chat_with, conversations):
    provider = Scripted(says("one"), [AuthError("no key")], [TextDelta("half"), AuthError("no key")], says("four"))
    chat = chat_with(provider)
    heard = listen(chat)
    conversation = await conversations.create()
    for number, text in enumerate(("1", "2", "3", "4"), 1):
        await chat.send(conversation, text, "m")
        await until(lambda n=number: len(heard.ends()) == n)
    assert provider.requests[-1].messages == (
        ChatMessage("user", "1"),
        ChatMessage("assistant", "one"),
        ChatMessage("user", "2\n\n3"),
        ChatMessage("assistant", "half"),
        ChatMessage("user", "4"),
    )


async def test_a_failure_keeps_the_text_and_the_error(chat_with, conversations):
    error = AuthError("Key refused", "The server said 401.", "Set another key.")
    chat = chat_with(Scripted([TextDelta("part"), error]))
    heard = listen(chat)
    conversation = await conversations.create()
    answer = await chat.send(conversation, "q", "m")
    await until(heard.ends)
    assert heard.ends() == [StreamFailed(error)]
    said = (await conversations.messages(conversation))[-1]
    assert (said.id, said.text, said.state) == (answer, "part", "failed")
    assert (said.error.kind, said.error.title, said.error.hint) == ("auth", "Key refused", "Set another key.")


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        ([StreamFailed(InferenceError("no"))], "inference"),
        ([TextDelta("x")], "connection"),  # ended without an end
        ([ZeroDivisionError("boom")], "inference"),
    ],
)
async def test_every_way_to_fail_ends_the_turn(chat_with, conversations, script, kind):
    chat = chat_with(Scripted(script))
    heard = listen(chat)
    conversation = await conversations.create()
    await chat.send(conversation, "q", "m")
    await until(heard.ends)
    assert [event.error.kind for event in heard.ends()] == [kind]
    assert (await conversations.messages(conversation))[-1].error.kind == kind


async def test_a_model_that_is_not_there_fails_the_turn_and_keeps_the_question(conversations):
    def nowhere(model):
        raise ModelNotFoundError(f"There is no model {model}")

    chat = Chat(conversations, nowhere)
    heard = listen(chat)
    conversation = await conversations.create()
    await chat.send(conversation, "q", "nope")
    await until(heard.ends)
    question, said = await conversations.messages(conversation)
    assert (question.text, said.error.title) == ("q", "There is no model nope")
    await chat.close()


async def test_stop_keeps_the_text_and_stops_the_provider(chat_with, conversations):
    provider = Scripted([TextDelta("so far"), asyncio.Event()])
    chat = chat_with(provider)
    heard = listen(chat)
    conversation = await conversations.create()
    await chat.send(conversation, "q", "m")
    await until(lambda: chat.running(conversation).text)
    await chat.stop(conversation)
    assert (provider.ended, chat.running(conversation)) == (1, None)
    assert [event.reason for event in heard.ends()] == ["cancelled"]
    said = (await conversations.messages(conversation))[-1]
    assert (said.text, said.state) == ("so far", "stopped")


async def test_stop_at_once_after_send(chat_with, conversations):
    chat = chat_with(Scripted([asyncio.Event()]))
    conversation = await conversations.create()
    sending = asyncio.create_task(chat.send(conversation, "q", "m"))
    await asyncio.sleep(0)
    await chat.stop(conversation)
    await sending
    assert (await conversations.messages(conversation))[-1].state == "stopped"


async def test_a_provider_that_ignores_cancelling_cannot_hold_the_turn(chat_with, conversations):
    gate = asyncio.Event()
    provider = Scripted([TextDelta("kept"), gate, TextDelta(" and late"), StreamFinished("stop", Usage())], deaf=True)
    chat = chat_with(provider)
    heard = listen(chat)
    conversation = await conversations.create()
    await chat.send(conversation, "q", "m")
    await until(lambda: chat.running(conversation).text)
    await chat.stop(conversation)
    gate.set()
    await until(lambda: provider.ended)
    assert (await conversations.messages(conversation))[-1].text == "kept"
    assert [event.text for _, _, event in heard if isinstance(event, TextDelta)] == ["kept"]


async def test_resume_continues_exactly_where_it_stopped(chat_with, conversations):
    provider = Scripted([TextDelta("Once upon"), asyncio.Event()], says(" a time"))
    chat = chat_with(provider)
    heard = listen(chat)
    conversation = await conversations.create()
    answer = await chat.send(conversation, "story", "m")
    await until(lambda: chat.running(conversation).text)
    await chat.stop(conversation)
    assert await chat.resume(answer) == answer
    await until(lambda: len(heard.ends()) == 2)
    assert provider.requests[-1].prefix == "Once upon"
    assert provider.requests[-1].messages == (ChatMessage("user", "story"),)
    said = (await conversations.messages(conversation))[-1]
    assert (said.text, said.state, said.siblings) == ("Once upon a time", "complete", 1)


@pytest.mark.parametrize(("said", "kept"), [("half", "old new"), ("", "new")])
async def test_resume_keeps_the_reasoning_only_with_a_text_to_go_on_from(chat_with, conversations, said, kept):
    begins = [ReasoningDelta("old "), TextDelta(said), asyncio.Event()]
    chat = chat_with(Scripted(begins, [ReasoningDelta("new"), *says(" whole")]))
    heard = listen(chat)
    conversation = await conversations.create()
    answer = await chat.send(conversation, "q", "m")
    await until(lambda: chat.running(conversation).reasoning)
    await chat.stop(conversation)
    await chat.resume(answer)
    await until(lambda: len(heard.ends()) == 2)
    message = (await conversations.thread(answer))[-1]
    assert (message.text, message.reasoning) == (f"{said} whole", kept)


async def test_regenerate_makes_a_sibling_with_the_conversations_model(chat_with, conversations):
    provider = Scripted(says("first"), says("second"))
    chat = chat_with(provider)
    heard = listen(chat)
    conversation = await conversations.create()
    first = await chat.send(conversation, "q", "small")
    await until(lambda: len(heard.ends()) == 1)
    await conversations.set_model(conversation, "large")
    second = await chat.regenerate(first)
    await until(lambda: len(heard.ends()) == 2)
    said = (await conversations.messages(conversation))[-1]
    assert (said.id, said.text, said.model, said.sibling, said.siblings) == (second, "second", "large", 2, 2)
    assert provider.requests[1].messages == provider.requests[0].messages
    assert (await conversations.thread(first))[-1].text == "first"


async def test_one_turn_a_conversation_but_many_conversations(chat_with, conversations):
    gate = asyncio.Event()
    chat = chat_with(Scripted([TextDelta("x"), gate, StreamFinished("stop", Usage())]))
    one, two = await conversations.create(), await conversations.create()
    answer = await chat.send(one, "a", "m")
    await chat.send(two, "b", "m")
    assert chat.running_ids() == {one, two}
    with pytest.raises(InferenceError):
        await chat.regenerate(answer)
    with pytest.raises(InferenceError):
        await chat.resume(answer)
    gate.set()
    await until(lambda: not chat.running_ids())


async def test_queued_messages_follow_a_good_answer_in_order(chat_with, conversations):
    gate = asyncio.Event()
    provider = Scripted([gate, StreamFinished("stop", Usage())], says("b"), says("c"))
    chat = chat_with(provider)
    heard = listen(chat)
    conversation = await conversations.create()
    # all three before the first is even written
    results = await asyncio.gather(*(chat.send(conversation, text, "m") for text in ("1", "2", "3")))
    assert results[1:] == [None, None]
    assert chat.queued(conversation) == ("2", "3")
    assert await chat.take_queued(conversation) == "3"
    await chat.send(conversation, "three", "m")
    gate.set()
    await until(lambda: len(heard.ends()) == 3)
    assert chat.queued(conversation) == ()
    path = await conversations.messages(conversation)
    assert [message.text for message in path if message.role == "user"] == ["1", "2", "three"]


@pytest.mark.parametrize("how", ["stop", "failure"])
async def test_the_queue_waits_after_stop_and_failure(chat_with, conversations, how):
    gate = asyncio.Event()
    provider = Scripted([gate, InferenceError("no")], says("ok"))
    chat = chat_with(provider)
    heard = listen(chat)
    conversation = await conversations.create()
    await chat.send(conversation, "1", "m")
    await chat.send(conversation, "2", "m")
    await until(lambda: provider.requests)
    if how == "stop":
        await chat.stop(conversation)
    else:
        gate.set()
    await until(heard.ends)
    assert chat.queued(conversation) == ("2",)
    assert not chat.running_ids()
    await chat.send(conversation, "1b", "m")
    await until(lambda: len(heard.ends()) == 3)
    path = await conversations.messages(conversation)
    assert [message.text for message in path if message.role == "user"] == ["1", "1b", "2"]


async def test_what_waits_outlives_the_program_and_is_sent_when_asked_for(chat_with, conversations):
    first = chat_with(Scripted([asyncio.Event()]))
    conversation, other = await conversations.create(), await conversations.create()
    await first.send(other, "x", "m")
    await first.send(other, "elsewhere", "m")
    for text, model in (("1", "a"), ("2", "b\x1b"), ("3", "c"), ("4", "d")):
        await first.send(conversation, text, model)
    assert await first.take_queued(conversation) == "4"
    await first.close()

    provider = Scripted(says("ok"))
    chat = chat_with(provider)
    await chat.load()
    heard = listen(chat)
    assert chat.queued(conversation) == ("2", "3")
    assert not chat.running_ids()
    assert await chat.send_queued(conversation) is not None
    assert chat.queued(conversation) == ("3",)
    await until(lambda: len(heard.ends()) == 2)  # and the other one follows
    path = await conversations.messages(conversation)
    assert [message.text for message in path if message.role == "user"] == ["1", "2", "3"]
    assert [message.model for message in path if message.role == "assistant"] == ["a", "b\x1b", "c"]
    assert await chat.send_queued(conversation) is None
    assert await chat.take_queued(conversation) is None
    assert [queued.text for queued in await conversations.queued()] == ["elsewhere"]


async def test_a_message_that_is_being_queued_as_the_answer_ends_is_sent(chat_with, conversations, database):
    gate = asyncio.Event()
    chat = chat_with(Scripted([gate, StreamFinished("stop", Usage())], says("second")))
    heard = listen(chat)
    conversation = await conversations.create()
    await chat.send(conversation, "1", "m")
    async with database.transaction():  # until it ends, first the answer's end waits to be saved, then the message
        gate.set()
        await until(lambda: chat.running(conversation).phase == "saving")
        sending = asyncio.create_task(chat.send(conversation, "2", "m"))
        await asyncio.sleep(0)
        assert chat.queued(conversation) == ()
    assert await sending is None
    await until(lambda: len(heard.ends()) == 2)
    assert [message.text for message in await conversations.messages(conversation)] == ["1", "", "2", "second"]


async def test_a_sender_that_is_cancelled_has_queued_its_message(chat_with, conversations, database):
    chat = chat_with(Scripted([asyncio.Event()]))
    conversation = await conversations.create()
    await chat.send(conversation, "1", "m")
    async with database.transaction():
        sending = asyncio.create_task(chat.send(conversation, "2", "m"))
        await asyncio.sleep(0)
        sending.cancel()
    await chat.close()
    assert [queued.text for queued in await conversations.queued()] == ["2"]


async def test_two_programs_send_what_waits_once(chat_with, conversations):
    conversation = await conversations.create()
    await conversations.enqueue(conversation, "1", "m")
    await conversations.enqueue(conversation, "2", "m")
    one, two = chat_with(Scripted(says("ok"))), chat_with(Scripted(says("ok")))
    await one.load()
    await two.load()
    assert await one.take_queued(conversation) == "2"
    assert await one.send_queued(conversation) is not None
    with pytest.raises(InferenceError, match="Another lama"):
        await two.send_queued(conversation)
    assert await two.take_queued(conversation) is None
    assert two.queued(conversation) == ()
    await until(lambda: not one.running_ids())
    assert [message.text for message in await conversations.messages(conversation)] == ["1", "ok"]


async def test_what_waits_goes_on_waiting_when_it_cannot_be_saved(chat_with, conversations, database):
    conversation = await conversations.create()
    queued = await conversations.enqueue(conversation, "1", "m")
    async with database.transaction() as connection:
        await connection.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON messages BEGIN SELECT raise(ABORT, 'refused'); END"
        )
    chat = chat_with(Scripted(says("ok")))
    await chat.load()
    with pytest.raises(StoreError, match="refused"):
        await chat.send_queued(conversation)
    assert chat.queued(conversation) == ("1",)
    assert await conversations.queued() == (queued,)
    assert not chat.is_busy(conversation)
    async with database.transaction() as connection:
        await connection.execute("DROP TRIGGER refuse")
    assert await chat.send_queued(conversation) is not None
    assert chat.queued(conversation) == () == await conversations.queued()


async def test_close_saves_everything_as_interrupted_and_waits_for_nobody(conversations, monkeypatch):
    monkeypatch.setattr("lama_tui.chat.chat.CLOSE_SECONDS", 15)  # a busy machine needs more to save eight
    gate = asyncio.Event()
    provider = Scripted([TextDelta("so far"), gate, StreamFinished("stop", Usage())], deaf=True)
    chat = Chat(conversations, lambda model: (provider, model))
    ids = [await conversations.create() for _ in range(8)]
    for conversation in ids:
        await chat.send(conversation, "q", "m")
    await until(lambda: all(chat.running(conversation).text for conversation in ids))
    late = asyncio.create_task(chat.send(await conversations.create(), "late", "m"))
    await asyncio.sleep(0)
    try:
        async with asyncio.timeout(20):
            await chat.close()  # although the provider hears nothing until the gate opens
            await late
    finally:
        gate.set()
    for conversation in ids:
        said = (await conversations.messages(conversation))[-1]
        assert (said.text, said.state) == ("so far", "interrupted")
    assert all(conversation.interrupted for conversation in await conversations.list())
    with pytest.raises(InferenceError):
        await chat.send(ids[0], "more", "m")
    await until(lambda: provider.ended == 8)


async def test_a_sender_that_is_cancelled_does_not_stop_the_turn(chat_with, conversations):
    chat = chat_with(Scripted(says("answer")))
    heard = listen(chat)
    conversation = await conversations.create()
    sending = asyncio.create_task(chat.send(conversation, "q", "m"))
    await asyncio.sleep(0)
    sending.cancel()
    await until(heard.ends)
    assert (await conversations.messages(conversation))[-1].text == "answer"


async def test_text_is_cleaned_in_pieces_as_in_whole(chat_with, conversations):
    text = "a\x1b[31mred\x1b[0m\r\nb\u202ec\x9bd\x00e👩\u200d🚀"
    chat = chat_with(Scripted(says(*text)))
    heard = listen(chat)
    conversation = await conversations.create()
    await chat.send(conversation, text, "m")
    await until(heard.ends)
    question, said = await conversations.messages(conversation)
    assert question.text == said.text == "a␛[31mred␛[0m\nbcd␀e👩\u200d🚀"
    assert "".join(event.text for _, _, event in heard if isinstance(event, TextDelta)) == said.text


async def test_a_listener_that_fails_harms_nobody_and_can_leave(chat_with, conversations):
    chat = chat_with(Scripted(says("a", "b")))

    def fails(*_):
        raise RuntimeError("a defect")

    chat.subscribe(fails)
    gone = Heard()
    chat.subscribe(gone)()
    heard = listen(chat)
    await chat.send(await conversations.create(), "q", "m")
    await until(heard.ends)
    assert not gone


async def test_a_message_that_cannot_be_saved_is_not_sent(chat_with, conversations):
    provider = Scripted(says("never"))
    chat = chat_with(provider)
    with pytest.raises(StoreError):
        await chat.send(12345, "q", "m")
    assert not provider.requests
    assert not chat.running_ids()
    conversation = await conversations.create()
    assert await chat.send(conversation, "q", "m")


async def test_progress_is_a_value(chat_with, conversations):
    chat = chat_with(Scripted([TextDelta("a"), asyncio.Event()]))
    conversation = await conversations.create()
    await chat.send(conversation, "q", "m")
    progress = chat.running(conversation)
    assert replace(progress, text="b").text == "b"
    with pytest.raises(AttributeError):
        progress.text = "changed"
