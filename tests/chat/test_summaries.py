"""Summaries on demand and by policy: written by the conversation's model, whole turns, nothing lost."""

import asyncio
from collections.abc import Callable

import pytest
from scripted import Scripted, says, until

from lama_tui.chat.chat import Chat
from lama_tui.chat.context import SUMMARY_REQUEST
from lama_tui.chat.summarizing import INSTRUCTION, LONGEST
from lama_tui.conversations.messages import ConversationSettings
from lama_tui.conversations.table import Conversations
from lama_tui.errors import ContextError, InferenceError
from lama_tui.events import StreamFailed, StreamFinished, Summarized, TextDelta
from lama_tui.types import ConversationId, MessageId, Usage

Make = Callable[[Scripted], Chat]


async def talked(
    conversations: Conversations, turns: int, **settings: object
) -> tuple[ConversationId, list[MessageId]]:
    """A conversation of so many turns, "q1" "a1" and on."""
    id_ = await conversations.create("", "m", ConversationSettings(**settings))  # type: ignore[arg-type]
    ids = []
    for number in range(1, turns + 1):
        question, answer = await conversations.add_turn(id_, f"q{number}", "m")
        await conversations.finish(answer, "complete", text=f"a{number}")
        ids += [question, answer]
    return id_, ids


async def ended(chat: Chat, begun: object) -> object:
    """Wait for the end of what `begun` begins; the event."""
    ends: list[object] = []
    unsubscribe = chat.subscribe(
        lambda _, __, event: ends.append(event) if isinstance(event, StreamFinished | StreamFailed) else None
    )
    await begun  # type: ignore[misc]
    await until(lambda: ends)
    unsubscribe()
    return ends[0]


def read(request: object) -> list[str]:
    return [message.text for message in request.messages]  # type: ignore[attr-defined]


async def test_all_but_the_last_turns_are_summarized_on_demand(chat_with: Make, conversations: Conversations) -> None:
    provider = Scripted(says("They ", "counted."), says("four"))
    chat = chat_with(provider)
    id_, ids = await talked(conversations, 4, system="Be brief.", temperature=0.1)
    assert await ended(chat, chat.compact(id_, "m")) == StreamFinished("stop", Usage())
    assert read(provider.requests[0]) == ["Be brief.", "q1", "a1", "q2", "a2", INSTRUCTION]
    assert provider.requests[0].sampling.temperature == 0.1
    messages = await conversations.messages(id_)
    assert [m.summary.text if m.summary else None for m in messages] == [None, None, None, "They counted.", *[None] * 4]
    assert [m.text for m in messages] == ["q1", "a1", "q2", "a2", "q3", "a3", "q4", "a4"]
    await ended(chat, chat.send(id_, "q5", "m"))
    expected = ["Be brief.", SUMMARY_REQUEST, "They counted.", "q3", "a3", "q4", "a4", "q5"]
    assert read(provider.requests[1]) == expected
    await conversations.drop_summary(ids[3])
    await ended(chat, chat.send(id_, "q6", "m"))
    assert read(provider.requests[2])[:5] == ["Be brief.", "q1", "a1", "q2", "a2"]


async def test_a_later_summary_takes_up_the_earlier_one(chat_with: Make, conversations: Conversations) -> None:
    provider = Scripted(says("first"), says("second"))
    chat = chat_with(provider)
    id_, ids = await talked(conversations, 3)
    await conversations.summarize(ids[1], "earlier", "m")
    await conversations.pin(ids[0], True)
    await ended(chat, chat.compact(id_, "m"))  # only the last turn stays: the other was kept by the earlier summary
    assert read(provider.requests[0]) == [SUMMARY_REQUEST, "earlier", "q2", "a2", INSTRUCTION]
    messages = await conversations.messages(id_)
    assert [m.summary is not None for m in messages] == [False, True, False, True, False, False]
    with pytest.raises(InferenceError, match="nothing to summarize"):
        await chat.compact(id_, "m")
    assert not chat.is_busy(id_)


