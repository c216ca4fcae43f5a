"""Checks a safetensors file by its header and its size, without reading the weights.

The layout (https://huggingface.co/docs/safetensors): 8 bytes, little endian, the length of the
header; the header, JSON, from tensor names to `{"dtype", "shape", "data_offsets"}`; then the
data, to which the offsets are relative.
"""

import json
import math
from pathlib import Path
from typing import Any

from lama_tui.errors import ModelFormatError

HEADER_LIMIT = 100 * 1024**2
"""The longest header that the format allows, in bytes."""

BITS = {
    "F64": 64, "I64": 64, "U64": 64, "C64": 64,
    "F32": 32, "I32": 32, "U32": 32,
    "F16": 16, "BF16": 16, "I16": 16, "U16": 16,
    "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "I8": 8, "U8": 8, "BOOL": 8,
}  # fmt: skip
"""Bits per element; of a type that is not here only the offsets are checked."""

DAMAGED = "The file is damaged or was not downloaded completely; get the model again."


def check_header(path: Path) -> int:
    """Bytes of tensor data in the file. Raises `ModelFormatError` for one that cannot be whole, `OSError`."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        if start == b"version ":
            raise _bad(path, "it is a git LFS pointer, not the weights", "Run `git lfs pull` there.")
        if len(start) < 8:
            raise _bad(path, f"it is {size} bytes long, too short for a header")
        length = int.from_bytes(start, "little")
        if length > min(size - 8, HEADER_LIMIT):
            raise _bad(path, f"its header should be {length:,} bytes long, the file is {size:,}")
        raw = file.read(length)
    try:
        header = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise _bad(path, "its header is not JSON") from error
    if not isinstance(header, dict):
        raise _bad(path, "its header is not a table of tensors")
    data = size - 8 - length
    for name, tensor in header.items():
        if name != "__metadata__":
            _check_tensor(path, name, tensor, data)
    return data


def _check_tensor(path: Path, name: str, tensor: Any, data: int) -> None:
    what = f"tensor {name[:80]!r}"
    if not isinstance(tensor, dict):
        raise _bad(path, f"{what} is not described")
    dtype: Any = tensor.get("dtype")
    shape: Any = tensor.get("shape")
    offsets: Any = tensor.get("data_offsets")
    if not isinstance(dtype, str) or not _are_sizes(shape) or len(shape) > 32:
        raise _bad(path, f"{what} has no readable type and shape")
    if not _are_sizes(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise _bad(path, f"{what} has no readable place in the file")
    if offsets[1] > data:
        raise _bad(path, f"{what} ends {offsets[1] - data:,} bytes after the end of the file")
    bits = BITS.get(dtype)
    if bits is not None and math.prod(shape) * bits != (offsets[1] - offsets[0]) * 8:
        raise _bad(path, f"{what} says {dtype} of shape {shape}, which is not its length in the file")


def _are_sizes(value: Any) -> bool:
    return isinstance(value, list) and all(type(item) is int and 0 <= item < 2**63 for item in value)


def _bad(path: Path, why: str, hint: str = DAMAGED) -> ModelFormatError:
    return ModelFormatError(f"The weights {path.name} cannot be used", f"{path}: {why}.", hint)
