"""How much room models may take, what could go when they take more, and how much the disk has left.

Values to show: nothing here deletes anything.
"""

import asyncio
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lama_tui.library.model_table import ModelUse
from lama_tui.library.storage.usage import LibraryUsage, ModelStorage, is_of


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Something that could go. `freed` bytes; `old_revisions`: only those, the model stays.

    `last_used` is UTC milliseconds, None: never here.
    """

    ref: str
    freed: int
    old_revisions: bool
    last_used: int | None


@dataclass(frozen=True, slots=True)
class QuotaState:
    """Bytes. `over` is by how much `used` is more than `quota`, 0 where it is not or there is none (`quota` 0).

    `suggestions` would make room for that, or for what the disk lacks where that is more, in this order; all of them
    together may still be too little.
    """

    quota: int
    used: int
    over: int
    suggestions: tuple[Suggestion, ...]


@dataclass(frozen=True, slots=True)
class DiskRoom:
    """The volume that models are kept on, in bytes. `low`: less is free than was set as enough, by `lacking`."""

    folder: Path
    free: int
    total: int
    low: bool
    lacking: int = 0


def quota_state(
    usage: LibraryUsage, uses: Mapping[str, ModelUse], quota: int, kept: Collection[str] = (), lacking: int = 0
) -> QuotaState:
    """Compare with the quota, and with the bytes that the disk is `lacking`. What is `kept` is never suggested."""
    over = max(0, usage.total - quota) if quota else 0
    chosen, room = [], 0
    for suggestion in suggestions(usage.models, uses, kept):
        if room >= max(over, lacking):
            break
        chosen.append(suggestion)
        room += suggestion.freed
    return QuotaState(quota, usage.total, over, tuple(chosen))


def suggestions(
    models: Sequence[ModelStorage], uses: Mapping[str, ModelUse], kept: Collection[str] = ()
) -> list[Suggestion]:
    """All that could go: old revisions first, then models by when they were last used; none that is pinned.

    `kept` are others that stay, because they are loaded or answer. One that was never used counts from when it came.
    """
    found = []
    for model in models:
        if any(is_of(ref, model.ref) for ref in kept):
            continue
        use = _use(model.ref, uses)
        if model.old:
            found.append((0, 0, Suggestion(model.ref, model.old, True, use.last_used)))
        rest = model.alone - model.old
        if rest > 0 and not use.pinned:
            when = max(use.last_used or 0, model.arrived or 0)
            found.append((1, when, Suggestion(model.ref, rest, False, use.last_used)))
    return [suggestion for _, _, suggestion in sorted(found, key=lambda each: (*each[:2], -each[2].freed, each[2].ref))]


def _use(ref: str, uses: Mapping[str, ModelUse]) -> ModelUse:
    """The use of a model: of one that has several GGUF files, the use of all."""
    of_it = [use for name, use in uses.items() if is_of(name, ref)]
    return ModelUse(max((use.last_used or 0 for use in of_it), default=0) or None, any(use.pinned for use in of_it))


async def disk_room(folder: Path, enough: int) -> DiskRoom | None:
    """How much room there is where `folder` is or will be; None where that cannot be told. `enough` 0: never low."""
    return await asyncio.to_thread(_disk_room, folder, enough)


def _disk_room(folder: Path, enough: int) -> DiskRoom | None:
    for existing in (folder, *folder.parents):
        try:
            volume = shutil.disk_usage(existing)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            return None
        return DiskRoom(folder, volume.free, volume.total, volume.free < enough, max(0, enough - volume.free))
    return None
