"""Draft models, adapters and tokenizers of other folders: real tiny models, what they say, and what is refused."""

import asyncio
import json
import shutil
from array import array
from pathlib import Path

import pytest

from lama_tui.engine.backend import ModelSource
from lama_tui.errors import LamaError, ModelFormatError, ModelNotFoundError
from lama_tui.events import StreamEvent, StreamFinished, TextDelta
from lama_tui.types import Usage
from tests.engine.conftest import Rig, text_of, until
from tests.models import make_reciter, write_safetensors


def usage(events: list[StreamEvent]) -> Usage:
    assert isinstance(events[-1], StreamFinished)
    return events[-1].usage


def drafted(mlx: Rig, draft: str) -> ModelSource:
    return ModelSource("drafted", mlx.first.folder, draft=draft)


# --- drafts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [{}, pytest.param({"repetition_penalty": 1.5}, marks=pytest.mark.slow)])
async def test_greedy_is_the_same_with_a_draft(mlx: Rig, values: dict[str, float]) -> None:
    texts = ("a", "b" * 700)
    plain = [await mlx.answer(mlx.request(text=text, tokens=50, **values)) for text in texts]
    for draft in (mlx.second.folder, mlx.first.folder):
        with_draft = [
            await mlx.answer(mlx.request(drafted(mlx, draft), text=text, tokens=50, **values)) for text in texts
        ]
        assert [text_of(events) for events in with_draft] == [text_of(events) for events in plain]
        accepted = [usage(events).accepted_tokens for events in with_draft]
        assert all(count is not None and count < 50 for count in accepted)
        if draft == mlx.first.folder:
            assert min(filter(None, accepted)) >= 36, "three of four, for it agrees with itself"
        assert [usage(events).completion_tokens for events in with_draft] == [50, 50]
    assert usage(plain[0]).accepted_tokens is None


async def test_an_answer_with_a_draft_ends_anywhere_and_leaves_what_it_computed(mlx: Rig) -> None:
    source = drafted(mlx, mlx.first.folder)
    whole = text_of(await mlx.answer(mlx.request(text="x" * 90, tokens=40)))
    for tokens in (1, 2, 3, 4, 5, 6):
        events = await mlx.answer(mlx.request(source, text="x" * 90, tokens=tokens))
        assert text_of(events) == whole[:tokens] and usage(events).completion_tokens == tokens
    ended = await mlx.answer(mlx.request(source, text="x" * 90, tokens=40, stop=(whole[6:9],)))
    assert text_of(ended) == whole[: whole.index(whole[6:9])]
    again = await mlx.answer(mlx.request(source, text="x" * 90, prefix=whole[:6], tokens=34))
    assert text_of(again) == whole[6:], "from what is remembered of it"
    assert (usage(again).cached_tokens or 0) > 90


async def test_a_draft_is_stopped_and_others_answer_beside_it(mlx: Rig) -> None:
    source = drafted(mlx, mlx.second.folder)
    seen: list[StreamEvent] = []
    reader = asyncio.create_task(mlx.watch(mlx.request(source, text="x" * 90, tokens=3000), seen))
    await until(lambda: any(isinstance(event, TextDelta) for event in seen))
    alone = text_of(await mlx.answer(mlx.request(source, text="hello", tokens=20)))
    assert alone == text_of(await mlx.answer(mlx.request(text="hello", tokens=20)))
    assert not reader.done()
    reader.cancel()
    await asyncio.wait({reader})
    await until(lambda: not mlx.running)
    sampled = [
        text_of(await mlx.answer(mlx.request(source, text="x" * 90, tokens=40, temperature=1.0, seed=5)))
        for _ in range(2)
    ]
    assert sampled[0] == sampled[1]


async def test_a_draft_with_other_tokens_is_refused(mlx: Rig, tmp_path: Path) -> None:
    other = make_reciter(tmp_path / "other", ["Hello", " there"])
    with pytest.raises(ModelFormatError, match="cannot draft") as refused:
        await mlx.answer(mlx.request(drafted(mlx, str(other))))
    assert "another tokenizer" in refused.value.detail
    with pytest.raises(ModelNotFoundError):
        await mlx.answer(mlx.request(drafted(mlx, str(tmp_path / "nowhere"))))


