"""What a turn cost is kept with it, from the model to the database and back: the second turn computes little again."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from scripted import until

from lama_tui.chat.chat import Chat
from lama_tui.config.settings import GenerationSettings
from lama_tui.conversations.messages import ConversationSettings
from lama_tui.conversations.table import Conversations
from lama_tui.engine.backend import ModelSource
from lama_tui.engine.thread import Engine
from lama_tui.providers.local import LocalProvider
from lama_tui.ui import figures
from tests.engine.conftest import mlx_backend
from tests.models import make_tiny_llama

ANSWER = 8


@pytest.fixture
async def provider(tmp_path: Path) -> AsyncIterator[LocalProvider]:
    """A model whose tokens are bytes."""
    folder = str(make_tiny_llama(tmp_path / "tiny"))

    async def resolve(reference: str) -> ModelSource:
        return ModelSource(reference, folder)

    provider = LocalProvider(Engine(mlx_backend), resolve, GenerationSettings)
    yield provider
    await provider.close()


async def test_every_turn_keeps_what_it_cost(conversations: Conversations, provider: LocalProvider) -> None:
    chat = Chat(conversations, lambda model: (provider, model))
    settings = ConversationSettings(temperature=0.0, max_tokens=ANSWER)
    id_ = await conversations.create("", "tiny", settings)
    for question in ("q" * 200, "and then?"):
        await chat.send(id_, question, "tiny")
        await until(lambda: not chat.is_busy(id_), 60)
    _, first, _, second = await conversations.messages(id_)  # as the database has them
    prompt = 1 + 200 + 1 + 1  # its role, the text, its end, whose turn it is
    assert (first.usage.prompt_tokens, first.usage.cached_tokens, first.usage.completion_tokens) == (prompt, 0, ANSWER)
    known = prompt + ANSWER - 1  # the last token of an answer was read by nobody yet
    assert second.usage.cached_tokens == known
    assert second.usage.prompt_tokens == prompt + ANSWER + 1 + 1 + len("and then?") + 1 + 1
    for usage in (first.usage, second.usage):
        assert usage.prefill_tok_s and usage.decode_tok_s and usage.ttft_ms and usage.peak_memory
    shown = figures.cost(second.usage)
    assert f"{second.usage.prompt_tokens} prompt · {known} cached · {ANSWER} completion" in shown and "–" not in shown
