"""Writes GGUF files from nothing: headers as llama.cpp writes them, and as nobody should."""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Q4_K, F32 = 12, 0
_BYTES = {Q4_K: (256, 144), F32: (1, 4)}

LLAMA: Mapping[str, Any] = {
    "general.architecture": "llama",
    "general.name": "Tiny",
    "general.license": "mit",
    "general.file_type": 15,
    "llama.context_length": 2048,
    "llama.block_count": 2,
    "llama.embedding_length": 256,
    "llama.attention.head_count": 4,
    "llama.attention.head_count_kv": 2,
    "tokenizer.ggml.tokens": ["<s>", "a", "b"] * 300,
    "tokenizer.ggml.scores": [0.5] * 10,
}


def text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def value(item: Any) -> bytes:
    match item:
        case bool():
            return struct.pack("<I?", 7, item)
        case int():
            return struct.pack("<II", 4, item)
        case float():
            return struct.pack("<If", 6, item)
        case str():
            return struct.pack("<I", 8) + text(item)
        case [str(), *_]:
            return struct.pack("<IIQ", 9, 8, len(item)) + b"".join(map(text, item))
        case [float(), *_]:
            return struct.pack("<IIQ", 9, 6, len(item)) + struct.pack(f"<{len(item)}f", *item)
    raise AssertionError(item)


def write_gguf(
    path: Path,
    values: Mapping[str, Any] = LLAMA,
    tensors: Sequence[tuple[str, Sequence[int], int]] = (("blk.0.w", (256, 4), Q4_K), ("norm", (256,), F32)),
    data: bytes | None = None,
) -> Path:
    """A file with these tensors (name, dimensions, type) and zeros for data, or with `data`."""
    raw = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(values))
    raw += b"".join(text(key) + value(item) for key, item in values.items())
    at = 0
    for name, dimensions, kind in tensors:
        raw += text(name) + struct.pack(f"<I{len(dimensions)}QIQ", len(dimensions), *dimensions, kind, at)
        numbers = 1
        for size in dimensions:
            numbers *= size
        count, per = _BYTES[kind]
        at += -(-numbers // count * per // 32) * 32
    raw += bytes(-len(raw) % 32)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw + (bytes(at) if data is None else data))
    return path
