"""What is very long is drawn while one goes on working: nothing waits for it, and one can do without it."""

import re

import pytest
from stage import Open, Stage

ROWS = 100_000


def rows(count: int = ROWS) -> str:
    return "\n".join(f"row {number}" for number in range(count))


async def write(stage: Stage, *texts: str) -> None:
    """Put a conversation into the store: a question, an answer, and so on."""
    conversation = await stage.conversations.create("long", "guide")
    for question, answer in zip(texts[::2], [*texts[1::2], "yes"], strict=False):
        _, running = await stage.conversations.add_turn(conversation, question, "guide")
        await stage.conversations.finish(running, "complete", text=answer, finish_reason="stop")


def drawing(stage: Stage) -> int | None:
    """The percentage that is shown."""
    found = re.search(r"drawing… (\d+) %", stage.seen())
    return int(found[1]) if found else None


async def unfold(stage: Stage) -> None:
    stage.transcript.focus()
    await stage.press("g", "space")


def whole(stage: Stage) -> bool:
    return stage.transcript.virtual_size.height > ROWS


@pytest.mark.slow
@pytest.mark.parametrize("role", ["user", "assistant"])
async def test_keys_are_taken_while_a_message_of_100_000_lines_is_drawn(workspace: Open, role: str) -> None:
    text = rows() if role == "user" else rows().replace("\n", "\n\n")
    async with workspace() as stage:
        await write(stage, *((text, "The answer.") if role == "user" else ("What?", text)))
    async with workspace() as stage:
        await stage.until_seen("more lines")
        stage.transcript.focus()
        await stage.press("g", *("" if role == "user" else "j"))
        await stage.until_seen("row 3")
        await stage.press("space")
        await stage.until(lambda: drawing(stage) is not None)
        first = drawing(stage)
        assert first is not None and stage.sees("row 3") and not whole(stage)
        stage.composer.focus()
        stage.app.simulate_key("x")  # waits for nothing
        await stage.until(lambda: stage.composer.text == "x")
        assert not whole(stage)
        await stage.until(lambda: (drawing(stage) or 0) > first)
        await stage.until(lambda: whole(stage))
        await stage.until(lambda: drawing(stage) is None)
        await stage.until(lambda: stage.sees("row 3", "row 20" if role == "user" else "row 7"))
        stage.transcript.focus()
        await stage.press("G")
        await stage.until_seen(f"row {ROWS - 1}")


async def test_folding_again_stops_the_drawing(workspace: Open) -> None:
    async with workspace() as stage:
        await write(stage, rows(), "The answer.")
    async with workspace() as stage:
        await stage.until_seen("more lines")
        for stop in ("space", "escape"):
            await unfold(stage)
            await stage.until_seen("drawing…", "stops it")
            await stage.press(stop)
            await stage.until_seen("more lines")
            await stage.until_gone("drawing…")
            await stage.until(lambda: stage.transcript._column.unfinished is None)
            await stage.until(lambda: stage.transcript.has_focus)
        await stage.until(lambda: stage.transcript._unfinished._timer is None)
        assert not whole(stage)


@pytest.mark.slow
async def test_the_width_changes_while_a_message_is_drawn_and_after(workspace: Open) -> None:
    long = "\n".join(f"row {number} " + "word " * 15 for number in range(10_000))
    async with workspace(size=(80, 30)) as stage:
        await write(stage, long, "The answer.")
    async with workspace(size=(80, 30)) as stage:
        await stage.until_seen("more lines")
        await unfold(stage)
        await stage.until_seen("drawing…")
        await stage.pilot.resize_terminal(40, 30)
        await stage.until_seen("drawing…", "row 1 ")
        await stage.until(lambda: drawing(stage) is None and stage.transcript.virtual_size.height > 20_000)
        narrow = stage.transcript.virtual_size.height
        stage.transcript.scroll_to(y=narrow // 2, animate=False)
        await stage.pilot.pause()
        middle = re.search(r"row (\d+)", stage.seen())
        assert middle is not None
        await stage.pilot.resize_terminal(80, 30)
        await stage.until_seen("drawing…")
        await stage.until_seen(middle[0])  # as it was, until it is drawn anew
        await stage.until(lambda: drawing(stage) is None and stage.transcript.virtual_size.height < narrow)
        await stage.until(lambda: stage.sees(middle[0]))
