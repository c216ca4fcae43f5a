"""The header of a safetensors file: names, types and shapes, without reading a weight.

Layout: an 8-byte little-endian length, that many bytes of JSON, then the data. The JSON maps a
tensor's name to `{"dtype", "shape", "data_offsets": [begin, end]}`, with offsets from the start of
the data, and `__metadata__` to strings. https://github.com/huggingface/safetensors#format
"""

import json
import math
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_HEADER_LIMIT = 100_000_000  # bytes; the format's own limit
_SIZE_LIMIT = 2**62  # elements; more is garbage


class DamagedFileError(ValueError):
    """The file is not what its name says; the text tells why, in a few words."""


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
    """What a file holds. `made_by` is the `format` in its metadata: `mlx`, `pt` or empty."""

    tensors: Mapping[str, Tensor]
    made_by: str


def read_header(path: Path) -> Header:
    """Read the header of `path`. Raises `DamagedFileError`, also when the data is cut short, and `OSError`."""
    # not blocking: a pipe by that name must not hang the list of models
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise DamagedFileError("is not a file")
        length = int.from_bytes(file.read(8), "little")
        if status.st_size < 8 or length > min(_HEADER_LIMIT, status.st_size - 8):
            raise DamagedFileError("is cut short or not safetensors")
        raw = file.read(length)
    try:
        parsed = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise DamagedFileError("has a damaged header") from error
    if not isinstance(parsed, dict):
        raise DamagedFileError("has a damaged header")
    metadata = parsed.pop("__metadata__", None)
    made_by = metadata.get("format", "") if isinstance(metadata, dict) else ""
    tensors: dict[str, Tensor] = {}
    end = 0
    for name, entry in parsed.items():
        tensors[name], tensor_end = _tensor(entry)
        end = max(end, tensor_end)
    if 8 + length + end > status.st_size:
        raise DamagedFileError("is cut short")
    return Header(tensors, made_by if isinstance(made_by, str) else "")


def _tensor(entry: object) -> tuple[Tensor, int]:
    """A header's entry and where its data ends."""
    match entry:
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [int(begin), int(end)]}:
            sizes = tuple(size for size in shape if isinstance(size, int) and 0 <= size < _SIZE_LIMIT)
            if 0 <= begin <= end and len(sizes) == len(shape) <= 16 and math.prod(sizes) < _SIZE_LIMIT:
                return Tensor(dtype, sizes), end
    raise DamagedFileError("has a damaged header")
