"""What MLX answers: the same tokens as mlx-lm alone, split, stopped and counted rightly."""

import asyncio
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lama_tui.engine.backend import ModelSource
from lama_tui.errors import InferenceError
from lama_tui.events import PromptProgress, ReasoningDelta, StreamEvent, StreamFinished, UsageUpdated
from tests.engine.conftest import Rig, text_of
from tests.models import END, TEMPLATE, make_reciter, make_tiny_llama


def finish(events: list[StreamEvent]) -> StreamFinished:
    last = events[-1]
    assert isinstance(last, StreamFinished)
    return last


def reasoning_of(events: list[StreamEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, ReasoningDelta))


def reciter(tmp_path: Path, *pieces: str, **options: object) -> ModelSource:
    return ModelSource("reciter", str(make_reciter(tmp_path / "reciter", pieces, **options)))  # type: ignore[arg-type]


async def test_greedy_is_what_mlx_lm_says(mlx: Rig) -> None:
    def alone() -> str:
        import mlx.core as mx
        from mlx_lm.generate import stream_generate
        from mlx_lm.utils import load

        model, tokenizer = load(mlx.first.folder)
        messages = [{"role": "user", "content": "x" * 200}]
        prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True)
        text = "".join(part.text for part in stream_generate(model, tokenizer, prompt, max_tokens=50))
        mx.synchronize()
        mx.clear_streams()
        return text

    with ThreadPoolExecutor(1) as thread:
        expected = await asyncio.get_running_loop().run_in_executor(thread, alone)
    events = await mlx.answer(mlx.request(text="x" * 200, tokens=50))
    assert text_of(events) == expected and len(expected) == 50


async def test_answers_that_run_together_do_not_mix(mlx: Rig) -> None:
    alone = [text_of(await mlx.answer(mlx.request(text=text, tokens=40))) for text in ("a", "b" * 300, "c" * 70)]
    together = await asyncio.gather(
        *(mlx.answer(mlx.request(text=text, tokens=40)) for text in ("a", "b" * 300, "c" * 70))
    )
    assert [text_of(events) for events in together] == alone
    assert len(set(alone)) == 3


async def test_a_seed_decides_also_beside_others(mlx: Rig) -> None:
    def seeded(seed: int | None) -> object:
        return mlx.answer(mlx.request(tokens=30, temperature=1.0, seed=seed))

    alone = text_of(await seeded(7))  # type: ignore[misc]
    together = await asyncio.gather(seeded(7), seeded(8), seeded(None), seeded(7))  # type: ignore[arg-type]
    texts = [text_of(events) for events in together]
    assert texts[0] == texts[3] == alone
    assert len({alone, texts[1], texts[2]}) == 3


@pytest.mark.parametrize("values", [{"top_p": 0.99}, {"top_k": 3}, {"min_p": 0.2}, {"top_k": 100_000}])
async def test_the_models_own_sampling_values_are_used(mlx: Rig, tmp_path: Path, values: dict[str, float]) -> None:
    source = ModelSource("own", str(make_tiny_llama(tmp_path / "own", generation_config=values)))
    texts = {
        text_of(await mlx.answer(mlx.request(source, tokens=20, temperature=None, seed=seed))) for seed in range(3)
    }
    assert len(texts) > 1, "it samples"


async def test_a_model_that_says_so_is_greedy(mlx: Rig, tmp_path: Path) -> None:
    source = ModelSource("own", str(make_tiny_llama(tmp_path / "own", generation_config={"do_sample": False})))
    texts = {text_of(await mlx.answer(mlx.request(source, tokens=20, temperature=None))) for _ in range(3)}
    assert len(texts) == 1


async def test_the_end_token_ends_and_is_not_said(mlx: Rig, tmp_path: Path) -> None:
    events = await mlx.answer(mlx.request(reciter(tmp_path, "Hello", " there", " friend"), tokens=50))
    assert text_of(events) == "Hello there friend"
    assert finish(events).reason == "stop" and finish(events).usage.completion_tokens == 3


async def test_several_end_tokens(mlx: Rig, tmp_path: Path) -> None:
    source = reciter(tmp_path, "Hello", " there", "<|stop|>", " more", specials=["<|stop|>"])
    path = Path(source.folder) / "generation_config.json"
    path.write_text(f'{{"eos_token_id": [{END}, 262]}}')
    assert text_of(await mlx.answer(mlx.request(source, tokens=50))) == "Hello there"


async def test_a_stop_string_over_several_tokens(mlx: Rig, tmp_path: Path) -> None:
    config = {"stop_strings": ["over and out"]}
    source = reciter(tmp_path, "All well, over", " and", " again", generation_config=config)
    assert text_of(await mlx.answer(mlx.request(source, tokens=50))) == "All well, over and again"
    other = ModelSource(
        "other", str(make_reciter(tmp_path / "o", ["Well, ov", "er an", "d out of"], generation_config=config))
    )
    events = await mlx.answer(mlx.request(other, tokens=50))
    assert text_of(events) == "Well, " and finish(events).reason == "stop"


async def test_a_model_without_a_template_stops_before_the_next_question(mlx: Rig, tmp_path: Path) -> None:
    # asked plainly, the prompt ends with ":", so that is where its recital begins
    folder = make_reciter(tmp_path / "base", ["  I am", " fine\nUs", "er: and you"], template=None, after=":")
    events = await mlx.answer(mlx.request(ModelSource("base", str(folder)), tokens=50))
    assert text_of(events) == " I am fine" and finish(events).reason == "stop"


