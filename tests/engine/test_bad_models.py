"""Folders that are not a model, or not any more: each a clear error from the whole engine, which lives on."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lama_tui.engine.backend import ModelSource
from lama_tui.errors import ModelError, ModelFormatError, ModelLoadError, ModelNotFoundError, OutOfMemoryError
from lama_tui.events import ModelLoading, StreamFinished
from tests.engine.conftest import PATIENCE, Rig
from tests.models import make_tiny_llama, write_safetensors


def change_json(path: Path, **values: object) -> None:
    content = json.loads(path.read_text()) | values
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))


def change_config(**values: object) -> Callable[[Path], None]:
    return lambda folder: change_json(folder / "config.json", **values)


def write(name: str, content: str | bytes) -> Callable[[Path], None]:
    return lambda folder: _write(folder / name, content)


def _write(path: Path, content: str | bytes) -> None:
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def remove(*names: str) -> Callable[[Path], None]:
    return lambda folder: [(folder / name).unlink() for name in names][0]  # noqa: RUF015


def cut_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def corrupt_header(folder: Path) -> None:
    path = folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[8:40] = b"\x00" * 32
    path.write_bytes(content)


def torch_only(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def gguf_only(folder: Path) -> None:
    for path in list(folder.iterdir()):
        path.unlink()
    (folder / "model-Q4.gguf").write_bytes(b"GGUF")


def half_a_download(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "model-00001-of-00003.safetensors")
    weight_map = {f"t{number}": f"model-0000{number}-of-00003.safetensors" for number in (1, 2, 3)}
    _write(folder / "model.safetensors.index.json", json.dumps({"weight_map": weight_map}))


def dangling_link(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.unlink()
    path.symlink_to(folder / "gone")


def other_tensors(folder: Path) -> None:
    from array import array

    write_safetensors(folder / "model.safetensors", {"something.else": ([2], array("f", [1, 2]))})


def custom_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.json").write_text("{}")
    (folder / "mine.py").write_text(f"open({str(folder / 'ran')!r}, 'w')\nclass Mine: pass\n")
    change_json(
        folder / "tokenizer_config.json", tokenizer_class="Mine", auto_map={"AutoTokenizer": ["mine.Mine", None]}
    )


def module_elsewhere(folder: Path) -> None:
    """mlx-lm imports what is named here, by a name that is put together."""
    (folder / "mine.py").write_text(f"open({str(folder / 'ran')!r}, 'w')\n")
    change_json(folder / "tokenizer_config.json", chat_template_type=str(folder / "mine"))


CASES: dict[str, tuple[Callable[[Path], object], type[ModelError], str]] = {
    "missing folder": (shutil.rmtree, ModelNotFoundError, "does not exist"),
    "no config": (remove("config.json"), ModelFormatError, "no config.json"),
    "config not JSON": (write("config.json", "{nope"), ModelFormatError, "is not valid JSON"),
    "config not text": (write("config.json", b"\xff\xfe\x00"), ModelFormatError, "is not valid JSON"),
    "config not a table": (write("config.json", "[1]"), ModelFormatError, "table"),
    "config incomplete": (change_config(hidden_size=None), ModelFormatError, "hidden_size"),
    "no model type": (change_config(model_type=None), ModelFormatError, "model_type"),
    "unknown model type": (change_config(model_type="nobody"), ModelFormatError, "'nobody', unknown to this mlx-lm"),
    "model type as a path": (change_config(model_type="../../x"), ModelFormatError, "unknown to this mlx-lm"),
    "needs its own code": (
        change_config(model_type="nobody", auto_map={"AutoModel": "x.Y"}),
        ModelFormatError,
        "PyTorch, which MLX cannot run",
    ),
    "names its own code": (change_config(model_file="model.py"), ModelFormatError, "no file model.py"),
    "torch weights": (torch_only, ModelFormatError, "PyTorch"),
    "gguf": (gguf_only, ModelFormatError, "GGUF"),
    "missing shards": (half_a_download, ModelFormatError, "2 of 3 weight files"),
    "dangling link": (dangling_link, ModelFormatError, "leads nowhere"),
    "truncated weights": (cut_weights, ModelFormatError, "100 bytes after the end"),
    "corrupt header": (corrupt_header, ModelFormatError, "it is not JSON"),
    "weights of another model": (other_tensors, ModelFormatError, "do not describe the same model"),
    "sizes of another model": (change_config(hidden_size=64), ModelFormatError, "do not describe the same model"),
    "no tokenizer": (remove("tokenizer.json"), ModelFormatError, "no tokenizer"),
    "damaged tokenizer": (write("tokenizer.json", "{}"), ModelFormatError, "tokenizer cannot be read"),
    "tokenizer with its own code": (custom_tokenizer, ModelFormatError, "which lama never runs"),
    "tokenizer with a module elsewhere": (module_elsewhere, ModelFormatError, "tokenizer cannot be read"),
}


@pytest.mark.parametrize("case", CASES)
async def test_a_bad_folder_is_explained_and_the_engine_lives_on(mlx: Rig, tmp_path: Path, case: str) -> None:
    damage, error, says = CASES[case]
    folder = tmp_path / "bad"
    shutil.copytree(mlx.first.folder, folder)
    damage(folder)
    with pytest.raises(error) as caught:
        await mlx.answer(mlx.request(ModelSource("bad", str(folder))))
    assert says in str(caught.value)
    assert caught.value.title and caught.value.detail and caught.value.hint
    assert not (folder / "ran").exists()
    assert isinstance((await mlx.answer(mlx.request()))[-1], StreamFinished)


async def test_a_bad_folder_leaves_the_loaded_model_alone(mlx: Rig, tmp_path: Path) -> None:
    await mlx.answer(mlx.request())
    (before,) = mlx.engine.figures().loaded
    folder = tmp_path / "bad"
    shutil.copytree(mlx.second.folder, folder)
    cut_weights(folder)
    with pytest.raises(ModelFormatError, match="cut short"):
        await mlx.answer(mlx.request(ModelSource("bad", str(folder))))
    assert mlx.engine.figures().loaded == (before,)
    assert not any(isinstance(event, ModelLoading) for event in await mlx.answer(mlx.request()))


async def test_a_file_in_place_of_a_folder(mlx: Rig, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(ModelFormatError, match="not a folder"):
        await mlx.answer(mlx.request(ModelSource("file", str(file))))


async def test_the_built_in_model_that_is_not_installed(mlx: Rig, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="built-in model is not in this installation"):
        await mlx.answer(mlx.request(ModelSource("guide", str(tmp_path))))


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that root cannot read either")
async def test_unreadable_files(mlx: Rig, tmp_path: Path) -> None:
    folder = tmp_path / "bad"
    shutil.copytree(mlx.first.folder, folder)
    (folder / "config.json").unlink()
    (folder / "config.json").symlink_to("/proc/self/mem")
    with pytest.raises(ModelLoadError, match="cannot be read"):
        await mlx.answer(mlx.request(ModelSource("bad", str(folder))))


async def test_code_of_its_own_that_is_not_needed_is_not_run(mlx: Rig, tmp_path: Path) -> None:
    folder = tmp_path / "auto"
    shutil.copytree(mlx.first.folder, folder)
    (folder / "modeling.py").write_text(f"open({str(folder / 'ran')!r}, 'w')\n")
    change_json(folder / "config.json", auto_map={"AutoModelForCausalLM": "modeling.X", "AutoConfig": "modeling.Y"})
    assert isinstance((await mlx.answer(mlx.request(ModelSource("auto", str(folder)))))[-1], StreamFinished)
    assert not (folder / "ran").exists()


async def test_an_error_that_is_kept_keeps_no_weights(mlx: Rig, tmp_path: Path) -> None:
    folder = make_tiny_llama(tmp_path / "bad", hidden=128)
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelFormatError) as caught:
        await mlx.answer(mlx.request(ModelSource("bad", str(folder))))
    assert caught.value.__cause__ is not None
    memory = mlx.engine.figures().memory
    assert memory is not None and memory.peak > 100_000 and memory.active + memory.cache < 10_000


async def test_a_model_larger_than_its_share_of_memory(tiny_models: tuple[Path, Path]) -> None:
    from lama_tui.config.settings import EngineSettings
    from lama_tui.engine.mlx_backend import MlxBackend

    source = ModelSource("one", str(tiny_models[0]))
    rig = Rig(lambda: MlxBackend(EngineSettings(memory_limit=1e-9)), source, source)
    with pytest.raises(OutOfMemoryError, match="memory_limit"):
        await rig.answer(rig.request())
    assert await rig.engine.stop(PATIENCE)
