"""A GGUF repo holds the same model several times: which files belong together, and what each choice takes."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from lama_tui.library.hub.values import HubFile

_SHARD = re.compile(r"-(\d{5})-of-(\d{5})\.gguf", re.IGNORECASE)
_QUANTIZATION = re.compile(
    r"(?:^|[-_./])((?:UD-)?(?:I?Q\d(?:_[A-Z0-9]+)*|T?BF16|F16|F32|MXFP4(?:_MOE)?))(?=[-_./]|$)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class GgufChoice:
    """One of them. `name` is its quantization as its file names say it (`Q4_K_M`), else the file's name."""

    name: str
    files: tuple[HubFile, ...]

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(file.size for file in self.files)


def choices(files: Iterable[HubFile]) -> list[GgufChoice]:
    """What can be chosen, the smallest first; projectors of pictures (`mmproj`) are no models."""
    groups: dict[str, list[HubFile]] = {}
    for file in files:
        name = file.path.rpartition("/")[2]
        if file.path.lower().endswith(".gguf") and "mmproj" not in name.lower():
            groups.setdefault(_SHARD.sub("", file.path).removesuffix(".gguf"), []).append(file)
    found = [
        GgufChoice(_name(base), tuple(sorted(group, key=lambda file: file.path))) for base, group in groups.items()
    ]
    return sorted(found, key=lambda choice: (choice.size, choice.name))


def _name(base: str) -> str:
    """What tells it from the others."""
    matches = _QUANTIZATION.findall(base)
    return matches[-1].upper() if matches else base.rpartition("/")[2]
