"""Nothing is computed twice: the next turn, a regeneration, a fork and a cut answer go on from what is known."""

from contextlib import aclosing

from lama_tui.engine.backend import GenerationRequest
from lama_tui.events import PromptProgress, StreamFinished, TextDelta
from lama_tui.types import ChatMessage, RequestId, Sampling, Usage
from tests.engine.conftest import Rig, text_of, until

HISTORY = "x" * 300


def turns(rig: Rig, *texts: str, tokens: int = 10) -> GenerationRequest:
    """A conversation of these texts, of a person and a model in turn."""
    messages = tuple(ChatMessage("assistant" if number % 2 else "user", text) for number, text in enumerate(texts))
    return GenerationRequest(RequestId(f"t{next(rig.numbers)}"), rig.first, messages, Sampling(0.0, tokens))


async def answered(rig: Rig, *texts: str) -> tuple[str, Usage]:
    events = await rig.answer(turns(rig, *texts))
    last = events[-1]
    assert isinstance(last, StreamFinished)
    return text_of(events), last.usage


async def test_the_next_turn_reads_only_what_is_new(mlx: Rig) -> None:
    answer, first = await answered(mlx, HISTORY)
    _, second = await answered(mlx, HISTORY, answer, "and?")
    assert (first.cached_tokens, first.prompt_tokens) == (0, 303)
    # the last token of an answer that ends by its limit is never read
    assert (second.cached_tokens, second.prompt_tokens) == (312, 313 + 8)


async def test_a_regeneration_and_a_fork_share_the_beginning(mlx: Rig) -> None:
    answer, _ = await answered(mlx, HISTORY)
    again, usage = await answered(mlx, HISTORY)
    assert again == answer and usage.cached_tokens == 302
    _, usage = await answered(mlx, HISTORY[:200] + "y" * 100)
    assert usage.cached_tokens == 201


async def test_an_answer_from_what_is_known_is_the_same(mlx: Rig) -> None:
    answer, _ = await answered(mlx, HISTORY)
    warm, usage = await answered(mlx, HISTORY, answer, "and?")
    assert usage.cached_tokens
    await mlx.engine.unload("one")
    cold, usage = await answered(mlx, HISTORY, answer, "and?")
    assert usage.cached_tokens == 0 and cold == warm


async def test_a_cancelled_prefill_is_not_lost(mlx: Rig) -> None:
    async with aclosing(mlx.engine.generate(turns(mlx, "z" * 2000))) as events:
        async for event in events:
            if isinstance(event, PromptProgress) and event.done >= 64:
                break
    await until(lambda: not mlx.running, "it never ended")
    _, usage = await answered(mlx, "z" * 2000)
    assert (usage.cached_tokens or 0) >= 64


async def test_a_cancelled_answer_is_not_lost(mlx: Rig) -> None:
    text = ""
    async with aclosing(mlx.engine.generate(turns(mlx, HISTORY, tokens=4000))) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                text += event.text
                if len(text) > 20:
                    break
    await until(lambda: not mlx.running, "it never ended")
    _, usage = await answered(mlx, HISTORY, text, "and?")
    assert (usage.cached_tokens or 0) >= 303 + len(text)


async def test_what_is_kept_is_counted(mlx: Rig) -> None:
    await answered(mlx, HISTORY)
    memory = mlx.engine.figures().memory
    assert memory is not None and memory.prompts and memory.kv == 0
    await mlx.engine.unload("one")
    memory = mlx.engine.figures().memory
    assert memory is not None and memory.prompts == 0
