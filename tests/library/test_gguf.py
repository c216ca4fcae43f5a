"""What GGUF files say of themselves, and how they are listed; garbage is never raised."""

import os
import struct
from pathlib import Path

from gguf_files import F32, LLAMA, text, value, write_gguf
from hypothesis import given
from hypothesis import strategies as st

from lama_tui.library.gguf_header import read_gguf_header
from lama_tui.library.gguf_models import NOT_YET
from lama_tui.library.hub_cache import hub_cache_folder
from lama_tui.library.installed import describe, installed_models
from lama_tui.paths import Paths


def test_the_header_is_read(tmp_path: Path) -> None:
    found = read_gguf_header(write_gguf(tmp_path / "m.gguf"))
    assert (found.architecture, found.name, found.license, found.problem) == ("llama", "Tiny", "mit", "")
    assert (found.params, found.quantization, found.bits, found.context) == (256 * 4 + 256, "Q4_K_M", 4, 2048)
    assert found.kv is not None and found.kv.size(256) == 2 * 2 * 2 * 64 * 2 * 256
    without = {key: item for key, item in LLAMA.items() if key != "general.file_type"}
    assert read_gguf_header(write_gguf(tmp_path / "n.gguf", without)).quantization == "Q4_K"


def test_a_file_that_is_cut_short_says_so(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "m.gguf")
    raw = path.read_bytes()
    for length in (0, 3, 4, 20, 30, 200, 2000, len(raw) - 1):
        path.write_bytes(raw[:length])
        found = read_gguf_header(path)
        assert found.problem, length
        assert found.size in (0, length)
    assert "cut short: 1 bytes" in found.problem
    path.write_bytes(raw)
    assert not read_gguf_header(path).problem


def test_what_counts_more_than_there_can_be_costs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    huge = 2**62
    key = text("k")
    for raw in (
        struct.pack("<IQQ", 3, huge, 0),
        struct.pack("<IQQ", 3, 0, huge),
        struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", huge),
        struct.pack("<IQQ", 3, 0, 1) + key + struct.pack("<IIQ", 9, 0, huge),
        struct.pack("<IQQ", 3, 0, 1) + key + struct.pack("<IIQ", 9, 8, huge),
        struct.pack("<IQQ", 3, 0, 1) + key + struct.pack("<IIQQ", 9, 8, 1000, huge),
        struct.pack("<IQQ", 3, 0, 1) + key + struct.pack("<IIQ", 9, 9, 1),
        struct.pack("<IQQ", 3, 0, 1) + key + struct.pack("<I", 99),
        struct.pack("<IQQ", 3, 1, 0) + key + struct.pack("<I", 1000),
        struct.pack("<IQQ", 3, 1, 0) + key + struct.pack("<I4Q", 4, huge, huge, huge, huge) + bytes(12),
        struct.pack("<IQQ", 3, 0, 1) + text("general.alignment") + value(0),
        struct.pack(">IQQ", 3, 0, 0),
    ):
        path.write_bytes(b"GGUF" + raw)
        assert read_gguf_header(path).problem, raw


@given(st.data())
def test_garbage_is_never_raised(data: st.DataObject) -> None:
    path = Path(os.environ["LAMA_HOME"]).with_name("g.gguf")
    raw = bytearray(write_gguf(path, {**LLAMA, "tokenizer.ggml.tokens": ["a", "b"]}).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + 8] = data.draw(st.binary(min_size=8, max_size=8))
    path.write_bytes(raw)
    found = read_gguf_header(path)
    assert found.size <= len(raw)


def cached(name: str) -> Path:
    """The folder of a repo's one snapshot."""
    repo = hub_cache_folder() / ("models--" + name.replace("/", "--"))
    (repo / "refs").mkdir(parents=True)
    (repo / "refs" / "main").write_text("0" * 40)
    return repo / "snapshots" / ("0" * 40)


async def test_files_in_the_cache_and_in_data_models_are_listed() -> None:
    paths = Paths.from_environment()
    write_gguf(paths.models / "bare.gguf")
    one = write_gguf(paths.models / "one" / "x-Q4.gguf")
    write_gguf(paths.models / ".import-x" / "unfinished.gguf")
    snapshot = cached("org/many")
    write_gguf(snapshot / "m-Q4_K_M.gguf")
    write_gguf(snapshot / "deep" / "m-F16.gguf")
    write_gguf(snapshot / "mmproj.gguf", {"general.architecture": "clip"})
    found = {model.ref: model for model in await installed_models(paths) if model.ref != "guide"}
    assert set(found) == {"bare.gguf", "one", "org/many/m-Q4_K_M.gguf", "org/many/deep/m-F16.gguf"}
    assert found["one"].path == str(one.parent)
    for ref, model in found.items():
        assert (model.format, model.architecture, model.quantization) == ("gguf", "llama", "Q4_K_M")
        assert (model.bits, model.context, model.problem, model.fits) == (4, 2048, NOT_YET, True)
        assert await describe(ref, paths) == model
    several = await describe("org/many", paths)
    assert "name one of them" in several.problem and several.path == str(snapshot)


async def test_the_parts_of_a_model_are_one(tmp_path: Path) -> None:
    paths = Paths.from_environment()
    folder = paths.models / "split"
    for part in (1, 2, 3):
        write_gguf(folder / f"m-{part:05}-of-00003.gguf", {**LLAMA, "split.count": 3}, [("w", (256, part), F32)])
    found = await describe("split", paths)
    assert (found.params, found.problem) == (256 * 6, NOT_YET)
    assert found.size == sum(file.stat().st_size for file in folder.iterdir())
    (folder / "m-00002-of-00003.gguf").unlink()
    assert (await describe("split", paths)).problem == "1 of its 3 files are missing"
    (folder / "m-00001-of-00003.gguf").unlink()
    assert (await describe("split", paths)).problem == "2 of its 3 files are missing"
