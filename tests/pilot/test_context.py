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
