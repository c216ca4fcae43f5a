"""An answer that grows while the terminal changes its size."""

import asyncio
from dataclasses import replace

from chat.scripted import Step
from stage import Open

from lama_tui.events import StreamStarted, TextDelta
from lama_tui.types import Place


async def test_an_estimate_that_happens_to_be_right_is_no_drawing(workspace: Open) -> None:
    """The lines are of another width then, and not as many as the height says."""
    script: list[Step] = [StreamStarted("scripted", Place("script", True)), TextDelta("words " * 90), asyncio.Event()]
    async with workspace(script) as stage:
        await stage.say("hi")
        await stage.until_seen("words words")
        drawn = stage.transcript._column.messages[-1]
        progress = drawn._progress
        assert progress is not None
        drawn._drawn_for, drawn.lines = None, drawn.lines[:-2]
        stage.transcript.advance(drawn.message.id, replace(progress))
        assert len(drawn.lines) == drawn.height
        await stage.press("escape")
