"""What the engine tells of itself while it works: real figures, of the guide and of a model with a long prompt."""

import asyncio

import pytest

from lama_tui.engine import worker
from lama_tui.engine.backend import ModelSource
from lama_tui.engine.thread import EngineFigures
from lama_tui.events import PromptProgress, ResourceSample, StreamEvent
from lama_tui.monitor.probes import ModelProbe
from lama_tui.paths import guide_weights
from tests.engine.conftest import Rig, until

KV_STEP = 256
"""Tokens by which a cache grows."""


def bytes_of_weights() -> int:
    return sum(file.stat().st_size for file in guide_weights().glob("*.safetensors"))


@pytest.fixture(autouse=True)
def _all_is_published(monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks at its memory at every step: a small model's answer is over before it looks again otherwise."""
    monkeypatch.setattr(worker, "FIGURES_INTERVAL", 0.0)


async def test_figures_of_the_guide_while_it_answers(mlx: Rig, published: list[EngineFigures]) -> None:
    source = ModelSource("guide", str(guide_weights()))
    requests = [mlx.request(source, text="How do I stop an answer?", tokens=400) for _ in range(2)]
    await asyncio.gather(*(mlx.watch(request, []) for request in requests))
    seen = list(published)
    files = bytes_of_weights()
    at_work = [figures for figures in seen if figures.running and figures.memory and figures.memory.kv]
    assert at_work, "the cache of a running answer is seen"
    for figures in at_work:
        assert figures.memory is not None
        assert 0.9 * files < figures.weights <= files
        assert figures.memory.kv and figures.memory.peak >= figures.memory.active >= figures.weights
    after = mlx.engine.figures()
    assert (after.running, after.waiting) == (0, 0)
    assert after.memory is not None and after.memory.kv == 0
    assert after.ttft_ms and after.prefill_tok_s and after.decode_tok_s and 5 < after.decode_tok_s < 100_000
    sample = ModelProbe(mlx.engine.figures)(ResourceSample(at=0))
    assert (sample.model_weights, sample.model_kv, sample.running) == (after.weights, 0, 0)
    assert (sample.prefill_tok_s, sample.ttft_ms) == (after.prefill_tok_s, after.ttft_ms)


async def test_the_cache_is_measured_as_it_grows(mlx: Rig, published: list[EngineFigures]) -> None:
    await mlx.engine.load(mlx.first)
    await mlx.watch(mlx.request(text="x" * 600, tokens=500), [])
    sizes = [figures.memory.kv for figures in list(published) if figures.memory and figures.memory.kv]
    # two layers of keys and values, 32 numbers of 4 bytes a token
    token = 2 * 2 * 32 * 4
    assert sizes == sorted(sizes) and all(size % token == 0 for size in sizes)
    assert 604 * token < sizes[-1] < (604 + 500 + 2 * KV_STEP) * token


async def test_prefill_is_told_while_a_long_prompt_is_read(mlx: Rig, published: list[EngineFigures]) -> None:
    await mlx.engine.load(mlx.first)
    events: list[StreamEvent] = []
    await mlx.watch(mlx.request(text="x" * 3000, tokens=2), events)
    reading = [each for each in list(published) if each.running and each.prefill_tok_s and not each.ttft_ms]
    assert reading, "the speed is known before the first token"
    assert sum(isinstance(event, PromptProgress) for event in events) >= 1


async def test_speeds_belong_to_the_model_that_is_loaded(mlx: Rig) -> None:
    await mlx.answer(mlx.request(tokens=3))
    before = mlx.engine.figures()
    assert before.decode_tok_s and before.prefill_tok_s and before.ttft_ms
    await mlx.engine.unload("one")
    after = mlx.engine.figures()
    assert (after.weights, after.decode_tok_s, after.prefill_tok_s, after.ttft_ms) == (0, None, None, None)


@pytest.mark.parametrize("narrow", ["mlx"], indirect=True)
async def test_waiting_answers_are_counted(narrow: Rig) -> None:
    mlx = narrow
    first = asyncio.create_task(mlx.watch(mlx.request(tokens=3000), []))
    await until(lambda: mlx.running == 1, "the first runs")
    second = asyncio.create_task(mlx.watch(mlx.request(mlx.second, tokens=3), []))
    await until(lambda: mlx.engine.figures().waiting == 1, "the second waits for its model")
    sample = ModelProbe(mlx.engine.figures)(ResourceSample(at=0))
    assert (sample.running, sample.waiting) == (1, 1)
    for task in (first, second):
        task.cancel()  # both at once: the second would begin where the first has ended
    for task in (first, second):
        with pytest.raises(asyncio.CancelledError):
            await task
    await until(lambda: (mlx.running, mlx.engine.figures().waiting) == (0, 0), "nothing is left")
