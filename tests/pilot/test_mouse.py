"""Everything can also be clicked, and the wheel scrolls."""

import pytest
from stage import Open, Stage
from textual import events
from textual.geometry import Offset
from textual.widget import Widget
from textual.widgets import OptionList

from lama_tui.errors import LamaError
from lama_tui.types import GUIDE
from lama_tui.ui.screens.chooser import Chooser
from lama_tui.ui.widgets.key_line import KeyLine
from lama_tui.ui.widgets.notice import Notice
from lama_tui.ui.widgets.options import Options


def place_of(stage: Stage, text: str, within: Widget | None = None) -> Offset:
    """Where a text is on screen, or in a widget: all before it is of one cell each."""
    region = (within or stage.app.screen).region
    for y, line in enumerate(stage.seen().split("\n")):
        x = line.find(text, region.x)
        if x >= 0 and region.contains(x, y):
            return Offset(x, y)
    pytest.fail(f"{text!r} is not on screen:\n{stage.seen()}")


async def click(stage: Stage, text: str) -> None:
    """Click the first letter of a text that is on screen."""
    await stage.until_seen(text)
    await stage.pilot.click(offset=place_of(stage, text))


def wheel(widget: Widget, down: bool = True) -> events.MouseEvent:
    """One step of the wheel over a widget."""
    kind = events.MouseScrollDown if down else events.MouseScrollUp
    return kind(widget, x=2, y=2, delta_x=0, delta_y=1, button=0, shift=False, meta=False, ctrl=False)


async def test_a_conversation_opens(workspace: Open) -> None:
    async with workspace(size=(120, 30)) as stage:
        for title in ("first one", "second one"):
            await stage.conversations.create(title, GUIDE)
        await stage.screen._show_list()
        await click(stage, "first one")
        await stage.until(lambda: stage.screen._current and stage.screen._current.title == "first one")


async def test_a_key_of_the_line_is_pressed(workspace: Open) -> None:
    async with workspace(size=(140, 30)) as stage:
        line = stage.screen.query_one(KeyLine)
        await stage.until_seen("f1 Help")
        place = place_of(stage, "f1 Help")
        assert place.y == line.region.y
        await stage.pilot.click(offset=place)
        await stage.until(lambda: stage.app.screen is not stage.screen)


async def test_a_message_takes_the_cursor(workspace: Open) -> None:
    async with workspace() as stage:
        await stage.ask("a question of mine")
        await stage.until_seen("a question of mine")
        await stage.pilot.click(offset=place_of(stage, "a question of mine", within=stage.transcript))
        await stage.until(lambda: stage.transcript.has_focus)
        assert stage.transcript.current is not None and stage.transcript.current.role == "user"


async def test_a_choice_is_taken(workspace: Open) -> None:
    async with workspace() as stage:
        await stage.press("f6")
        await stage.until(lambda: isinstance(stage.app.screen, Chooser))
        choices = stage.app.screen.query_one("#choices", OptionList)
        about = stage.app.screen.query_one("#about")
        await stage.until(lambda: choices.option_count and about.size.height > 1)  # it has grown by what it says
        await stage.pilot.click("#choices", offset=(3, 0))
        await stage.until(lambda: stage.app.screen is stage.screen)


async def test_a_notice_is_put_away(workspace: Open) -> None:
    async with workspace() as stage:
        stage.screen.query_one(Notice).add(LamaError("Something went wrong", "Because.", "Do this."))
        await click(stage, "Something went wrong")
        await stage.until_gone("Something went wrong")


async def test_the_wheel_scrolls_the_transcript_and_lists(workspace: Open) -> None:
    async with workspace(size=(100, 20)) as stage:
        await stage.ask("\n".join(f"line {number}" for number in range(20)))
        await stage.ask("\n".join(f"line {number}" for number in range(20)))
        transcript = stage.transcript
        await stage.until(lambda: transcript.max_scroll_y > 3)
        before = transcript.scroll_offset.y
        transcript.post_message(wheel(transcript, down=False))
        await stage.until(lambda: transcript.scroll_offset.y < before)
        assert not transcript.following
        for number in range(40):
            await stage.conversations.create(f"conversation {number}", GUIDE)
        await stage.screen._show_list()
        sidebar = stage.screen.query_one(Options)
        await stage.until(lambda: sidebar.max_scroll_y > 3)
        sidebar.post_message(wheel(sidebar))
        await stage.until(lambda: sidebar.scroll_offset.y > 0)