@pytest.mark.parametrize("turns", [0, 1])
async def test_a_short_conversation_has_nothing_to_summarize(
    chat_with: Make, conversations: Conversations, turns: int
) -> None:
    provider = Scripted(says("never"))
    id_, _ = await talked(conversations, turns)
    with pytest.raises(InferenceError, match="nothing to summarize"):
        await chat_with(provider).compact(id_, "m")
    assert not provider.requests


async def test_stopped_it_leaves_nothing_and_what_waits_goes_on(chat_with: Make, conversations: Conversations) -> None:
    provider = Scripted([TextDelta("They"), asyncio.Event()], says("fine"))
    chat = chat_with(provider)
    id_, _ = await talked(conversations, 3)
    await chat.compact(id_, "m")
    await until(lambda: (turn := chat.running(id_)) and turn.text == "They")
    progress = chat.running(id_)
    assert progress is not None and progress.summarizes == 2
    assert await chat.send(id_, "meanwhile", "m") is None  # it waits, as behind an answer
    await chat.stop(id_)
    assert chat.running(id_) is None
    assert [m.summary for m in await conversations.messages(id_)] == [None] * 6
    assert provider.ended == 1
    await chat.send_queued(id_)
    await until(lambda: not chat.is_busy(id_))
    assert (await conversations.messages(id_))[-1].text == "fine"


async def test_what_waits_is_sent_when_the_summary_is_there(chat_with: Make, conversations: Conversations) -> None:
    gate = asyncio.Event()
    provider = Scripted([gate, *says("sum")], says("fine"))
    chat = chat_with(provider)
    id_, _ = await talked(conversations, 3)
    await chat.compact(id_, "m")
    await chat.send(id_, "meanwhile", "m")
    gate.set()
    await until(lambda: len(provider.requests) == 2)
    assert read(provider.requests[1]) == [SUMMARY_REQUEST, "sum", "q2", "a2", "q3", "a3", "meanwhile"]
    await until(lambda: not chat.is_busy(id_))


@pytest.mark.parametrize(
    "script",
    [
        [ContextError("too long", "9 of 8", "Try /compact")],
        says(""),
        [TextDelta("half")],
        [TextDelta("h"), StreamFinished("cancelled", Usage())],
    ],
)
async def test_one_that_fails_leaves_everything_as_it_was(
    chat_with: Make, conversations: Conversations, script: list[object]
) -> None:
    chat = chat_with(Scripted(script))  # type: ignore[arg-type]
    id_, _ = await talked(conversations, 3)
    before = await conversations.messages(id_)
    event = await ended(chat, chat.compact(id_, "m"))
    assert isinstance(event, StreamFailed) and "/compact" not in event.error.hint  # it was just tried
    assert await conversations.messages(id_) == before
    assert not chat.is_busy(id_)


async def test_too_long_for_one_request_it_is_written_in_several(chat_with: Make, conversations: Conversations) -> None:
    """A server says only that it is too long: then half is tried, and its summary stands before the other half."""
    provider = Scripted([ContextError("too long")], says("one and two"), says("all"))
    chat = chat_with(provider)
    id_, ids = await talked(conversations, 6)
    await ended(chat, chat.compact(id_, "m"))
    assert [read(request)[:-1] for request in provider.requests] == [
        ["q1", "a1", "q2", "a2", "q3", "a3", "q4", "a4"],
        ["q1", "a1", "q2", "a2"],
        [SUMMARY_REQUEST, "one and two", "q3", "a3", "q4", "a4"],
    ]
    assert [m.id for m in await conversations.messages(id_) if m.summary] == [ids[7]]


async def test_where_it_can_be_measured_room_is_kept_for_the_summary(
    chat_with: Make, conversations: Conversations
) -> None:
    provider = Scripted(says("some"))
    provider.count, provider.window = (lambda messages: 10_000 + 1_000 * len(messages)), 10_000 + LONGEST + 4_000
    chat = chat_with(provider)
    id_, _ = await talked(conversations, 5)
    await ended(chat, chat.compact(id_, "m"))
    assert [len(request.messages) for request in provider.requests] == [3, 2 + 2 + 1, 2 + 2 + 1]


# --- the policy ---------------------------------------------------------------------------


