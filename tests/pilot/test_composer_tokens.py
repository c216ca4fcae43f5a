"""The count of tokens below the composer: what is typed, and what is left after it."""

import asyncio
from collections.abc import Sequence

from chat.scripted import says
from stage import Open, Stage

from lama_tui.types import ChatMessage


def counting(messages: Sequence[ChatMessage]) -> int:
    """Four tokens around each message, and one for each character."""
    return sum(4 + len(message.text) for message in messages)


def can_count(stage: Stage, window: int | None = 100) -> None:
    stage.scripted.count = counting
    stage.scripted.window = window


async def test_what_cannot_be_measured_is_a_dash(workspace: Open) -> None:
    async with workspace() as stage:
        await stage.press(*"hello")
        await stage.until_seen(" – tokens ─")
        await stage.until_gone("left")


async def test_what_is_typed_against_what_is_left(workspace: Open) -> None:
    async with workspace(says("fine")) as stage:
        can_count(stage)
        await stage.press(*"hello")
        await stage.until_seen("5 tokens · 91 left")
        await stage.press("enter")
        await stage.idle()
        # 4 + 5 and 4 + 4 for what was said
        await stage.until_seen("─ 83 left ─")
        await stage.press(*"and")
        await stage.until_seen("3 tokens · 76 left")
        assert stage.scripted.counted[-1] or stage.scripted.counted
        whole = [[(m.role, m.text) for m in messages] for messages in stage.scripted.counted]
        assert [("user", "hello"), ("assistant", "fine"), ("user", "and")] in whole


async def test_what_does_not_fit_stands_out(workspace: Open) -> None:
    async with workspace() as stage:
        can_count(stage, window=10)
        await stage.press(*"hello")
        await stage.until_seen("5 tokens · 1 left")
        assert not stage.composer.has_class("-too-long")
        await stage.press(*"you")
        await stage.until_seen("▲ 2 tokens too many")
        await stage.until(lambda: stage.composer.has_class("-too-long"))
        await stage.press("backspace", "backspace")
        await stage.until_seen("▲ no room for an answer")  # the engine refuses it
        await stage.press("backspace")
        await stage.until_seen("5 tokens · 1 left")
        await stage.until(lambda: not stage.composer.has_class("-too-long"))


async def test_a_model_without_a_known_window_still_counts(workspace: Open) -> None:
    async with workspace() as stage:
        can_count(stage, window=None)
        await stage.press(*"hello")
        await stage.until_seen("─ 5 tokens ─")


async def test_pasted_blocks_count_whole(workspace: Open) -> None:
    async with workspace() as stage:
        can_count(stage, window=None)
        stage.composer.paste("x" * 3000, *stage.composer.selection)
        await stage.until_seen("─ 3,000 tokens ─")


async def test_keys_in_a_row_are_counted_once(workspace: Open) -> None:
    async with workspace() as stage:
        can_count(stage)
        await stage.pilot.pause()
        asked = len(stage.scripted.counted)
        stage.composer.insert("a")
        for _ in range(20):
            stage.composer.insert("b")
            await asyncio.sleep(0)
        await stage.until_seen("21 tokens · ")
        assert len(stage.scripted.counted) - asked <= 6


async def test_a_provider_that_fails_to_count_harms_nothing(workspace: Open) -> None:
    from lama_tui.errors import ModelNotFoundError

    def fails(messages: Sequence[ChatMessage]) -> int:
        raise ModelNotFoundError("It left", "Gone.", "Choose another.")

    async with workspace() as stage:
        stage.scripted.count = fails
        await stage.press(*"hello")
        await stage.until_seen(" – tokens ─")
        await stage.ask("still works")
