"""Moving about in a conversation: messages, code, ranges of lines, the mouse, and what is new below."""

import asyncio
import re
from pathlib import Path

import pytest
from chat.scripted import Step, says
from stage import Open, Stage

from lama_tui.events import ReasoningDelta, StreamFinished, StreamStarted, TextDelta
from lama_tui.types import Place, Usage

STARTED = StreamStarted("scripted", Place("script", True))
END = StreamFinished("stop", Usage())
CODE = (
    "Look:\n\n```python\nfirst = 1\n\n\tindented = 2\n```\n\nor\n\n- in a list\n\n"
    "  ```sh\n  second --flag\n  ```\n\nDone."
)


class Clipboard:
    """What was copied."""

    def __init__(self, stage: Stage) -> None:
        self.texts: list[str] = []

        async def copy(app: object, text: str, paths: object) -> str:
            self.texts.append(text)
            return "Copied."

        self._patch = pytest.MonkeyPatch()
        self._patch.setattr("lama_tui.ui.screens.reading.copy", copy)

    def __enter__(self) -> "Clipboard":
        return self

    def __exit__(self, *_: object) -> None:
        self._patch.undo()


def marked(stage: Stage) -> list[str]:
    """The rows beside which the mark of the cursor stands."""
    return [row.removeprefix("▌").strip() for row in lines_of(stage) if row.startswith("▌")]


def lines_of(stage: Stage) -> list[str]:
    """The rows of the transcript, whatever lies over them."""
    return [stage.transcript.render_line(y).text for y in range(stage.transcript.size.height)]


def rows_of(stage: Stage) -> list[str]:
    """The numbered rows of an answer on screen, without the cursor and the scroll bar."""
    return [found[1] for row in stage.seen().split("\n") if (found := re.search(r"(row \d+)\b", row))]


async def test_from_code_to_code_and_copy_its_source(workspace: Open) -> None:
    async with workspace(says(CODE), size=(80, 30)) as stage:
        await stage.ask("go")
        with Clipboard(stage) as clipboard:
            await stage.press("escape", "Y")  # the last one, without going there
            await stage.until(lambda: clipboard.texts == ["second --flag"])
            await stage.press("g", "b")
            await stage.until(lambda: marked(stage) == ["python", "first = 1", "", "indented = 2"])
            await stage.press("Y")
            await stage.until(lambda: clipboard.texts[1:] == ["first = 1\n\n\tindented = 2"])
            await stage.press("b")
            await stage.until(lambda: [row for row in marked(stage) if "second" in row])
            await stage.press("b")
            await stage.until_seen("There is no block of code below.")
            await stage.press("B", "Y")
            await stage.until(lambda: clipboard.texts[2:] == ["first = 1\n\n\tindented = 2"])
            await stage.press("j", "y")
            await stage.until(lambda: clipboard.texts[3:] == [CODE])


async def test_code_in_a_folded_answer_far_away(workspace: Open) -> None:
    long = "\n\n".join(f"row {number}" for number in range(60))
    async with workspace(says(f"{long}\n\n```\nfar = 1\n```"), says(long), size=(80, 40)) as stage:
        await stage.ask("one")
        await stage.press("escape", "g", "j", "space")
        await stage.until_seen("more lines")
        await stage.ask("two")
        await stage.press("escape", "B")
        await stage.until_seen("far = 1")
        await stage.until(lambda: any("far = 1" in row for row in marked(stage)))


async def test_a_message_without_code_says_so(workspace: Open) -> None:
    async with workspace(says("plain")) as stage:
        await stage.press("escape")
        await stage.ask("go")
        await stage.press("escape", "Y")
        await stage.until_seen("There is no block of code in this message.")


async def test_a_range_by_keyboard(workspace: Open) -> None:
    text = "\n\n".join(f"row {number}" for number in range(40))
    async with workspace(says(text), size=(80, 20)) as stage:
        await stage.ask("go")
        with Clipboard(stage) as clipboard:
            await stage.press("escape", "g", "j", "v", "j", "j", "down")
            await stage.until(lambda: marked(stage) == ["row 1"])
            assert stage.screen.get_selected_text() == "guide\nrow 0\n\nrow 1"
            colours = stage.screen.get_component_rich_style("screen--selection")
            shown = [stage.transcript.render_line(y) for y in range(stage.transcript.size.height)]
            selected = [
                strip.text.strip("▌ ")
                for strip in shown
                if any(s.style and s.style.bgcolor == colours.bgcolor and s.style.color == colours.color for s in strip)
            ]
            assert selected == ["guide", "row 0", "", "row 1"]
            await stage.press("y")
            await stage.until(lambda: clipboard.texts == ["guide\nrow 0\n\nrow 1"])
            await stage.until(lambda: stage.screen.get_selected_text() in (None, ""))
            await stage.press("v", "G", "y")
            await stage.until(lambda: len(clipboard.texts) == 2)
            assert clipboard.texts[1].rstrip().endswith("row 39")
            await stage.press("v", "k", "k", "escape")
            await stage.pilot.pause()
            await stage.until(lambda: stage.transcript.has_focus)
            await stage.until(lambda: stage.transcript._cursor.begun is None)
            await stage.until(lambda: not stage.screen.selections)


