"""Sending: what sends, what must not, and what waits."""

import asyncio

from chat.scripted import says
from stage import Open
from textual import events

from lama_tui.events import StreamFinished, TextDelta
from lama_tui.paths import Paths
from lama_tui.types import Usage
from lama_tui.ui.widgets.composer import Composer


async def test_enter_sends_and_the_answer_is_shown(workspace: Open) -> None:
    async with workspace(says("Hello ", "**you**.")) as stage:
        await stage.press(*"hi there", "enter")
        await stage.until_seen("You", "hi there", "Hello you.")
        await stage.idle()
        assert stage.composer.text == ""
        assert [(m.role, m.text, m.state) for m in stage.messages] == [
            ("user", "hi there", "complete"),
            ("assistant", "Hello **you**.", "complete"),
        ]
        assert stage.scripted.requests[0].messages[-1].text == "hi there"
