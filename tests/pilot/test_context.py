"""What the model reads of a long conversation, on screen: pinned messages, summaries, where its view begins."""

from chat.scripted import says
from stage import Open


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
    import asyncio

    from lama_tui.events import TextDelta

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
    import asyncio

    from lama_tui.errors import ContextError
    from lama_tui.events import TextDelta

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