async def test_dragging_selects_and_stays_while_an_answer_streams(workspace: Open) -> None:
    more, rest = asyncio.Event(), asyncio.Event()
    first = "\n\n".join(f"row {number}" for number in range(6))
    script: list[Step] = [STARTED, TextDelta(first), more, TextDelta("\n\nnew " * 50), rest, END]
    async with workspace(script, size=(100, 30)) as stage:
        await stage.say("go")
        await stage.until_seen("row 5")
        transcript = stage.transcript
        rows = stage.seen().split("\n")
        begin = next(n for n, row in enumerate(rows) if "row 1" in row)
        x = rows[begin].index("row 1")
        await stage.pilot.mouse_down(offset=(x, begin))
        await stage.pilot.hover(offset=(x + 5, begin + 4))
        await stage.pilot.pause()
        more.set()
        await stage.until(lambda: transcript.virtual_size.height > 60)
        await stage.pilot.mouse_up(offset=(x + 5, begin + 4))
        await stage.pilot.pause()
        assert stage.screen.get_selected_text() == "row 1\n\nrow 2\n\nrow 3"
        await stage.until(lambda: stage.sees("row 1"))  # nothing moved
        assert not transcript.following
        await stage.until_seen("new below")
        rest.set()
        await stage.idle()
        assert stage.screen.get_selected_text() == "row 1\n\nrow 2\n\nrow 3"
        with Clipboard(stage) as clipboard:
            await stage.press("ctrl+c")
            await stage.until(lambda: clipboard.texts == ["row 1\n\nrow 2\n\nrow 3"])


async def test_two_clicks_take_a_word_and_three_a_line(workspace: Open) -> None:
    async with workspace(says("alpha beta-gamma delta"), size=(100, 30)) as stage:
        await stage.ask("go")
        await stage.until_seen("beta-gamma")
        rows = stage.seen().split("\n")
        y = next(n for n, row in enumerate(rows) if "beta-gamma" in row)
        at = (rows[y].index("gamma"), y)
        await stage.pilot.click(offset=at, times=2)
        await stage.until(lambda: stage.screen.get_selected_text() == "beta-gamma")
        await stage.pilot.click(offset=(2 + at[0], y), times=3)
        await stage.until(lambda: stage.screen.get_selected_text() == "alpha beta-gamma delta")


async def test_a_click_puts_the_cursor_and_turns_siblings(workspace: Open) -> None:
    async with workspace(says("first try"), says("second try"), size=(100, 30)) as stage:
        await stage.ask("the question")
        await stage.press("escape", "r")
        await stage.until_seen("second try", "‹ 2/2 ›")
        await stage.idle()
        stage.composer.focus()
        rows = stage.seen().split("\n")
        y = next(n for n, row in enumerate(rows) if "‹ 2/2 ›" in row)
        await stage.pilot.click(offset=(rows[y].index("‹"), y))
        await stage.until_seen("first try", "‹ 1/2 ›")
        await stage.until(lambda: stage.transcript.has_focus)
        await stage.press("left_square_bracket")
        await stage.until_seen("This is the first version.")
        stage.app.clear_notifications()  # it stands over the first lines
        await stage.until_gone("This is the first version.")
        rows = stage.seen().split("\n")
        y = next(n for n, row in enumerate(rows) if "the question" in row and "▌" not in row and n > 1)
        await stage.pilot.click(offset=(40, y))
        await stage.until(
            lambda: stage.transcript.current is not None and stage.transcript.current.text == "the question"
        )


