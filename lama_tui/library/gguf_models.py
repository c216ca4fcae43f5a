"""The GGUF models of a folder: each file is one, or the parts of one that was split."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lama_tui.engine.fit import KeyValueShape
from lama_tui.library.gguf_header import read_gguf_header

NOT_YET = "GGUF weights: this version runs MLX models only"

_SUFFIX = ".gguf"
_PART = re.compile(r"(?P<name>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf", re.IGNORECASE)
_FILES = 1000  # that are looked at in one folder
_BESIDE = frozenset(("clip", "mmproj"))  # architectures of files that belong to a model and are none


@dataclass(frozen=True, slots=True)
class GgufModel:
    """A model by the headers of its files. `path` is its first file, `name` that in its folder, with `/`.

    `size` is bytes on disk, `weights` bytes in memory, 0: unknown. `problem` says why it cannot be used.
    """

    path: Path
    name: str
    architecture: str | None
    params: int | None
    quantization: str | None
    bits: int | None
    context: int | None
    license: str | None
    kv: KeyValueShape | None
    size: int
    weights: int
    problem: str


def gguf_models(folder: Path) -> list[GgufModel]:
    """The GGUF models in `folder`, by name; what cannot be read has a problem. Blocks on disk."""
    found: list[Path] = []
    for base, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += (Path(base, name) for name in sorted(names) if name.lower().endswith(_SUFFIX))
        if len(found) > _FILES:
            break
    models = [gguf_model(path, folder) for path in found[:_FILES] if _is_first(path, found)]
    return [model for model in models if model.architecture not in _BESIDE] or models


def gguf_model(path: Path, folder: Path | None = None) -> GgufModel:
    """The model whose first file is `path`; its name is that in `folder`. Never raises."""
    parts = parts_of(path)
    headers = [read_gguf_header(part) for part in parts]
    first, size = headers[0], sum(header.size for header in headers)
    problem = next((header.problem for header in headers if header.problem), "")
    if not problem and first.parts > len(parts):
        problem = f"{first.parts - len(parts)} of its {first.parts} files are missing"
    return GgufModel(
        path=path,
        name=path.relative_to(folder).as_posix() if folder else path.name,
        architecture=first.architecture,
        params=_sum([header.params for header in headers]) if not problem else first.params,
        quantization=first.quantization,
        bits=first.bits,
        context=first.context,
        license=first.license,
        kv=first.kv,
        size=size,
        weights=0 if problem else size,
        problem=problem or NOT_YET,
    )  # fmt: skip


def _is_first(path: Path, found: Sequence[Path]) -> bool:
    """Whether `path` begins a model: it is not split, or it is the first part that is there."""
    part = _PART.fullmatch(path.name)
    if part is None or int(part["number"]) <= 1:
        return True
    return not any(other.parent == path.parent and _earlier(other.name, part) for other in found)


def _earlier(name: str, part: re.Match[str]) -> bool:
    other = _PART.fullmatch(name)
    return other is not None and other["name"] == part["name"] and int(other["number"]) < int(part["number"])


def parts_of(path: Path) -> list[Path]:
    """All files of the model that begins with `path`, as far as they are there."""
    part = _PART.fullmatch(path.name)
    if part is None:
        return [path]
    numbers = range(int(part["number"]) + 1, min(int(part["count"]), _FILES) + 1)
    others = (path.with_name(f"{part['name']}-{number:05}-of-{part['count']}{path.suffix}") for number in numbers)
    return [path, *(other for other in others if other.is_file())]


def _sum(counts: Sequence[int | None]) -> int | None:
    return sum(count or 0 for count in counts) or None
