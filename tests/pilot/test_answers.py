"""An answer on screen: it grows, is followed, stopped, continued, made again; it thinks and fails."""

import asyncio
import re
from dataclasses import replace

import pytest
from chat.scripted import Step, says
from stage import Open

from lama_tui.errors import AuthError
from lama_tui.events import ModelUnloaded, ReasoningDelta, StreamFinished, StreamStarted, TextDelta
from lama_tui.types import Place, Usage

STARTED = StreamStarted("scripted", Place("script", True))
END = StreamFinished("stop", Usage(prompt_tokens=10, completion_tokens=20, decode_tok_s=12.5, ttft_ms=80.0))


async def test_it_is_shown_as_it_grows(workspace: Open) -> None:
    steps = [asyncio.Event() for _ in range(3)]
    script: list[Step] = [
        STARTED,
        TextDelta("one "),
        steps[0],
        TextDelta("**tw"),
        steps[1],
        TextDelta("o** "),
        steps[2],
        END,
    ]
    async with workspace(script) as stage:
        await stage.say("count")
        await stage.until_seen("one", "writing")
        await stage.until_gone("**tw")
        steps[0].set()
        await stage.until_seen("one **tw")
        steps[1].set()
        await stage.until_seen("one two")
        steps[2].set()
        await stage.idle()
        await stage.until_seen("30 tokens")
        await stage.until(lambda: stage.states == ["complete", "complete"])
        await stage.until_gone("writing")


async def test_a_model_that_is_asked_as_plain_text_is_marked(workspace: Open) -> None:
    without: list[Step] = [replace(STARTED, chat_template=False), TextDelta("I continue texts."), END]
    async with workspace(says("I chat."), without, says("still")) as stage:
        await stage.ask("first")
        await stage.until_gone("no chat template")
        await stage.ask("second")
        await stage.until_seen("I continue texts.", "no chat template")
        await stage.press("ctrl+n")
        await stage.until_gone("I continue texts.")
        await stage.until(lambda: stage.sees("no chat template"))  # it is the same model
        current = stage.screen._current
        assert current is not None
        await current.use_model("another")
        await stage.ask("third")
        await stage.until_gone("no chat template")


def numbered(first: int, last: int) -> str:
    return "".join(f"row {number}\n\n" for number in range(first, last))


async def test_the_end_is_followed_until_one_scrolls_away(workspace: Open) -> None:
    more, rest = asyncio.Event(), asyncio.Event()
    script: list[Step] = [
        STARTED,
        TextDelta(numbered(0, 50)),
        more,
        TextDelta(numbered(50, 99)),
        rest,
        TextDelta("last"),
        END,
    ]
    async with workspace(script) as stage:
        await stage.say("count")
        await stage.until_seen("row 49")
        await stage.begun()
        await stage.until(lambda: stage.transcript.following)
        await stage.press("pageup")
        await stage.until(lambda: not stage.transcript.following)
        await stage.until_gone("row 49")
        before = re.findall(r"row \d+", stage.seen())
        more.set()
        await stage.until(lambda: "row 98" in stage.chat.running(stage.messages[0].conversation).text)  # type: ignore[union-attr]
        await stage.until(lambda: stage.transcript.virtual_size.height > 190)
        assert re.findall(r"row \d+", stage.seen()) == before
        await stage.until(lambda: stage.sees("pgdn follows"))
        stage.transcript.focus()
        await stage.until_seen("G follows")
        await stage.press("G")
        await stage.until_seen("row 98")
        await stage.until(lambda: stage.transcript.following)
        rest.set()
        await stage.idle()
        await stage.until_seen("last")
        await stage.until_gone("follows")


async def test_scrolling_to_the_end_follows_again(workspace: Open) -> None:
    more = asyncio.Event()
    async with workspace([STARTED, TextDelta(numbered(0, 50)), more, TextDelta("the last"), END]) as stage:
        await stage.say("count")
        await stage.until_seen("row 49")
        await stage.begun()
        await stage.press("pageup")
        await stage.until(lambda: not stage.transcript.following)
        await stage.press("pagedown")
        await stage.until(lambda: stage.transcript.following)
        more.set()
        await stage.until_seen("the last")


async def test_stopped_and_continued(workspace: Open) -> None:
    never = asyncio.Event()
    async with workspace([STARTED, TextDelta("half"), never], says(" and the other half")) as stage:
        await stage.say("go")
        await stage.until_seen("half")
        await stage.press("escape")
        await stage.idle()
        await stage.until(lambda: stage.states == ["complete", "stopped"])
        await stage.until_seen("stopped · esc, then c continues it")
        await stage.press("escape")
        await stage.until(lambda: stage.transcript.has_focus)
        await stage.press("c")
        await stage.until_seen("half and the other half")
        await stage.idle()
        await stage.until(lambda: stage.states == ["complete", "complete"])
        assert stage.scripted.requests[1].prefix == "half"
        await stage.until_gone("continues it")