async def test_held_back_text_is_said_when_the_answer_ends(mlx: Rig, tmp_path: Path) -> None:
    source = reciter(tmp_path, "one", " <thi", "<think>", "</think>", "never")
    path = Path(source.folder)
    events = await mlx.answer(mlx.request(ModelSource("r", str(path)), tokens=2))
    assert text_of(events) == "one <thi" and finish(events).reason == "length"


async def test_reasoning_is_kept_apart(mlx: Rig, tmp_path: Path) -> None:
    events = await mlx.answer(mlx.request(reciter(tmp_path, "<think>", "hm, well", "</think>", "Yes."), tokens=50))
    assert (reasoning_of(events), text_of(events)) == ("hm, well", "Yes.")


async def test_reasoning_that_the_template_opens(mlx: Rig, tmp_path: Path) -> None:
    template = TEMPLATE.replace("<|assistant|>{% endif %}", "<think><|assistant|>{% endif %}")
    source = reciter(tmp_path, "hm, well", "</think>", "Yes.", "<think>", template=template)
    events = await mlx.answer(mlx.request(source, tokens=3))
    assert (reasoning_of(events), text_of(events)) == ("hm, well", "Yes.")


async def test_an_unfinished_answer_goes_on_exactly(mlx: Rig, tmp_path: Path) -> None:
    source = reciter(tmp_path, "Hello", " there", " my", " friend")
    whole = await mlx.answer(mlx.request(source, tokens=50))
    for prefix in ("Hello", "Hello there", "Hello there my"):
        rest = await mlx.answer(mlx.request(source, tokens=50, prefix=prefix))
        assert prefix + text_of(rest) == text_of(whole)


async def test_random_text_goes_on_exactly(mlx: Rig) -> None:
    whole = text_of(await mlx.answer(mlx.request(tokens=40)))
    for cut in (1, 17, 39):
        rest = text_of(await mlx.answer(mlx.request(tokens=40 - cut, prefix=whole[:cut])))
        assert whole[:cut] + rest == whole


async def test_going_on_after_reasoning_does_not_reason_again(mlx: Rig, tmp_path: Path) -> None:
    template = TEMPLATE.replace("<|assistant|>{% endif %}", "<|assistant|><think>{% endif %}")
    source = reciter(tmp_path, "<think>", "</think>", "Yes", ", indeed.", template=template)
    events = await mlx.answer(mlx.request(source, tokens=50, prefix="Yes"))
    assert (reasoning_of(events), text_of(events)) == ("", ", indeed.")


async def test_typed_control_tokens_are_text(mlx: Rig) -> None:
    """`<|end|>` typed is seven tokens, one a character, and not the one that ends a turn."""
    plain = finish(await mlx.answer(mlx.request(text="", tokens=1))).usage.prompt_tokens
    typed = finish(await mlx.answer(mlx.request(text="<|end|>", tokens=1))).usage.prompt_tokens
    assert plain is not None and typed == plain + len("<|end|>")


async def test_a_prompt_that_does_not_fit_says_both_numbers(mlx: Rig, tmp_path: Path) -> None:
    source = ModelSource("small", str(make_tiny_llama(tmp_path / "small", window=64)))
    with pytest.raises(InferenceError) as caught:
        await mlx.answer(mlx.request(source, text="x" * 100))
    assert "103 tokens" in caught.value.detail and "at most 64" in caught.value.detail


async def test_an_answer_ends_with_the_window(mlx: Rig, tmp_path: Path) -> None:
    source = ModelSource("small", str(make_tiny_llama(tmp_path / "small", window=64)))
    last = finish(await mlx.answer(mlx.request(source, text="x" * 50, tokens=1000)))
    assert last.reason == "length"
    assert (last.usage.prompt_tokens, last.usage.completion_tokens, last.usage.context_window) == (53, 11, 64)


async def test_progress_and_figures(mlx: Rig) -> None:
    events = await mlx.answer(mlx.request(text="x" * 200, tokens=20))
    progress = [event for event in events if isinstance(event, PromptProgress)]
    assert progress[-1] == PromptProgress(203, 203)
    usage = finish(events).usage
    assert (usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens) == (203, 0, 20)
    assert usage.ttft_ms and usage.prefill_tok_s and usage.decode_tok_s and usage.peak_memory
    assert any(isinstance(event, UsageUpdated) for event in events)
    one = finish(await mlx.answer(mlx.request(tokens=1))).usage
    assert one.completion_tokens == 1 and one.decode_tok_s is None


async def test_no_tokens_wanted(mlx: Rig) -> None:
    with pytest.raises(InferenceError, match="max_tokens"):
        await mlx.answer(mlx.request(tokens=0))


async def test_unloading_gives_the_memory_back(mlx: Rig) -> None:
    model = await mlx.engine.load(mlx.first)
    await mlx.answer(mlx.request(tokens=20))
    freed = await mlx.engine.unload("one")
    memory = mlx.engine.figures().memory
    assert freed >= model.weights
    assert memory is not None and memory.active < model.weights and memory.cache == 0


async def test_a_model_folder_that_is_replaced_between_loads(mlx: Rig, tmp_path: Path) -> None:
    folder = tmp_path / "m"
    shutil.copytree(mlx.first.folder, folder)
    source = ModelSource("m", str(folder))
    before = text_of(await mlx.answer(mlx.request(source, tokens=20)))
    await mlx.engine.unload("m")
    shutil.rmtree(folder)
    shutil.copytree(mlx.second.folder, folder)
    assert text_of(await mlx.answer(mlx.request(source, tokens=20))) != before
