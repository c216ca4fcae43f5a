"""A model that asks for a tool: what is kept of it, and what the transcript shows."""

from chat.scripted import says
from stage import Open

from lama_tui.events import StreamFinished, StreamStarted, TextDelta, ToolCallDelta
from lama_tui.types import Place, Usage


async def test_what_a_model_asks_for_is_kept_and_can_be_opened(workspace: Open) -> None:
    script = [
        StreamStarted("scripted", Place("script", True)),
        TextDelta("Let me look."),
        ToolCallDelta(0, "weather", '{"city": '),
        ToolCallDelta(0, "", '"Oslo"}'),
        ToolCallDelta(1, "bad\x1b[31m", "\n[/x]"),
        StreamFinished("tool_calls", Usage()),
    ]
    async with workspace(script, says("yes")) as stage:
        await stage.ask("Hi")
        await stage.until_seen("asked for a tool: weather(…)", "asked for a tool: bad")
        found = await stage.conversations.list()
        answer = (await stage.conversations.messages(found[0].id))[-1]
        assert answer.calls[0] == 'weather({"city": "Oslo"})' and len(answer.calls) == 2
        assert (answer.text, answer.finish_reason) == ("Let me look.", "tool_calls")
        assert "\x1b" not in answer.calls[1]
        await stage.press("escape", "space")
        await stage.until_seen('weather({"city": "Oslo"})', "which lama does not run")
        await stage.press("space")
        await stage.until_gone("which lama does not run")
