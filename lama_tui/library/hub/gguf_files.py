"""A GGUF repo holds the same model several times: which files belong together, and which of them is the usual choice.

What is fetched where nobody chooses is the same on every machine and does not change with what is free: Q4_K_M where
there is one, which most people use, and for which all programs that read GGUF are made; else what comes first in
`_USUAL`, else the one whose bits come first in `_BITS`, the smallest of these. What lacks parts is never taken.
"""

import glob
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lama_tui.engine.fit import Fit
from lama_tui.library.hub.values import HubFile

_USUAL = ("Q4_K_M", "Q4_K_S", "Q4_0", "Q5_K_M", "Q5_K_S", "Q6_K", "Q8_0", "Q3_K_M", "IQ4_XS")
_BITS = (4, 5, 6, 8, 3, 2, 16, 32, 1)

_GGUF = ".gguf"
_SHARD = re.compile(r"(?P<base>.*)-(?P<number>\d{5})-of-(?P<count>\d{5})", re.DOTALL)
_QUANTIZATION = re.compile(
    r"(?:^|[-_./])((?:UD-)?(?:I?Q\d(?:_[A-Z0-9]+)*|T?BF16|F16|F32|MXFP4(?:_MOE)?))(?=[-_./]|$)", re.IGNORECASE
)
_NUMBER = re.compile(r"\d+")
_PROJECTOR, _NO_WEIGHTS = "mmproj", ("mmproj", "imatrix")


@dataclass(frozen=True, slots=True)
class GgufChoice:
    """One of them. `name` tells it from the others: its quantization as its file names say it (`Q4_K_M`), where
    another has that too or it says none, the file's name. `parts` is how many files it should have."""

    name: str
    quantization: str
    files: tuple[HubFile, ...]
    parts: int = 1

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(file.size for file in self.files)

    @property
    def bits(self) -> int | None:
        """Bits of most of its weights, as the name of its quantization says."""
        number = _NUMBER.search(self.quantization)
        return int(number[0]) if number is not None else None

    @property
    def problem(self) -> str:
        """Why it is no model; empty: it is one."""
        if len(self.files) < self.parts:
            return f"{self.parts - len(self.files):,} of {self.parts:,} files missing"
        return "" if all(file.size for file in self.files) else "it is empty"

    @property
    def patterns(self) -> tuple[str, ...]:
        """What asks the queue for its files and no others."""
        return tuple(glob.escape(file.path) for file in self.files)


def choices(files: Iterable[HubFile]) -> list[GgufChoice]:
    """What can be chosen, the smallest first; projectors of pictures (`mmproj`) are no models."""
    groups: dict[tuple[str, int], list[HubFile]] = {}
    for file in files:
        if _is_gguf(file) and not any(other in _name(file.path) for other in _NO_WEIGHTS):
            base = file.path[: -len(_GGUF)]
            shard = _SHARD.fullmatch(base)
            groups.setdefault((shard["base"], int(shard["count"])) if shard else (base, 1), []).append(file)
    kinds = {group: _quantization(group[0]) for group in groups}
    alike = Counter(kinds.values())
    found = [
        GgufChoice(
            kinds[base, parts] if kinds[base, parts] and alike[kinds[base, parts]] == 1 else base.rpartition("/")[2],
            kinds[base, parts],
            tuple(sorted(group, key=lambda file: file.path)),
            parts,
        )
        for (base, parts), group in groups.items()
    ]
    return sorted(found, key=lambda choice: (choice.size, choice.name))


def projectors(files: Iterable[HubFile]) -> list[GgufChoice]:
    """What programs need beside a model that looks at pictures, the smallest first."""
    found = [file for file in files if _is_gguf(file) and _PROJECTOR in _name(file.path)]
    made = [
        GgufChoice(file.path.rpartition("/")[2][: -len(_GGUF)], _quantization(file.path), (file,)) for file in found
    ]
    return sorted(made, key=lambda choice: (choice.size, choice.name))


def named(patterns: Iterable[str]) -> str:
    """What a choice's `patterns` ask for, in words; empty where they are of no GGUF files."""
    found: list[str] = []
    for pattern in patterns:
        if pattern.lower().endswith(_GGUF):
            name = pattern.replace("[[]", "[").rpartition("/")[2][: -len(_GGUF)]
            shard = _SHARD.fullmatch(name)
            whole = shard["base"] if shard else name
            found.append(whole if _PROJECTOR in name.lower() else _quantization(pattern) or whole)
    return ", ".join(dict.fromkeys(found))


def usual(found: Sequence[GgufChoice]) -> GgufChoice | None:
    """The one that is fetched where nobody chooses; None where none is whole."""

    def rank(choice: GgufChoice) -> tuple[int, int, int]:
        kind = choice.quantization.removeprefix("UD-")
        bits = _BITS.index(choice.bits) if choice.bits in _BITS else len(_BITS)
        return (_USUAL.index(kind) if kind in _USUAL else len(_USUAL)), bits, choice.size

    return min((choice for choice in found if not choice.problem), key=rank, default=None)


def recommended(found: Sequence[tuple[GgufChoice, Fit]]) -> GgufChoice | None:
    """The one to choose on this machine: the usual one, or where that does not fit the largest that does and is
    smaller; where none does, the usual one all the same."""
    first = usual([choice for choice, _ in found])
    fits = [choice for choice, fit in found if not choice.problem and fit.fits is not False]
    if first is None or first in fits:
        return first
    return max((choice for choice in fits if choice.size < first.size), key=lambda choice: choice.size, default=first)


def _is_gguf(file: HubFile) -> bool:
    return file.path.lower().endswith(_GGUF)


def _name(path: str) -> str:
    return path.rpartition("/")[2].lower()


def _quantization(path: str) -> str:
    """The last that its name says; empty where it says none."""
    matches = _QUANTIZATION.findall(path)
    return matches[-1].upper() if matches else ""