async def test_regenerated_beside_the_old_one(workspace: Open) -> None:
    async with workspace(says("first try"), says("second try"), says("third try")) as stage:
        await stage.ask("go")
        await stage.press("escape", "r")
        await stage.until_seen("second try", "‹ 2/2 ›")
        await stage.idle()
        await stage.until_gone("first try")
        await stage.press("left_square_bracket")
        await stage.until_seen("first try", "‹ 1/2 ›")
        await stage.press("left_square_bracket")  # there is none before the first
        await stage.press("right_square_bracket")
        await stage.until_seen("second try", "‹ 2/2 ›")
        await stage.press("k", "r")  # on the question: its answer
        await stage.until_seen("third try", "‹ 3/3 ›")
        await stage.idle()
        assert [len(r.messages) for r in stage.scripted.requests] == [1, 1, 1]


async def test_regenerating_while_one_runs_is_refused_and_said(workspace: Open) -> None:
    never = asyncio.Event()
    async with workspace(says("done"), [STARTED, TextDelta("busy"), never]) as stage:
        await stage.ask("go")
        await stage.say("again")
        await stage.until_seen("busy")
        stage.transcript.focus()
        await stage.press("r")
        await stage.until(lambda: stage.screen.query_one("#notice").display)
        assert len(stage.scripted.requests) == 2
        await stage.press("escape")
        assert not stage.screen.query_one("#notice").display
        assert stage.chat.running_ids()


async def test_a_failure_says_what_why_and_what_to_do(workspace: Open) -> None:
    error = AuthError("The key was refused [/nope]", "401 from a.example\x1b]52;c;\x07", "Set WORK_API_KEY")
    async with workspace([STARTED, TextDelta("so far"), error], says("now it works")) as stage:
        await stage.ask("go")
        await stage.until(lambda: stage.states == ["complete", "failed"])
        await stage.until_seen("so far", "The key was refused [/nope]", "401 from a.example", "Set WORK_API_KEY")
        await stage.press("escape", "r")
        await stage.until_seen("now it works")


async def test_a_provider_that_breaks_is_told_and_does_not_end_the_app(workspace: Open) -> None:
    async with workspace([STARTED, ZeroDivisionError("x")], says("fine")) as stage:
        await stage.ask("go")
        await stage.until_seen("The answer failed", "ZeroDivisionError")
        await stage.ask("again")
        await stage.until_seen("fine")


async def test_an_empty_answer_says_so(workspace: Open) -> None:
    async with workspace(says()) as stage:
        await stage.ask("go")
        await stage.until_seen("the model answered with nothing")


async def test_reasoning_is_open_while_it_thinks_and_folded_after(workspace: Open) -> None:
    thought, written = asyncio.Event(), asyncio.Event()
    script: list[Step] = [STARTED, ReasoningDelta("let me see\nindeed"), thought, TextDelta("It is so."), written, END]
    async with workspace(script) as stage:
        await stage.say("why")
        await stage.until_seen("let me see", "indeed", "thinking")
        thought.set()
        await stage.until_seen("It is so.", "thought, 4 words")
        await stage.until_gone("let me see")
        written.set()
        await stage.idle()
        await stage.until_gone("let me see")
        await stage.press("escape", "space")
        await stage.until_seen("let me see", "It is so.")
        await stage.press("space")
        await stage.until_gone("let me see")


async def test_a_long_message_is_folded_and_says_by_how_much(workspace: Open) -> None:
    async with workspace() as stage:
        await stage.ask("\n".join(f"line {number}" for number in range(100)))
        await stage.press("pageup", "pageup")
        await stage.until_seen("line 11", "88 more lines · esc, then space shows them")
        await stage.press("escape", "g")
        await stage.until_seen("line 11", "88 more lines · space shows them")  # for esc would lead away now
        await stage.until_gone("line 12")
        await stage.press("space")
        await stage.until_seen("line 12")
        await stage.press("space")
        await stage.until_gone("line 12")


async def test_resizing_while_it_grows(workspace: Open) -> None:
    never = asyncio.Event()
    text = (
        "A paragraph of *some* length that wraps, with `code` 漢字 and 👩‍👩‍👧 in it.\n\n"
        "```python\nx = 1\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n"
    )
    script: list[Step] = [STARTED]
    for number in range(30):
        script += [TextDelta(f"{number} {text}"), 0.001]
    async with workspace([*script, TextDelta("the end"), never]) as stage:
        await stage.say("go")
        await stage.press(*"draft")
        for width, height in [(20, 5), (200, 60), (1, 1), (40, 3), (80, 24), (7, 50), (300, 4), (2, 40), (120, 30)] * 2:
            await stage.pilot.resize_terminal(width, height)
            if width == 40:
                stage.composer.clear_typed()
        await stage.until_seen("the end")
        await stage.until(lambda: stage.transcript.following)
        await stage.press("escape")
        await stage.idle()
        await stage.until_seen("the end", "stopped")


async def test_a_complete_answer_is_not_continued(workspace: Open) -> None:
    async with workspace(says("All of it.")) as stage:
        await stage.ask("Question")
        await stage.idle()
        await stage.press("escape", "c")
        await stage.until_seen("This answer is complete")
        assert len(stage.scripted.requests) == 1


@pytest.mark.slow
async def test_a_model_that_makes_room_is_told(workspace: Open) -> None:
    script: list[Step] = [ModelUnloaded("org/Old-8B", 3 * 1024**3), STARTED, TextDelta("Here."), END]
    async with workspace(script, config='model = "org/New-8B"\n') as stage:
        await stage.ask("hello")
        await stage.until_seen("Old-8B left memory to make room", "3.0 GiB freed.")
