"""The header check: whole files pass, anything else is a `ModelFormatError`, never another exception."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lama_tui.engine.safetensors import Header, Tensor, read_header
from lama_tui.errors import ModelFormatError
from tests.models import make_tiny_llama


def file_with(path: Path, header: object, data: bytes = b"", length: int | None = None) -> Path:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(raw) if length is None else length).to_bytes(8, "little") + raw + data)
    return path


def tensor(dtype: object = "F32", shape: object = (2,), offsets: object = (0, 8)) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def test_a_whole_file(tmp_path: Path) -> None:
    entries = {"a": tensor(), "__metadata__": {"format": "mlx"}}
    header = read_header(file_with(tmp_path / "w", entries, b"12345678"))
    assert header == Header({"a": Tensor("F32", (2,))}, 8, "mlx")


@pytest.mark.parametrize(
    ("header", "says"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not a table"),
        ({"a": 1}, "not described"),
        ({"a": tensor(dtype=None)}, "type and shape"),
        ({"a": tensor(shape=[-1])}, "type and shape"),
        ({"a": tensor(shape=[True])}, "type and shape"),
        ({"a": tensor(shape=[1] * 99)}, "type and shape"),
        ({"a": tensor(offsets=[0])}, "place in the file"),
        ({"a": tensor(offsets=[8, 0])}, "place in the file"),
        ({"a": tensor(offsets=[0, 1.5])}, "place in the file"),
        ({"a": tensor(shape=[3], offsets=[0, 12])}, "4 bytes after the end"),
        ({"a": tensor(shape=[3])}, "not its length"),
        ({"a": tensor(shape=[2**62, 2**62])}, "type and shape"),
    ],
)
def test_headers_that_cannot_be_right(tmp_path: Path, header: object, says: str) -> None:
    path = file_with(tmp_path / "model.safetensors", header, b"12345678")
    with pytest.raises(ModelFormatError, match=says) as caught:
        read_header(path)
    assert str(path) in caught.value.detail and caught.value.hint


@pytest.mark.parametrize("content", [b"", b"1234567", b"\xff" * 8, b"\x09" + b"\0" * 7 + b"{}"])
def test_files_shorter_than_their_header(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelFormatError):
        read_header(path)


def test_a_header_length_that_would_take_the_memory(tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match="w is cut short"):
        read_header(file_with(tmp_path / "w", {}, length=2**62))
    with (tmp_path / "w").open("r+b") as file:
        file.write((2**40).to_bytes(8, "little"))
        file.truncate(2**41)  # a hole: takes no disk
    with pytest.raises(ModelFormatError, match="more than the format allows"):
        read_header(tmp_path / "w")


def test_what_is_no_file_neither_hangs_nor_passes(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ModelFormatError, match="pipe is not a file"):
        read_header(tmp_path / "pipe")
    with pytest.raises(IsADirectoryError):
        read_header(tmp_path)


def test_a_git_lfs_pointer_is_named(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(ModelFormatError, match="git LFS"):
        read_header(path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_llama(tmp_path_factory.mktemp("whole")) / "model.safetensors"


@given(share=st.floats(0, 1, exclude_max=True))
def test_every_truncation_is_found(whole: Path, share: float) -> None:
    content = whole.read_bytes()
    cut = whole.with_name("cut")
    cut.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ModelFormatError):
        read_header(cut)


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
tensors = st.fixed_dictionaries(
    {},
    optional={"dtype": json_values | st.sampled_from(["F32", "U8"]), "shape": json_values, "data_offsets": json_values},
)


@given(
    header=st.dictionaries(st.text(max_size=5), tensors | json_values, max_size=4) | json_values,
    data=st.binary(max_size=64),
)
def test_no_header_makes_it_raise_anything_else(whole: Path, header: object, data: bytes) -> None:
    path = file_with(whole.with_name("any"), header, data)
    try:
        assert read_header(path).data == len(data)
    except ModelFormatError as error:
        assert error.detail and error.hint


@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise_anything_else(whole: Path, content: bytes) -> None:
    path = whole.with_name("bytes")
    path.write_bytes(content)
    try:
        read_header(path)
    except ModelFormatError as error:
        assert error.detail and error.hint
