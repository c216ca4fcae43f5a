"""Large pastes in the composer: one label that acts as one thing."""

import pytest
from chat.scripted import says
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stage import Open, Stage
from textual import events

from lama_tui.conversations.pasted import label

LARGE = "".join(f"line {number}\n" for number in range(40))


async def paste(stage: Stage, text: str) -> None:
    before = stage.composer.text
    stage.app.post_message(events.Paste(text))
    await stage.until(lambda: stage.composer.text != before)
    await stage.pilot.pause()


async def test_a_large_paste_is_a_label_and_is_sent_whole(workspace: Open) -> None:
    async with workspace() as stage:
        await stage.press(*"look: ")
        await paste(stage, LARGE)
        await stage.press(*" ok")
        await stage.until_seen(f"look: {label(LARGE)} ok", "f9 Open paste")
        await stage.until(lambda: stage.composer.expanded == f"look: {LARGE} ok")
        await stage.press("enter")
        await stage.until(lambda: stage.scripted.requests)
        assert stage.scripted.requests[0].messages[-1].text == f"look: {LARGE} ok"
        await stage.idle()
        await stage.until(lambda: stage.messages[0].text == f"look: {LARGE} ok")
        # and comes back as a label
        await stage.press("up")
        await stage.until(lambda: stage.composer.expanded == f"look: {LARGE} ok")
        await stage.until_seen(f"look: {label(LARGE)} ok")


async def test_a_small_paste_is_text(workspace: Open) -> None:
    async with workspace() as stage:
        await paste(stage, "one\ntwo")
        await stage.until(lambda: stage.composer.text == "one\ntwo")


async def test_the_cursor_steps_over_it(workspace: Open) -> None:
    async with workspace() as stage:
        await stage.press("a")
        await paste(stage, LARGE)
        await stage.press("b", "left", "left")
        await stage.until(lambda: stage.composer.cursor_location == (0, 1))
        await stage.press("right")
        await stage.until(lambda: stage.composer.cursor_location == (0, 1 + len(label(LARGE))))
        await stage.press("ctrl+left")
        await stage.until(lambda: stage.composer.cursor_location == (0, 1))
        await stage.press("ctrl+right")
        await stage.until(lambda: stage.composer.cursor_location[1] >= 1 + len(label(LARGE)))


@pytest.mark.parametrize("keys", [["backspace"], ["left", "delete"], ["ctrl+w"], ["shift+left", "backspace"]])
async def test_it_is_removed_as_a_whole_and_undone(workspace: Open, keys: list[str]) -> None:
    async with workspace() as stage:
        await stage.press("a")
        await paste(stage, LARGE)
        await stage.press(*keys)
        await stage.until(lambda: stage.composer.expanded == "a")
        await stage.press("ctrl+underscore")
        await stage.until(lambda: stage.composer.expanded == f"a{LARGE}")
        assert label(LARGE) in stage.seen()


async def test_what_is_cut_is_put_back_whole(workspace: Open) -> None:
    async with workspace() as stage:
        await paste(stage, LARGE)
        stage.composer.action_cut_word()
        await stage.until(lambda: stage.composer.text == "")
        stage.composer.action_put_back()
        stage.composer.action_put_back()
        await stage.until(lambda: stage.composer.expanded == LARGE * 2)


async def test_it_opens_by_key_and_by_click(workspace: Open) -> None:
    async with workspace() as stage:
        await stage.press("a")
        await paste(stage, LARGE)
        await stage.press("f9")
        await stage.until(lambda: stage.composer.text == f"a{LARGE}")
        await stage.press("ctrl+underscore")
        await stage.until_seen(label(LARGE))
        await stage.until(lambda: stage.composer.content_size.height == 1)  # it is as small again as its text
        await stage.pilot.click(stage.composer, offset=(8, 1))
        await stage.until(lambda: stage.composer.text == f"a{LARGE}")
        await stage.press("f9")  # nothing is left to open
        await stage.until(lambda: stage.composer.text == f"a{LARGE}")


async def test_a_label_typed_by_hand_is_text(workspace: Open) -> None:
    async with workspace() as stage:
        await paste(stage, LARGE)
        await stage.press("ctrl+j", *label(LARGE))
        await stage.press("backspace")
        await stage.until(lambda: stage.composer.expanded == f"{LARGE}\n{label(LARGE)[:-1]}")


async def test_copying_takes_all_of_it(workspace: Open) -> None:
    async with workspace() as stage:
        await paste(stage, LARGE)
        stage.composer.select_all()
        await stage.press("ctrl+c")
        copied = stage.paths.state / "clipboard.txt"
        await stage.until(lambda: copied.exists() and copied.read_text() == LARGE)


async def test_a_queued_block_waits_as_a_label(workspace: Open) -> None:
    import asyncio

    from lama_tui.events import StreamFinished, StreamStarted, TextDelta
    from lama_tui.types import Place, Usage

    go = asyncio.Event()
    script = [StreamStarted("m", Place("script", True)), TextDelta("well"), go, StreamFinished("stop", Usage())]
    async with workspace(script, says("second")) as stage:
        await stage.say("first")
        await stage.until_seen("well")
        await paste(stage, LARGE)
        await stage.press("enter")
        await stage.until_seen(f"next: {label(LARGE)}")
        await stage.press("up")
        await stage.until(lambda: stage.composer.expanded == LARGE)
        await stage.press("enter")
        await stage.until(lambda: stage.queued)
        go.set()
        await stage.until_seen("second")
        assert stage.scripted.requests[1].messages[-1].text == LARGE


KEYS = st.sampled_from([
    "a", "[", "]", "space", "ctrl+j", "left", "right", "up", "down", "home", "end", "ctrl+left", "ctrl+right",
    "backspace", "delete", "ctrl+w", "ctrl+underscore", "shift+left", "shift+right", "shift+home", "ctrl+k", "ctrl+u",
])  # fmt: skip
STEPS = st.lists(KEYS | st.integers(0, 2), min_size=1, max_size=25)
TEXTS = [LARGE, "y" * 2500, "\n".join("ä[]" for _ in range(12))]


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(STEPS, min_size=4, max_size=4))
async def test_no_key_breaks_a_block(workspace: Open, runs: list[list[str | int]]) -> None:
    """A block is there with all of its text, or not at all: no part of a label is ever left behind."""
    async with workspace(size=(60, 20)) as stage:
        for steps in runs:
            stage.composer.load_text("")
            for step in steps:
                if isinstance(step, int):
                    stage.composer.paste(TEXTS[step], *stage.composer.selection)
                else:
                    await stage.press(step)
            composer = stage.composer
            blocks = composer._blocks
            rest = composer.text
            for span in reversed(blocks.spans(composer.text)):
                assert span.text in TEXTS
                rest = rest[: span.start] + rest[span.end :]
            assert not [character for character in rest if character >= "\U0010f000"]
            row, column = composer.cursor_location
            assert not any(span.start < column < span.end for span in blocks.spans(composer.document[row]))
            shown = composer.marked
            composer.load_text(shown)
            assert composer.marked == shown