def characters(provider: Scripted, window: int) -> None:
    """Let every message take ten tokens."""
    provider.count, provider.window = (lambda messages: 10 * len(messages)), window


async def test_what_would_not_fit_is_summarized_first(chat_with: Make, conversations: Conversations) -> None:
    provider = Scripted(says("They counted."), says("five"))
    characters(provider, 100)
    chat = chat_with(provider)
    heard: list[object] = []
    chat.subscribe(lambda _, __, event: heard.append(event))
    id_, ids = await talked(conversations, 4, context="summarize", max_tokens=20)
    await conversations.pin(ids[2], True)
    await ended(chat, chat.send(id_, "q5", "m"))
    assert Summarized(6) in heard  # half of the window is kept: the pinned turn, and the newest that fits beside it
    assert read(provider.requests[0]) == ["q1", "a1", "q2", "a2", "q3", "a3", INSTRUCTION]
    assert read(provider.requests[1]) == ["q2", "a2", SUMMARY_REQUEST, "They counted.", "q4", "a4", "q5"]
    messages = await conversations.messages(id_)
    assert [m.text for m in messages if m.summary] == ["a3"]
    assert (messages[-1].text, messages[-1].state) == ("five", "complete")


async def test_what_fits_is_sent_as_it_is(chat_with: Make, conversations: Conversations) -> None:
    provider = Scripted(says("five"))
    characters(provider, 120)
    id_, _ = await talked(conversations, 4, context="summarize", max_tokens=20)
    chat = chat_with(provider)
    await ended(chat, chat.send(id_, "q5", "m"))
    assert len(provider.requests) == 1 and len(provider.requests[0].messages) == 9


async def test_a_server_that_refuses_is_asked_for_a_summary(chat_with: Make, conversations: Conversations) -> None:
    """What cannot be measured is tried; each refusal leaves less as it was, until only the question is."""
    too_long = [ContextError("too long", "5 of 4")]
    provider = Scripted(too_long, says("one to three"), too_long, says("all"), says("five"))
    chat = chat_with(provider)
    id_, _ = await talked(conversations, 4, context="summarize")
    assert await ended(chat, chat.send(id_, "q5", "m")) == StreamFinished("stop", Usage())
    assert read(provider.requests[1])[-3:] == ["q3", "a3", INSTRUCTION]
    assert read(provider.requests[2]) == [SUMMARY_REQUEST, "one to three", "q4", "a4", "q5"]
    assert read(provider.requests[3]) == [SUMMARY_REQUEST, "one to three", "q4", "a4", INSTRUCTION]
    assert read(provider.requests[4]) == [SUMMARY_REQUEST, "all", "q5"]


async def test_where_nothing_can_be_summarized_the_refusal_stands(
    chat_with: Make, conversations: Conversations
) -> None:
    chat = chat_with(Scripted([ContextError("too long", "5 of 4")]))
    id_, _ = await talked(conversations, 0, context="summarize")
    event = await ended(chat, chat.send(id_, "a long question", "m"))
    assert isinstance(event, StreamFailed) and event.error.detail == "5 of 4"
    question, answer = await conversations.messages(id_)
    assert (question.text, answer.state) == ("a long question", "failed")


async def test_a_summary_before_an_answer_is_stopped(chat_with: Make, conversations: Conversations) -> None:
    provider = Scripted([TextDelta("They"), asyncio.Event()], says("sum"), says("five"))
    characters(provider, 100)
    chat = chat_with(provider)
    id_, _ = await talked(conversations, 4, context="summarize", max_tokens=20)
    answer = await chat.send(id_, "q5", "m")
    await until(lambda: (turn := chat.running(id_)) and turn.summarizes and turn.phase == "streaming")
    await chat.stop(id_)
    messages = await conversations.messages(id_)
    assert [m.text for m in messages] == ["q1", "a1", "q2", "a2", "q3", "a3", "q4", "a4", "q5", ""]
    assert messages[-1].state == "stopped" and not any(m.summary for m in messages)
    assert answer is not None
    await ended(chat, chat.resume(answer))  # nothing is lost: it is asked for again
    assert [m.text for m in await conversations.messages(id_)][-1] == "five"