# --- adapters and tokenizers ------------------------------------------------------------------------


def adapter(folder: Path, scale: float = 20.0, rank: int = 2, hidden: int = 32, **config: object) -> Path:
    folder.mkdir()
    values = array("f", [0.3] * (hidden * rank))
    name = "model.layers.1.self_attn.q_proj"
    write_safetensors(
        folder / "adapters.safetensors",
        {f"{name}.lora_a": ([hidden, rank], values), f"{name}.lora_b": ([rank, hidden], values)},
    )
    how = {"rank": 2, "scale": scale, "dropout": 0.5, "keys": ["self_attn.q_proj"]}
    said = {"fine_tune_type": "lora", "num_layers": 1, "lora_parameters": how, **config}
    (folder / "adapter_config.json").write_text(json.dumps(said))
    return folder


async def test_an_adapter_changes_what_is_said_and_is_another_model(mlx: Rig, tmp_path: Path) -> None:
    question = {"text": "x" * 300, "tokens": 40}
    plain = await mlx.answer(mlx.request(**question))  # type: ignore[arg-type]
    loud = ModelSource("one + loud", mlx.first.folder, adapter=str(adapter(tmp_path / "loud")))
    mute = ModelSource("one + mute", mlx.first.folder, adapter=str(adapter(tmp_path / "mute", scale=0.0)))
    adapted = await mlx.answer(mlx.request(loud, **question))  # type: ignore[arg-type]
    assert text_of(adapted) != text_of(plain) and usage(adapted).cached_tokens == 0
    assert text_of(await mlx.answer(mlx.request(mute, **question))) == text_of(plain)  # type: ignore[arg-type]
    again = await mlx.answer(mlx.request(loud, **question))  # type: ignore[arg-type]
    assert text_of(again) == text_of(adapted), "nothing is dropped out as in training"
    assert {model.reference for model in mlx.engine.figures().loaded} == {"one", "one + loud", "one + mute"}


async def test_adapters_that_do_not_fit_are_refused_in_words(mlx: Rig, tmp_path: Path) -> None:
    async def refused(folder: Path) -> str:
        with pytest.raises(LamaError) as error:
            await mlx.answer(mlx.request(ModelSource("m", mlx.first.folder, adapter=str(folder))))
        return f"{error.value.title} {error.value.detail}"

    assert "is not a folder" in await refused(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    assert "adapter_config.json is missing" in await refused(tmp_path / "empty")
    foreign = adapter(tmp_path / "foreign", peft_type="LORA")
    (foreign / "adapters.safetensors").rename(foreign / "adapter_model.safetensors")
    assert "PEFT" in await refused(foreign)
    assert "does not say how" in await refused(adapter(tmp_path / "unsaid", lora_parameters=3))
    assert "do not belong together" in await refused(adapter(tmp_path / "rank", rank=3))
    assert "not made for this model" in await refused(adapter(tmp_path / "wide", hidden=64))
    (tmp_path / "garbage").mkdir()
    (tmp_path / "garbage" / "adapter_config.json").write_text("{}")
    (tmp_path / "garbage" / "adapters.safetensors").write_bytes(b"\xff" * 100)
    assert await refused(tmp_path / "garbage")
    assert text_of(await mlx.answer(mlx.request(tokens=3))), "the engine lives"


async def test_a_tokenizer_of_another_folder(mlx: Rig, tmp_path: Path) -> None:
    folder = tmp_path / "tokenizer"
    folder.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(Path(mlx.first.folder) / name, folder)
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings["chat_template"] = "<|user|>?<|assistant|>"
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    source = ModelSource("one + tokenizer", mlx.first.folder, tokenizer=str(folder))
    assert usage(await mlx.answer(mlx.request(source))).prompt_tokens == 3
    larger = make_reciter(tmp_path / "larger", ["Hello", " there"])
    with pytest.raises(ModelFormatError, match="not made for this model"):
        await mlx.answer(mlx.request(ModelSource("m", mlx.first.folder, tokenizer=str(larger))))
    with pytest.raises(ModelFormatError, match="no tokenizer"):
        (tmp_path / "empty").mkdir()
        await mlx.answer(mlx.request(ModelSource("m", mlx.first.folder, tokenizer=str(tmp_path / "empty"))))
