"""What the model reads of a long conversation, on screen: pinned messages, summaries, where its view begins."""

import asyncio
from collections.abc import Sequence
from typing import Any

from chat.scripted import says
from stage import Open, Stage

from lama_tui.errors import ContextError
from lama_tui.events import TextDelta
from lama_tui.types import ChatMessage


async def test_a_message_is_pinned_by_a_key_and_shows_it(workspace: Open) -> None:
    async with workspace(says("one")) as stage:
        await stage.ask("the first question")
        await stage.ask("the second question")
        stage.transcript.focus()
        await stage.press("g", "p")
        await stage.until_seen("You ◆ pinned")
        assert [message.pinned for message in stage.messages] == [True, False, False, False]
        await stage.ask("the third question")
        assert [message.pinned for message in stage.scripted.requests[-1].messages] == [
            True,
            False,
            False,
            False,
            False,
        ]
        stage.transcript.focus()
        await stage.press("g", "p")
        await stage.until_gone("◆")
        assert not any(message.pinned for message in stage.messages)


async def test_older_turns_are_summarized_on_demand_and_come_back(workspace: Open) -> None:
    gate = asyncio.Event()
    summary = [TextDelta("They"), gate, *says(" greeted each other.")]
    async with workspace(says("one"), says("two"), says("three"), summary, says("four"), size=(80, 24)) as stage:
        for question in ("hello", "and then?", "the last one"):
            await stage.ask(question)
        await stage.say("/compact")
        await stage.until_seen("summarizing 2 messages, writing", "esc Stop")
        gate.set()
        await stage.until_seen("≡ summary of 2 messages by ", "They greeted each other.", "↑ the model reads a summary")
        seen = stage.seen()
        assert seen.index("They greeted") < seen.index("and then?")
        await stage.ask("go on")
        assert [m.text for m in stage.scripted.requests[-1].messages][1:3] == ["They greeted each other.", "and then?"]
        # edited as messages are
        stage.transcript.focus()
        await stage.press("g", "j", "j", "e")
        await stage.until_seen("editing the summary")
        stage.composer.text = "They only waved."
        await stage.press("enter")
        await stage.until(lambda: "They only waved." in stage.seen() and "They greeted" not in stage.seen())
        assert len(stage.scripted.requests) == 5  # nothing was asked
        # what it is not: a message
        stage.transcript.focus()
        await stage.press("f")
        await stage.until_seen("This is a summary")
        await stage.press("delete")
        await stage.until_gone("≡ summary")
        await stage.until_gone("↑ the model reads")
        await stage.press("delete")
        await stage.until_seen("Only summaries")


async def test_a_summary_is_stopped_and_a_failed_one_says_why(workspace: Open) -> None:
    failure = ContextError("The conversation is too long", "It has 9 tokens; m reads at most 8.", "Shorten it.")
    async with workspace(says("one"), says("two"), [TextDelta("x"), asyncio.Event()], [failure]) as stage:
        await stage.ask("hello")
        stage.composer.insert("/compact")
        await stage.press("enter")
        await stage.until_seen("There is nothing to summarize yet")
        await stage.press("escape")
        await stage.until_gone("There is nothing to summarize yet")
        await stage.ask("again")
        await stage.say("/compact")
        await stage.until_seen("summarizing 2 messages, writing")
        await stage.press("escape")
        await stage.until(lambda: not stage.chat.running_ids())
        await stage.until_gone("summarizing")
        assert not any(message.summary for message in stage.messages)
        await stage.say("/compact")
        await stage.until_seen("It has 9 tokens; m reads at most 8.")


# --- how much room there is, and where the view begins --------------------------------------


def counting(messages: Sequence[ChatMessage]) -> int:
    """Ten tokens a message, and one for each character."""
    return sum(10 + len(message.text) for message in messages)


async def measured(stage: Stage, window: int, **settings: Any) -> None:
    """Let the provider count, in a window of so many tokens, for a conversation with these settings."""
    stage.scripted.count, stage.scripted.window = counting, window
    assert stage.screen._current is not None
    await stage.screen._current.change_settings(**settings)


async def test_the_view_is_shown_before_anything_is_asked(workspace: Open) -> None:
    async with workspace(says("a"), says("b"), says("c")) as stage:
        await measured(stage, 80, context="drop", max_tokens=10)
        await stage.ask("1")
        await stage.until_seen("22/80 tokens", "58 left")
        await stage.ask("2")
        await stage.ask("3")
        await stage.until_seen("66/80 tokens", "14 left")
        assert "will not see" not in stage.seen()
        await stage.press(*"four")
        await stage.until_seen("↑ the model will not see what is above", "58/80 tokens", "4 tokens · 22 left")
        await stage.until_seen("4 tokens · 22 left · older turns left out")
        await stage.until(lambda: _view(stage) == "2")
        # what is pinned stays, and something else goes
        stage.transcript.focus()
        await stage.press("g", "p")
        await stage.until_seen("what is above, but for what is pinned")
        await stage.until(lambda: stage.messages[0].pinned)
        await stage.until_seen("58/80 tokens")
        await stage.until(lambda: _view(stage) == "3")


def _view(stage: Stage) -> str:
    """The text of the message that the model's view begins with."""
    return next((drawn.message.text for drawn in stage.transcript._column.messages if drawn.view_begins), "")


async def test_what_cannot_fit_is_refused_with_both_numbers_and_stays_typed(workspace: Open) -> None:
    async with workspace(says("a"), says("b")) as stage:
        await measured(stage, 60)
        await stage.ask("hello")
        await stage.until_seen("26/60 tokens")
        asked = len(stage.scripted.requests)
        stage.composer.insert("x" * 30)
        await stage.until_seen("▲ 6 tokens too many")
        await stage.press("enter")
        await stage.until_seen("With this message it has 66 tokens; guide reads at most 60", "(/compact)", "f3 changes")
        assert stage.composer.text == "x" * 30
        assert len(stage.scripted.requests) == asked and len(stage.messages) == 2
        await stage.press("escape")
        for _ in range(10):
            await stage.press("backspace")
        await stage.until_seen("20 tokens · 4 left")
        await stage.press("enter")
        await stage.until(lambda: len(stage.scripted.requests) == asked + 1)
        await stage.idle()


async def test_the_policy_to_summarize_says_so_before_and_while_it_does(workspace: Open) -> None:
    gate = asyncio.Event()
    halves = [TextDelta("x"), gate, *says("half")], says("short")  # all at once would leave no room for a summary
    async with workspace(says("a"), says("b"), *halves, says("c")) as stage:
        await measured(stage, 80, context="summarize", max_tokens=20)
        await stage.ask("1")
        await stage.ask("2")
        await stage.until_seen("44/80 tokens")
        await stage.press(*"three, now")
        await stage.until_seen("older turns will be summarized")
        assert not stage.composer.has_class("-too-long")
        await stage.press("enter")
        await stage.until_seen("summarizing 4 older messages")
        gate.set()
        await stage.until_seen("≡ summary of 4 messages", "short", "↑ the model reads a summary of this")
        await stage.idle()
        await stage.until(lambda: stage.messages[-1].text == "c")
        assert [m.text for m in stage.scripted.requests[-1].messages][1:] == ["short", "three, now"]
