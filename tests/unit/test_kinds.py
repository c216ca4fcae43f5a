"""What a file is by its first bytes, whatever it is called; pickles above all."""

import bz2
import datetime
import gzip
import io
import lzma
import os
import pickle
import socket
import struct
import tarfile
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lama_tui.engine.safetensors import read_header
from lama_tui.library.importing.kinds import PICKLES, kind_of, zip_directory_size
from tests.models import make_tiny_llama

MADE = OrderedDict(when=datetime.datetime(2026, 1, 1))
LEGACY_TORCH = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03."


def tar_of(**members: bytes) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return raw.getvalue()


def zip_of(*names: str) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        for name in names:
            archive.writestr(name, "x" * 100)
    return raw.getvalue()


def told_by(value: object) -> str:
    """The name of a test: what it expects; of what is told by its bytes only their number."""
    return value if isinstance(value, str) else f"{len(value)} bytes" if isinstance(value, bytes) else "?"


def written(folder: Path, data: bytes) -> Path:
    path = folder / "model.safetensors"  # the name says nothing
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("value", [MADE, {"a": [1, 2.5, "text"]}, ["x" * 100_000, MADE]], ids=["calls", "data", "far"])
def test_pickles_of_every_protocol_are_told(tmp_path: Path, protocol: int, value: Any) -> None:
    assert kind_of(written(tmp_path, pickle.dumps(value, protocol))) == "pickle"


def test_a_pickle_without_its_mark_is_told(tmp_path: Path) -> None:
    raw = pickle.dumps(MADE, 2)
    assert pickle.loads(raw[2:]) == MADE, "readers do not ask for the mark"
    assert kind_of(written(tmp_path, raw[2:])) == "pickle"
    assert kind_of(written(tmp_path, b"cposix\nsystem\n(S'true'\ntR.")) == "pickle"
    assert kind_of(written(tmp_path, b"(S'true'\niposix\nsystem\n.")) == "pickle"
    far = b"X" + struct.pack("<I", 200_000) + b"\n" * 200_000 + b"0cposix\nsystem\n(S'true'\ntR."
    assert kind_of(written(tmp_path, far)) == "pickle", "what is dangerous comes late"


def test_safetensors_that_are_a_pickle_too_are_a_pickle(tmp_path: Path) -> None:
    payload = b"0cbuiltins\nint\n(tR."
    table = b'":{"dtype":"U8","shape":[%d],"data_offsets":[0,%d]}}' % (len(payload), len(payload))
    # a reader of pickles sees X with a text of six bytes, then texts (U) up to the data
    header = b'{"_' + b"".join(b"U" + bytes([126]) + b"_" * 126 for _ in range(12))
    header += b"U" + bytes([83]) + table.rjust(83, b"_")
    raw = (0x658).to_bytes(8, "little") + header + payload
    path = written(tmp_path, raw)
    assert next(iter(read_header(path).tensors.values())).shape == (len(payload),)
    assert pickle.loads(raw) == 0
    assert kind_of(path) == "pickle"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (LEGACY_TORCH, "pickle"),
        (zip_of("archive/data.pkl", "archive/data/0"), "torch"),
        (zip_of("data.pkl"), "torch"),
        (zip_of("config.json"), "zip"),
        (zip_of(), "zip"),
        (tar_of(a=b"x"), "tar"),
        (gzip.compress(tar_of(a=b"x")), "gzip"),
        (bz2.compress(b"x"), "bzip2"),
        (lzma.compress(b"x"), "xz"),
        (b"\x28\xb5\x2f\xfd\x00", "zstd"),
        (b"7z\xbc\xaf\x27\x1c\x00", "other archive"),
        (b"GGUF" + bytes(20), "gguf"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "lfs pointer"),
        (b"\xef\xbb\xbf \n<!DOCTYPE html><html>", "html"),
        (b"\n <html lang=en>", "html"),
        (b' {"model_type": "llama"}', "json"),
        (b"# A card\n", "text"),
        ("Zwölf Boxkämpfer".encode(), "text"),
        (b"", "empty"),
        (b"\x89PNG\r\n\x1a\n\x00", "unknown"),
        (b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False}", "pickle"),
        (b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False}", "unknown"),
        (b"\n\x0e\n\x05<unk>\x15\x00\x00", "unknown"),
    ],
    ids=told_by,  # archives hold the time: two test processes would not agree on the names of the tests
)
def test_the_first_bytes_decide(tmp_path: Path, data: bytes, kind: str) -> None:
    assert kind_of(written(tmp_path, data)) == kind


@pytest.mark.parametrize(
    "text",
    ["import\nthis\n", "cats\ndogs\nRabbits\n", "c\na\nR", "in\nthe\nbeginning", "Nothing. Really.", "(a) first\n",
     "Printing\nBooks", "Version 1\n.gitignore", "I1\n.hidden", "]\n", "No.", "N.", "K.", "}.", "(((((", "Vienna\n0.5"],
)  # fmt: skip
def test_texts_that_begin_like_pickles_are_texts(tmp_path: Path, text: str) -> None:
    assert kind_of(written(tmp_path, text.encode())) not in PICKLES


def test_a_length_that_begins_like_a_pickle_is_one_of_safetensors(tmp_path: Path) -> None:
    header = b'{"__metadata__":{"a":"b"}}'.ljust(0x0280)
    assert kind_of(written(tmp_path, len(header).to_bytes(8, "little") + header)) == "safetensors"
    model = make_tiny_llama(tmp_path / "made")
    assert kind_of(model / "model.safetensors") == "safetensors"
    assert kind_of(model / "config.json") == "json"


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert kind_of(tmp_path / "pipe") == "not a file"
    assert kind_of(Path("/dev/zero")) == "not a file"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        with pytest.raises(OSError):
            kind_of(tmp_path / "s")


def test_a_zips_list_is_measured_before_it_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, zip_of(*(f"{number}" for number in range(100))))
    with path.open("rb") as file:
        measured = zip_directory_size(file, path.stat().st_size)
    with zipfile.ZipFile(path) as archive:
        real = sum(46 + len(info.filename) for info in archive.infolist())
    assert measured == real


@given(st.binary(max_size=300))
def test_garbage_is_something(data: bytes) -> None:
    path = Path(os.environ["LAMA_HOME"]).with_name("garbage")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    assert kind_of(path)


@settings(max_examples=40)
@given(st.recursive(st.integers() | st.text() | st.floats(), lambda inner: st.lists(inner) | st.tuples(inner, inner)))
def test_whatever_is_pickled_is_told(value: Any) -> None:
    path = Path(os.environ["LAMA_HOME"]).with_name("pickled")
    path.parent.mkdir(parents=True, exist_ok=True)
    for protocol in range(6):
        path.write_bytes(raw := pickle.dumps([value, "text"], protocol))
        assert kind_of(path) == "pickle", raw
