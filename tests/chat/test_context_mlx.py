"""Policies with a real model: what is measured before is what the model reads, and what it wrote is read again."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from scripted import until

from lama_tui.chat.chat import Chat
from lama_tui.chat.context import SUMMARY_REQUEST, build_context
from lama_tui.chat.room import measure
from lama_tui.config.settings import GenerationSettings
from lama_tui.conversations.messages import ConversationSettings
from lama_tui.conversations.table import Conversations
from lama_tui.engine.backend import ModelSource
from lama_tui.engine.fitting import budget
from lama_tui.engine.thread import Engine
from lama_tui.providers.local import LocalProvider
from lama_tui.types import ContextPolicy, ConversationId
from tests.engine.conftest import mlx_backend
from tests.models import make_tiny_llama

WINDOW = 2000
ANSWER = 24


@pytest.fixture
async def provider(tmp_path: Path) -> AsyncIterator[LocalProvider]:
    """A model whose tokens are bytes."""
    folder = str(make_tiny_llama(tmp_path / "tiny", window=WINDOW))

    async def resolve(reference: str) -> ModelSource:
        return ModelSource(reference, folder)

    provider = LocalProvider(Engine(mlx_backend), resolve, GenerationSettings)
    yield provider
    await provider.close()


async def talked(conversations: Conversations, turns: int, context: ContextPolicy) -> ConversationId:
    settings = ConversationSettings(system="Be brief.", temperature=0.0, max_tokens=ANSWER, context=context)
    id_ = await conversations.create("", "tiny", settings)
    for number in range(turns):
        _, answer = await conversations.add_turn(id_, f"{number} {'q' * 90}", "tiny")
        await conversations.finish(answer, "complete", text=f"{number} {'a' * 90}")
    return id_


async def test_dropping_the_oldest_is_seen_before_and_pinned_ones_stay(
    conversations: Conversations, provider: LocalProvider
) -> None:
    chat = Chat(conversations, lambda model: (provider, model))
    id_ = await talked(conversations, 14, "drop")
    await conversations.pin((await conversations.messages(id_))[2].id, True)
    await chat.send(id_, "and now?", "tiny")
    await until(lambda: not chat.is_busy(id_), 60)
    *before, answer = await conversations.messages(id_)
    assert (answer.state, answer.usage.completion_tokens) == ("complete", ANSWER)
    seen = await measure(
        provider, "tiny", before, ConversationSettings(system="Be brief."), lambda window: budget(window, ANSWER)
    )
    assert (seen.used, seen.window, seen.left_out) == (answer.usage.prompt_tokens, WINDOW, answer.usage.left_out)
    assert 4 <= seen.left_out < len(before) - 1 and seen.left_out % 2 == 0  # the turn behind the pinned one went
    assert seen.used is not None and seen.used <= WINDOW - ANSWER
    await chat.close()


async def test_what_does_not_fit_is_summarized_in_steps_and_the_answer_comes(
    conversations: Conversations, provider: LocalProvider
) -> None:
    """Not in memory at first, the model refuses, then is asked; one summary of all would be too long for it."""
    chat = Chat(conversations, lambda model: (provider, model))
    id_ = await talked(conversations, 11, "summarize")
    await chat.send(id_, "and now?", "tiny")
    await until(lambda: not chat.is_busy(id_), 60)
    *before, answer = await conversations.messages(id_)
    assert (answer.state, answer.usage.completion_tokens, answer.usage.left_out) == ("complete", ANSWER, None)
    assert len(before) == 23
    summary = next(message.summary for message in before if message.summary)
    read = build_context(before, "Be brief.")
    assert [m.text for m in read[:3]] == ["Be brief.", SUMMARY_REQUEST, summary.text]
    assert summary.text.strip() and len(summary.text) <= WINDOW // 4 + len(" …")
    assert answer.usage.prompt_tokens == await provider.count_tokens("tiny", read)
    await chat.close()


async def test_what_is_refused_names_both_numbers(conversations: Conversations, provider: LocalProvider) -> None:
    chat = Chat(conversations, lambda model: (provider, model))
    id_ = await talked(conversations, 11, "refuse")
    await chat.send(id_, "and now?", "tiny")
    await until(lambda: not chat.is_busy(id_), 60)
    *before, answer = await conversations.messages(id_)
    needed = await provider.count_tokens("tiny", build_context(before, "Be brief."))
    assert answer.error is not None and needed is not None
    assert answer.error.kind == "context"
    assert f"{needed:,}" in answer.error.detail and f"{WINDOW:,}" in answer.error.detail
    await chat.close()
