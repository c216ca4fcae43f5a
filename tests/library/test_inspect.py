"""What is read from a model folder, and that no bytes in it can make that raise."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lama_tui.library.inspect import inspect_folder

Tensors = dict[str, tuple[str, list[int]]]
BYTES = {"F32": 4, "F16": 2, "BF16": 2, "U32": 4, "I32": 4, "U8": 1, "F8_E4M3": 1}


def write_safetensors(path: Path, tensors: Tensors, made_by: str = "mlx") -> int:
    """Write zeros of these types and shapes; returns the bytes of data."""
    header: dict[str, Any] = {"__metadata__": {"format": made_by}}
    end = 0
    for name, (dtype, shape) in tensors.items():
        size = BYTES[dtype]
        for length in shape:
            size *= length
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + size]}
        end += size
    raw = json.dumps(header).encode()
    path.write_bytes(len(raw).to_bytes(8, "little") + raw + bytes(end))
    return end


def write_model(folder: Path, tensors: Tensors | None = None, made_by: str = "mlx", **config: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    config = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], **config}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_text("{}")
    write_safetensors(folder / "model.safetensors", tensors or {"a.weight": ("F16", [4, 8])}, made_by)
    return folder


def test_a_plain_model_is_described(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m", {"a.weight": ("BF16", [4, 8]), "b.weight": ("F32", [3])},
                         made_by="pt", max_position_embeddings=4096)  # fmt: skip
    (folder / "README.md").write_text("---\nlanguage: en\nlicense: apache-2.0\n---\n# A model\nlicense: fake\n")
    found = inspect_folder(folder)
    assert found.problem == ""
    assert (found.format, found.architecture, found.context, found.license) == (
        "safetensors", "llama", 4096, "apache-2.0",
    )  # fmt: skip
    assert (found.params, found.bits) == (35, 16)
    assert found.weights == 4 * 8 * 2 + 3 * 4, "what will be in memory, without the file's header"
    assert found.size == sum(file.stat().st_size for file in folder.iterdir())


@pytest.mark.parametrize("bits", [2, 3, 4, 6, 8])
def test_packed_weights_count_as_what_they_hold(tmp_path: Path, bits: int) -> None:
    # 16 rows of 256 values in groups of 64, packed as `mx.quantize` does
    tensors: Tensors = {
        "a.weight": ("U32", [16, 256 * bits // 32]),
        "a.scales": ("F16", [16, 4]),
        "a.biases": ("F16", [16, 4]),
        "norm.weight": ("F16", [256]),
    }
    found = inspect_folder(write_model(tmp_path / "m", tensors, quantization={"group_size": 64, "bits": bits}))
    assert (found.params, found.bits, found.format) == (16 * 256 + 256, bits, "mlx")


def test_a_layer_with_its_own_quantization_counts_by_its_own_group(tmp_path: Path) -> None:
    tensors: Tensors = {
        "a.weight": ("U32", [2, 32]), "a.scales": ("F16", [2, 4]), "a.biases": ("F16", [2, 4]),
        "b.weight": ("U32", [2, 64]), "b.scales": ("F16", [2, 8]), "b.biases": ("F16", [2, 8]),
    }  # fmt: skip
    quantization = {"group_size": 64, "bits": 4, "b": {"group_size": 32, "bits": 8}}
    found = inspect_folder(write_model(tmp_path / "m", tensors, quantization=quantization))
    assert (found.params, found.bits) == (2 * 256 + 2 * 256, 4)


def test_parameters_agree_with_mlx(tmp_path: Path) -> None:
    """The count from headers is the count of the arrays before they were quantized."""
    mx = pytest.importorskip("mlx.core")
    weight = mx.random.normal((24, 128))
    packed, scales, biases = mx.quantize(weight, group_size=32, bits=6)
    folder = write_model(tmp_path / "m", quantization={"group_size": 32, "bits": 6})
    arrays = {"a.weight": packed, "a.scales": scales, "a.biases": biases}
    mx.save_safetensors(str(folder / "model.safetensors"), arrays, metadata={"format": "mlx"})
    assert inspect_folder(folder).params == weight.size


def test_other_packings(tmp_path: Path) -> None:
    gptq: Tensors = {"a.qweight": ("I32", [32, 16]), "a.qzeros": ("I32", [2, 2]), "a.scales": ("F16", [2, 16])}
    found = inspect_folder(write_model(tmp_path / "g", gptq, quantization_config={"bits": 4, "quant_method": "gptq"}))
    assert (found.params, found.bits) == (32 * 16 * 8, 4)
    mxfp4: Tensors = {"a_blocks": ("U8", [8, 4, 16]), "a_scales": ("U8", [8, 4])}
    found = inspect_folder(write_model(tmp_path / "m", mxfp4, quantization_config={"quant_method": "mxfp4"}))
    assert (found.params, found.bits) == (8 * 4 * 32, 4)


def test_unknown_packing_is_unknown_not_wrong(tmp_path: Path) -> None:
    tensors: Tensors = {"a.weight": ("U32", [2, 32]), "a.scales": ("F16", [2, 4])}
    assert inspect_folder(write_model(tmp_path / "m", tensors)).params is None


def test_context_of_a_multimodal_model(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m", text_config={"max_position_embeddings": 8192}, max_position_embeddings=True)
    assert inspect_folder(folder).context == 8192


def test_other_license_gives_its_name(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    (folder / "README.md").write_text("---\nlicense: other\nlicense_name: llama3.2\n---\n")
    assert inspect_folder(folder).license == "llama3.2"


def test_linked_files_count_once(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    before = inspect_folder(folder).size
    (folder / "copy.txt").symlink_to(folder / "tokenizer.json")
    assert inspect_folder(folder).size == before


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda f: (f / "config.json").unlink(), "config.json is missing"),
        (lambda f: (f / "config.json").write_text("{"), "config.json is not valid JSON"),
        (lambda f: (f / "config.json").write_text("[" * 100_000), "config.json is not valid JSON"),
        (lambda f: (f / "config.json").write_text("[1]"), "config.json is not an object"),
        (lambda f: (f / "tokenizer.json").unlink(), "There is no tokenizer"),
        (lambda f: (f / "model.safetensors").unlink(), "There are no weights"),
        (lambda f: (f / "model.safetensors").write_bytes(b""), "model.safetensors is cut short"),
        (lambda f: (f / "model.safetensors").write_bytes(b"\xff" * 64), "model.safetensors is cut short"),
        (lambda f: (f / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"}{"), "has a damaged header"),
        (lambda f: os.truncate(f / "model.safetensors", (f / "model.safetensors").stat().st_size - 1), "is cut short"),
        (lambda f: (f / "model_index.json").write_text("{}"), "an image model"),
        (lambda f: (f / "model.safetensors").rename(f / "x.gguf"), "GGUF"),
        (lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"), "PyTorch weights"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, spoil: Any, reason: str) -> None:
    folder = write_model(tmp_path / "m")
    assert inspect_folder(folder).problem == ""
    spoil(folder)
    assert reason in inspect_folder(folder).problem


@pytest.mark.parametrize(
    ("config", "reason"), [({"model_file": "m.py"}, "cannot be trusted"), ({"model_type": None}, "model_type")]
)
def test_configs_that_cannot_be_loaded(tmp_path: Path, config: dict[str, Any], reason: str) -> None:
    assert reason in inspect_folder(write_model(tmp_path / "m", **config)).problem


def test_a_model_that_does_not_write_is_said_to_be_so(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m", model_type="bert", architectures=["BertForMaskedLM"])
    assert inspect_folder(folder).problem == "It does not write text"


def test_missing_shards_are_counted(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    (folder / "model.safetensors").rename(folder / "model-00001-of-00003.safetensors")
    weight_map = {f"{n}.weight": f"model-0000{n}-of-00003.safetensors" for n in (1, 2, 3)}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    assert inspect_folder(folder).problem == "2 of 3 weight files are missing"


def test_a_link_to_nothing_is_an_unfinished_download(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").symlink_to(tmp_path / "blobs" / "gone")
    assert inspect_folder(folder).problem == "model.safetensors was not downloaded completely"


def test_a_pipe_does_not_hang(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    for name in ("config.json", "model.safetensors"):
        (folder / name).unlink()
        os.mkfifo(folder / name)
    assert inspect_folder(folder).problem == "config.json is not a file"


@pytest.mark.parametrize("path", ["/nowhere/at/all", "a\0b", "/dev/null", "x" * 5000])
def test_what_is_no_folder_is_a_problem(path: str) -> None:
    assert inspect_folder(Path(path)).problem


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
CONFIG_KEYS = st.sampled_from(
    ["architectures", "model_type", "quantization", "quantization_config", "text_config", "max_position_embeddings"]
)
TENSOR = st.fixed_dictionaries({}, optional={
    "dtype": st.sampled_from(["U32", "F16", "BF16", "U8", "??"]) | JSON,
    "shape": st.lists(st.integers(-2, 2**70), max_size=20) | JSON,
    "data_offsets": st.lists(st.integers(-2, 2**70), min_size=2, max_size=2) | JSON,
})  # fmt: skip
NAMES = st.sampled_from(["a.weight", "a.scales", "a.biases", "a.qweight", "a_blocks", "a_scales", "__metadata__", ""])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(
    config=st.binary(max_size=40) | st.dictionaries(CONFIG_KEYS, JSON).map(lambda v: json.dumps(v).encode()),
    header=st.binary(max_size=40) | st.dictionaries(NAMES, TENSOR | JSON).map(lambda v: json.dumps(v).encode()),
    index=st.none() | st.binary(max_size=20) | JSON.map(lambda v: json.dumps({"weight_map": v}).encode()),
    card=st.binary(max_size=60),
    length=st.none() | st.integers(0, 2**64 - 1),
)
def test_no_bytes_make_it_raise(
    tmp_path: Path, config: bytes, header: bytes, index: bytes | None, card: bytes, length: int | None
) -> None:
    (tmp_path / "config.json").write_bytes(config)
    (tmp_path / "tokenizer.json").write_bytes(b"")
    (tmp_path / "README.md").write_bytes(b"---\nlicense: " + card + b"\n---")
    size = len(header) if length is None else length
    (tmp_path / "model.safetensors").write_bytes(size.to_bytes(8, "little") + header + bytes(64))
    if index is not None:
        (tmp_path / "model.safetensors.index.json").write_bytes(index)
    else:
        (tmp_path / "model.safetensors.index.json").unlink(missing_ok=True)
    found = inspect_folder(tmp_path)
    assert found.params is None or found.params > 0
    assert found.weights > 0
