"""What `lama ls` calls usable is what the engine begins to load, and the other way round."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lama_tui.engine.backend import ModelSource
from lama_tui.engine.model_files import check_folder
from lama_tui.errors import ModelError
from lama_tui.library.inspect import inspect_folder
from tests.models import make_tiny_llama

Damage = Callable[[Path], object]

NAMES = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
    "README.md",
    "model.safetensors",
    "model-00002-of-00002.safetensors",
    "model.safetensors.index.json",
    "model_index.json",
    "model/model.safetensors",
    "a.gguf",
    "b/a.gguf",
    "pytorch_model.bin",
    "weights.npz",
    "\udcff.model",
)
CONTENTS = (
    b"",
    b"{}",
    b"[]",
    b"[" * 9999,
    b"version https://git-lfs.github.com/spec/v1\n",
    (2).to_bytes(8, "little") + b"{}",
    b'{"model_type": "llama"}',
    b'{"model_type": ""}',
    b'{"model_type": "x", "model_file": "x.py"}',
    b'{"model_type": "x", "max_position_embeddings": true}',
    b'{"model_type": "bert", "architectures": ["BertModel"]}',
    b'{"weight_map": {"a": "model.safetensors"}}',
    b'{"weight_map": {"a": "../x", "b": "\\u0000"}}',
    b'{"weight_map": 1}',
    b"---\nlicense: x",
)


def put(name: str, content: bytes) -> Damage:
    return lambda folder: emptied(folder / name).write_bytes(content)


def change(name: str, at: float, byte: int) -> Damage:
    """One byte of a file is another; its header is at the beginning, so that is more often meant."""

    def damage(folder: Path) -> None:
        path = folder / name
        if path.is_file() and (content := bytearray(path.read_bytes())):
            content[int(at**3 * len(content))] = byte
            path.write_bytes(content)

    return damage


def cut(name: str, share: float) -> Damage:
    def damage(folder: Path) -> None:
        if (path := folder / name).is_file():
            os.truncate(path, int(path.stat().st_size * share))

    return damage


def link(name: str, to: str) -> Damage:
    return lambda folder: emptied(folder / name).symlink_to(to)


def emptied(path: Path) -> Path:
    """A path that is free to be written."""
    path.parent.mkdir(exist_ok=True)
    remove(path)
    return path


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


names = st.sampled_from(NAMES)
damages = st.one_of(
    st.builds(put, names, st.sampled_from(CONTENTS) | st.binary(max_size=40)),
    st.builds(change, names, st.floats(0, 1, exclude_max=True), st.integers(0, 255)),
    st.builds(cut, names, st.floats(0, 1)),
    st.builds(link, names, st.sampled_from(["gone", ".", "config.json", "tokenizer.json", "/dev/null"])),
    names.map(lambda name: lambda folder: remove(folder / name)),
    names.map(lambda name: lambda folder: emptied(folder / name).mkdir()),
    names.map(lambda name: lambda folder: os.mkfifo(emptied(folder / name))),
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_llama(tmp_path_factory.mktemp("whole") / "model")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
@given(st.lists(damages, max_size=3))
@example([])
def test_the_list_and_the_engine_agree(whole: Path, tmp_path: Path, found: list[Damage]) -> None:
    folder = tmp_path / "model"
    remove(folder)
    shutil.copytree(whole, folder)
    for damage in found:
        damage(folder)
    inspection = inspect_folder(folder)
    try:
        model = check_folder(ModelSource("model", str(folder)))
    except ModelError as error:
        assert inspection.problem
        assert len(inspection.problem) < 80, "too long for a line of the list"
        assert error.detail and error.hint
        assert inspection.params is None
    else:
        assert inspection.problem == ""
        assert inspection.context == model.context_window
        assert 0 < model.weights <= inspection.weights <= inspection.size or not any(h.tensors for h in model.headers)


def test_undamaged_it_is_usable(whole: Path) -> None:
    assert inspect_folder(whole).problem == ""
