"""Reads the header of a GGUF file, without reading a weight.

The layout (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md), little endian: `GGUF`, a version (2 or
3), how many tensors and how many pairs there are; the pairs, each a key, a type and a value; the tensors, each
a name, its dimensions, its type and where in the data it begins; the data, aligned.

Everything is bounded, and whatever is wrong ends as `problem`: the files come from anywhere.
"""

import os
import stat
import struct
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from io import FileIO
from pathlib import Path

from lama_tui.engine.fit import KeyValueShape

MAGIC = b"GGUF"

_LIMIT = 64 * 1024**2  # bytes of a header: vocabularies take about ten million
_PIECE = 1024**2  # bytes read at a time
_PAIRS, _TENSORS, _DIMENSIONS = 65_536, 262_144, 8
_TEXT = 65_536  # bytes of a text that is kept
_STRING, _ARRAY = 8, 9
_FORMATS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_LENGTH = struct.Struct("<Q")

# fmt: off
_TYPES: Mapping[int, tuple[str, int, int]] = {  # name, numbers of a block, bytes of a block
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 40), 10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144), 13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98), 19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110), 22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1), 25: ("I16", 1, 2), 26: ("I32", 1, 4), 27: ("I64", 1, 8), 28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56), 30: ("BF16", 1, 2), 34: ("TQ1_0", 256, 54), 35: ("TQ2_0", 256, 66), 39: ("MXFP4", 32, 17),
    40: ("NVFP4", 64, 36), 41: ("Q1_0", 128, 18),
}
_QUANTIZATIONS: Mapping[int, str] = {  # of `general.file_type`
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S",
    12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS",
    20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M",
    28: "IQ2_S", 29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4",
    39: "NVFP4", 40: "Q1_0",
}
# fmt: on


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What a file says of its model. Tokens, bits of most weights, bytes on disk; None is unknown.

    `params` counts the numbers of the tensors in this file. `parts` is of how many files the model is one.
    `quantization` is as llama.cpp names it. `problem` says why it cannot be used, and is empty otherwise.
    """

    architecture: str | None = None
    params: int | None = None
    quantization: str | None = None
    bits: int | None = None
    context: int | None = None
    license: str | None = None
    name: str | None = None
    parts: int = 1
    kv: KeyValueShape | None = None
    size: int = 0
    problem: str = ""


def read_gguf_header(path: Path) -> GgufHeader:
    """Look at the file. Never raises; what was found of the same file before is found again. Blocks on disk."""
    try:
        status = path.stat()
        return _cached(str(path), status.st_size, status.st_mtime_ns)
    except OSError as error:
        return GgufHeader(problem=f"It cannot be read: {error.strerror or error}")
    except ValueError:  # a NUL or an undecodable name
        return GgufHeader(problem="It cannot be read: the name is not a path")


@lru_cache(maxsize=256)
def _cached(path: str, size: int, _mtime_ns: int) -> GgufHeader:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe is not waited for
    with open(descriptor, "rb", buffering=0) as file:  # noqa: PTH123 — a descriptor
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return GgufHeader(problem="It is not a file")
        cursor = _Cursor(file)
        try:
            found = _parse(cursor)
        except _Bad as bad:
            return GgufHeader(size=size, problem=bad.args[0])
    return _described(found, cursor.at, size)


class _Bad(Exception):
    """What is wrong with the header, as people read it."""


@dataclass(slots=True)
class _Found:
    values: dict[str, object] = field(default_factory=dict)
    tensors: list[tuple[int, int, int]] = field(default_factory=list)  # numbers, type, where its data begins


class _Cursor:
    """A place in the header; what lies before its end is read in pieces."""

    def __init__(self, file: FileIO) -> None:
        self._file = file
        self._data = bytearray()
        self.at = 0

    def _have(self, count: int) -> None:
        """Read on until `count` more bytes are there."""
        end = self.at + count
        if end > _LIMIT:
            raise _Bad("Its header is damaged: it has no end")
        while len(self._data) < end:
            piece = self._file.read(max(_PIECE, end - len(self._data)))
            if not piece:
                raise _Bad("It is cut short, in its header")
            self._data += piece

    def take(self, count: int) -> bytes:
        """The next bytes."""
        self._have(count)
        self.at += count
        return bytes(self._data[self.at - count : self.at])

    def number(self, form: str) -> int:
        """The next number."""
        value: int = struct.unpack(form, self.take(struct.calcsize(form)))[0]
        return value

    def text(self) -> str:
        """The next text, shortened where it is long."""
        length = self.number("<Q")
        if length > _LIMIT:
            raise _Bad("Its header is damaged: a text has no end")
        return self.take(length)[:_TEXT].decode("utf-8", "replace")

    def pass_texts(self, count: int) -> None:
        """Go behind so many texts: vocabularies have hundreds of thousands, so nothing is copied."""
        at, unpack = self.at, _LENGTH.unpack_from
        for _ in range(count):
            if at + 8 > len(self._data):
                self.at = at
                self._have(8)
            at += 8 + unpack(self._data, at)[0]
            if at > _LIMIT:
                raise _Bad("Its header is damaged: a text has no end")
        self.at = at
        self._have(0)


def _parse(cursor: _Cursor) -> _Found:
    if cursor.take(4) != MAGIC:
        raise _Bad("It is not a GGUF file")
    version = cursor.number("<I")
    if version not in (2, 3):
        raise _Bad("It is a GGUF file for machines of the other byte order" if version >= 1 << 16 else
                   f"Its version of GGUF ({version}) is not known")  # fmt: skip
    tensors, pairs = cursor.number("<Q"), cursor.number("<Q")
    if pairs > _PAIRS or tensors > _TENSORS:
        raise _Bad("Its header is damaged: it counts more than there can be")
    found = _Found()
    for _ in range(pairs):
        key = cursor.text()
        value = _value(cursor, cursor.number("<I"))
        if value is not None:
            found.values[key] = value
    for _ in range(tensors):
        cursor.text()
        count = cursor.number("<I")
        if count > _DIMENSIONS:
            raise _Bad("Its header is damaged: a tensor has no shape")
        numbers = 1
        for _ in range(count):
            numbers *= cursor.number("<Q")
        if numbers >= 2**62:
            raise _Bad("Its header is damaged: a tensor is too large")
        found.tensors.append((numbers, cursor.number("<I"), cursor.number("<Q")))
    return found


def _value(cursor: _Cursor, kind: int) -> object:
    """A text or a number; None for an array, which is passed."""
    if kind == _STRING:
        return cursor.text()
    if kind == _ARRAY:
        _pass_array(cursor)
        return None
    return cursor.number(_form(kind))


def _pass_array(cursor: _Cursor) -> None:
    kind, count = cursor.number("<I"), cursor.number("<Q")
    if count > _LIMIT:
        raise _Bad("Its header is damaged: a list has no end")
    if kind == _STRING:
        cursor.pass_texts(count)
    elif kind == _ARRAY:
        raise _Bad("Its header is damaged: a list of lists")
    else:
        cursor.take(count * struct.calcsize(_form(kind)))


def _form(kind: int) -> str:
    try:
        return _FORMATS[kind]
    except KeyError:
        raise _Bad("Its header is damaged: a value of no known type") from None


def _described(found: _Found, header: int, size: int) -> GgufHeader:
    values = found.values
    architecture = _said(values, "general.architecture")

    def whole(key: str) -> int | None:
        value = values.get(f"{architecture}.{key}")
        return value if type(value) is int and 0 < value < 2**40 else None

    file_type = values.get("general.file_type")
    parts = values.get("split.count")
    weighed = Counter[str]()
    for numbers, kind, _ in found.tensors:
        if kind in _TYPES:
            weighed[_TYPES[kind][0]] += numbers
    most = weighed.most_common(1)[0][0] if weighed else None
    return GgufHeader(
        architecture=architecture,
        params=sum(numbers for numbers, _, _ in found.tensors) or None,
        quantization=_QUANTIZATIONS.get(file_type) if isinstance(file_type, int) else most,
        bits=next((8 * per // count for name, count, per in _TYPES.values() if name == most), None),
        context=whole("context_length"),
        license=_said(values, "general.license"),
        name=_said(values, "general.name"),
        parts=parts if type(parts) is int and 1 < parts < 10_000 else 1,
        kv=_key_values(whole),
        size=size,
        problem=_cut_short(found, header, size),
    )  # fmt: skip


def _said(values: Mapping[str, object], key: str) -> str | None:
    value = values.get(key)
    return value[:200] if isinstance(value, str) and value else None


def _key_values(whole: Callable[[str], int | None]) -> KeyValueShape | None:
    """What llama.cpp keeps of a token, in its usual 16 bits; None where a number is missing."""
    layers, heads, hidden = whole("block_count"), whole("attention.head_count"), whole("embedding_length")
    if layers is None or heads is None or hidden is None:
        return None
    per_head = whole("attention.key_length") or hidden // heads
    return KeyValueShape(layers, whole("attention.head_count_kv") or heads, per_head, 2)


def _cut_short(found: _Found, header: int, size: int) -> str:
    """Whether the data ends before its last tensor does; of unknown types only the beginning is looked at."""
    alignment = found.values.get("general.alignment", 32)
    if type(alignment) is not int or not 0 < alignment <= 1 << 20:
        return "Its header is damaged: its alignment is no number"
    start = -(-header // alignment) * alignment
    end = 0
    for numbers, kind, offset in found.tensors:
        _, count, per = _TYPES.get(kind, ("", 1, 0))
        end = max(end, offset + -(-numbers // count) * per)
    return f"It is cut short: {start + end - size:,} bytes are missing" if found.tensors and start + end > size else ""
