"""Reads and checks the header of a safetensors file, without reading a weight.

The layout (https://huggingface.co/docs/safetensors): 8 bytes, little endian, the length of the
header; the header, JSON, from tensor names to `{"dtype", "shape", "data_offsets"}` and from
`__metadata__` to strings; then the data, to which the offsets are relative.
"""

import json
import math
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
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
"""Bits per element; of a type that is not here the length in the file is not checked."""

_DIMENSIONS = 16  # more is garbage
_ELEMENTS = 2**62

_GET_AGAIN = "The file is damaged or was not downloaded completely; get the model again."


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor by its header; `shape` in elements."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        """How many numbers it stores (packed ones count as stored)."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class Header:
    """What a file holds. `data` is bytes of tensors; `made_by` the `format` of its metadata: `mlx`, `pt` or empty."""

    tensors: Mapping[str, Tensor]
    data: int
    made_by: str


def read_header(path: Path) -> Header:
    """The header of `path`. Raises `ModelFormatError` for a file that cannot be whole, `OSError`."""
    with open(path, "rb", opener=_without_waiting) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise _bad(path, "is not a file", "it is a pipe or a device")
        size, start = status.st_size, file.read(8)
        if start == b"version ":
            raise _bad(
                path, "is a git LFS pointer", "it names the weights and does not hold them", "Run `git lfs pull`."
            )
        length = int.from_bytes(start, "little")
        if len(start) < 8 or length > size - 8:
            raise _bad(path, "is cut short", f"it is {size:,} bytes long, too short for its header")
        if length > HEADER_LIMIT:
            raise _damaged(path, f"it should be {length:,} bytes long, more than the format allows")
        raw = file.read(length)
    try:
        entries = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, "it is not JSON") from error
    if not isinstance(entries, dict):
        raise _damaged(path, "it is not a table of tensors")
    metadata = entries.pop("__metadata__", None)
    made_by = metadata.get("format") if isinstance(metadata, dict) else None
    data = size - 8 - length
    tensors = {name: _tensor(path, name, entry, data) for name, entry in entries.items()}
    return Header(tensors, data, made_by if isinstance(made_by, str) else "")


def _without_waiting(path: str, flags: int) -> int:
    """Open, but not as a pipe is opened, which waits for its writer: it would hang the list of models."""
    return os.open(path, flags | os.O_NONBLOCK)


def _tensor(path: Path, name: str, entry: Any, data: int) -> Tensor:
    what = f"tensor {name[:80]!r}"
    if not isinstance(entry, dict):
        raise _damaged(path, f"{what} is not described")
    dtype: Any = entry.get("dtype")
    shape: Any = entry.get("shape")
    offsets: Any = entry.get("data_offsets")
    if not (isinstance(dtype, str) and _are_sizes(shape)) or len(shape) > _DIMENSIONS or math.prod(shape) >= _ELEMENTS:
        raise _damaged(path, f"{what} has no readable type and shape")
    if not _are_sizes(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise _damaged(path, f"{what} has no readable place in the file")
    if offsets[1] > data:
        raise _bad(path, "is cut short", f"{what} ends {offsets[1] - data:,} bytes after the end of the file")
    bits = BITS.get(dtype)
    if bits is not None and math.prod(shape) * bits != (offsets[1] - offsets[0]) * 8:
        raise _damaged(path, f"{what} says {dtype} of shape {shape}, which is not its length in the file")
    return Tensor(dtype, tuple(shape))


def _are_sizes(value: Any) -> bool:
    return isinstance(value, list) and all(type(item) is int and 0 <= item < 2**63 for item in value)


def _damaged(path: Path, why: str) -> ModelFormatError:
    return _bad(path, "has a damaged header", why)


def _bad(path: Path, what: str, why: str, hint: str = _GET_AGAIN) -> ModelFormatError:
    return ModelFormatError(f"{path.name} {what}", f"{path}: {why}.", hint)