async def test_what_is_new_below_is_counted_and_clicked(workspace: Open) -> None:
    more = asyncio.Event()
    rows = "\n\n".join(f"row {number}" for number in range(50))
    script: list[Step] = [STARTED, TextDelta(rows), more, TextDelta("\n\nnew one\n\nnew two"), END]
    async with workspace(script, size=(100, 30)) as stage:
        await stage.say("go")
        await stage.until_seen("row 49")
        stage.transcript.focus()
        await stage.begun()
        await stage.press("pageup")
        await stage.until(lambda: not stage.transcript.following)
        await stage.until_gone("new below")
        before = rows_of(stage)
        more.set()
        await stage.until_seen("new below · G")
        await stage.idle()
        assert rows_of(stage)[: len(before) - 1] == before[:-1]
        found = re.search(r"↓ (\d+) new below", stage.seen())
        assert found is not None and int(found[1]) in (3, 4)
        y = next(n for n, row in enumerate(stage.seen().split("\n")) if "new below" in row)
        await stage.pilot.click(offset=(stage.seen().split("\n")[y].index("new below"), y))
        await stage.until_seen("new two")
        await stage.until(lambda: stage.transcript.following)
        await stage.until_gone("new below")


async def test_folding_keeps_what_one_reads(workspace: Open) -> None:
    script: list[Step] = [
        STARTED,
        ReasoningDelta("hm\n" * 30),
        TextDelta("\n\n".join(f"row {n}" for n in range(40))),
        END,
    ]
    async with workspace(script, size=(80, 40)) as stage:
        await stage.ask("go")
        await stage.press("escape", "g", "j")
        await stage.until_seen("thought, 30 words", "row 0")
        place = lines_of(stage).index(next(row for row in lines_of(stage) if "guide" in row))
        await stage.press("space")  # the reasoning opens
        await stage.until(lambda: stage.sees("▾ thought") and "guide" in lines_of(stage)[place])
        await stage.press("space")  # both close
        await stage.until_seen("more lines", "thought, 30 words")
        await stage.press("space")  # and the text opens again
        await stage.until_gone("more lines")
        await stage.press("k", "space")
        await stage.until_seen("This message is short")
        y = next(n for n, row in enumerate(stage.seen().split("\n")) if "thought, 30" in row)
        await stage.pilot.click(offset=(stage.seen().split("\n")[y].index("thought"), y))
        await stage.until_seen("▾ thought")


async def test_reasoning_that_is_read_does_not_fold_by_itself(workspace: Open) -> None:
    answer = asyncio.Event()
    script: list[Step] = [
        STARTED,
        ReasoningDelta("\n".join(f"thought {n}" for n in range(60))),
        answer,
        TextDelta("So."),
        END,
    ]
    async with workspace(script, size=(80, 20)) as stage:
        await stage.say("go")
        await stage.until_seen("thought 59")
        await stage.begun()
        await stage.press("pageup")
        await stage.until(lambda: not stage.transcript.following)
        before = re.findall(r"thought \d+", stage.seen())
        answer.set()
        await stage.idle()
        assert re.findall(r"thought \d+", stage.seen())[:5] == before[:5]


async def test_figures_on_demand_survive_another_conversation(workspace: Open) -> None:
    usage = Usage(512, 128, 241, 85.0, 900.0, 61.3, None, 8192)
    async with workspace(says("one", usage=usage), says("two"), size=(120, 30)) as stage:
        await stage.ask("go")
        await stage.until_gone("512 prompt")
        await stage.press("escape", "s")
        await stage.until_seen(
            "512 prompt · 128 cached · 241 completion", "prefill 900 tok/s", "decode 61 tok/s", "peak –"
        )
        await stage.press("ctrl+n")
        await stage.until_gone("512 prompt")
        await stage.ask("other")
        await stage.until_seen("– prompt · – cached")
        await stage.press("escape", "s")
        await stage.until_gone("– prompt")


async def test_long_and_strange_lines_are_neither_cut_nor_laid_over_each_other(workspace: Open, tmp_path: Path) -> None:
    words = "漢字" * 60 + " שלום " + "👩‍👩‍👧" * 20 + " " + "x" * 300 + " e\u0301" * 50
    table = "| a | b | c |\n|---|---|---|\n" + f"| {'wide ' * 20} | {'y' * 90} | z |\n"
    async with workspace(says(f"{words}\n\n{table}\n\nthe end"), size=(60, 40)) as stage:
        await stage.ask("go")
        await stage.until_seen("the end")
        transcript = stage.transcript
        transcript.focus()
        for width in (60, 33, 120, 80):
            await stage.pilot.resize_terminal(width, 40)
            await stage.pilot.pause()
            drawn = transcript._column.draw(1)
            shown = "".join("".join(segment.text for segment in line) for line in drawn.lines)
            assert shown.count("x") == 300 and shown.count("y") >= 90 and shown.count("漢") == 60
            for y in range(transcript.size.height):
                assert transcript.render_line(y).cell_length == transcript.scrollable_content_region.width
