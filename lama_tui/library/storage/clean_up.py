"""What could go so that there is more room: what was left behind, old revisions, models that were not used for long.

Looks, measures what would be freed together, and deletes what a person chose, one after the other. Nothing else does.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lama_tui.config.settings import Settings
from lama_tui.errors import LamaError, ModelError, ModelNotFoundError
from lama_tui.library.hub_cache import hub_cache_folder
from lama_tui.library.model_table import ModelTable
from lama_tui.library.storage.disk import StoredFile, freed
from lama_tui.library.storage.leftovers import Leftover, LeftoverKind, Leftovers
from lama_tui.library.storage.plan import RemovalPlan
from lama_tui.library.storage.quota import DiskRoom, QuotaState, disk_room, quota_state
from lama_tui.library.storage.removal import Removal
from lama_tui.library.storage.shared_store import gained
from lama_tui.library.storage.usage import LibraryUsage, ModelStorage, library_usage

Kind = Literal[LeftoverKind, "old", "model"]
"""`old`: revisions that stay to go back to; `model`: all of one, or what was named of it."""

WORDS: Mapping[Kind, str] = {
    "part": "part of a download that ended",
    "incomplete": "unfinished file of another program, older than a day",
    "bad": "differs from what was published, fetched again since",
    "orphan": "file that no revision uses",
    "unfinished": "left by work that was cut off",
    "old": "kept to go back to",
    "model": "model",
}
"""What each kind is, for people."""

OF_NOBODY: Collection[Kind] = frozenset({"part", "incomplete", "unfinished"})
"""Parts that nobody will take up again: nothing is lost with them."""


@dataclass(frozen=True, slots=True)
class CouldGo:
    """What goes together or not at all: the leftovers of one kind of a model, or what one removal takes.

    `size` is what the disk gains by it alone, in bytes. `last_used` is UTC milliseconds, None: never here. `why_not`
    says why it cannot go now.
    """

    kind: Kind
    ref: str
    size: int
    leftovers: tuple[Leftover, ...] = ()
    plan: RemovalPlan | None = None
    last_used: int | None = None
    why_not: LamaError | None = None

    @property
    def files(self) -> tuple[StoredFile, ...]:
        """Every file and link that goes."""
        if self.plan is not None:
            return self.plan.everything
        return tuple(file for leftover in self.leftovers for file in leftover.files)

    def takes_along(self, other: "CouldGo") -> bool:
        """Whether `other` is gone when this went: with a model goes all that is in its folder."""
        whole = self.plan is not None and self.plan.whole and self.plan.empties is not None
        return whole and other is not self and other.ref == self.ref


@dataclass(frozen=True, slots=True)
class TakesRoom:
    """What models take, and what of it could go."""

    usage: LibraryUsage
    quota: QuotaState
    disk: DiskRoom | None
    could_go: tuple[CouldGo, ...]


@dataclass(frozen=True, slots=True)
class Gone:
    """What became of one that was to go: `freed` bytes, as counted; `error` where not all of it went."""

    what: CouldGo
    freed: int
    error: LamaError | None = None


class CleanUp:
    """Finds what could go, and lets it go. Every method may raise `StoreError`.

    `loaded` tells which models are in memory, and the pid that has each; it is called in a thread.
    """

    def __init__(
        self,
        leftovers: Leftovers,
        removal: Removal,
        models: ModelTable,
        settings: Callable[[], Settings],
        loaded: Callable[[], Mapping[str, int]],
    ) -> None:
        self._leftovers = leftovers
        self._removal = removal
        self._models = models
        self._settings = settings
        self._loaded = loaded

    async def look(self, answering: Collection[str] = ()) -> TakesRoom:
        """Measure everything. Models that are loaded, pinned, `answering` or the default are never among what could
        go; others only where the quota or the disk asks for room."""
        settings = self._settings()
        paths = self._removal.paths
        usage = await library_usage(paths)
        kept = {*answering, settings.model, *await asyncio.to_thread(self._loaded)}
        disk = await disk_room(hub_cache_folder(), settings.library.low_disk)
        lacking = disk.lacking if disk is not None else 0
        state = quota_state(usage, await self._models.all(), settings.library.quota, kept, lacking)
        old = [model for model in usage.models if model.old]
        asked = [
            *[await self._of("old", model, paths.models, model.old, None) for model in old],
            *[
                await self._of("model", model, paths.models, each.freed, each.last_used)
                for each in state.suggestions
                if not each.old_revisions and (model := usage.of(each.ref)) is not None
            ],
        ]
        found = (*await self.left_behind(), *(each for each in asked if each is not None))
        return TakesRoom(usage, state, disk, found)

    async def left_behind(self) -> tuple[CouldGo, ...]:
        """What nobody needs, by kind and model, the largest first."""
        groups: dict[tuple[Kind, str], list[Leftover]] = {}
        for leftover in await self._leftovers.plan():
            groups.setdefault((leftover.kind, leftover.ref), []).append(leftover)
        found = (
            CouldGo(kind, ref, sum(each.size for each in group), tuple(group)) for (kind, ref), group in groups.items()
        )
        return tuple(sorted(found, key=lambda each: (-each.size, each.ref)))

    async def of(self, ref: str, *, revision: str | None = None, old_revisions: bool = False) -> CouldGo:
        """A model, one of its revisions, or its old ones.

        Raises `ModelNotFoundError`, or a `ModelError` for what is never removed or in use.
        """
        plan = await self._removal.plan(ref, revision=revision, old_revisions=old_revisions)
        return CouldGo("old" if old_revisions else "model", plan.ref, plan.freed, plan=plan)

    async def freed(self, chosen: Collection[CouldGo]) -> int:
        """Bytes that the disk gains when all of `chosen` goes: what several of them share is counted once."""
        return await asyncio.to_thread(_freed, tuple(chosen))

    async def carry_out(self, chosen: Iterable[CouldGo]) -> AsyncGenerator[Gone, None]:
        """Let them go, one after the other. Who stops asking stops it; what was begun by then is ended."""
        for each in on_their_own(chosen):
            yield await self._end(each)

    async def _end(self, each: CouldGo) -> Gone:
        try:
            if each.plan is not None:
                return Gone(each, (await self._removal.carry_out(each.plan)).freed)
            removed, refused = await asyncio.shield(self._leftovers.carry_out(each.leftovers))
            return Gone(each, removed.freed, refused)
        except LamaError as error:
            return Gone(each, 0, error)

    async def _of(
        self, kind: Literal["old", "model"], model: ModelStorage, models: Path, size: int, last_used: int | None
    ) -> CouldGo | None:
        """What a removal would take, or why it cannot be; None where the model is gone by now."""
        own = Path(model.path).parent == models  # by its path: its name could be that of something else here
        try:
            plan = await self._removal.plan(model.path if own else model.ref, old_revisions=kind == "old")
        except ModelNotFoundError:
            return None
        except ModelError as error:
            return CouldGo(kind, model.ref, size, last_used=last_used, why_not=error)
        return CouldGo(kind, model.ref, plan.freed, plan=plan, last_used=last_used)


def on_their_own(chosen: Iterable[CouldGo]) -> Sequence[CouldGo]:
    """Those of `chosen` that do not go with another one of them."""
    every = tuple(chosen)
    whole = [each for each in every if each.plan is not None and each.plan.whole]
    return [each for each in every if not any(other.takes_along(each) for other in whole)]


def _freed(chosen: Sequence[CouldGo]) -> int:
    files = [file for each in chosen for file in each.files]
    shared = {end for each in chosen if each.plan is not None for end in each.plan.shared}
    if not shared:
        return freed(files)
    cache = hub_cache_folder().absolute()
    going = [file.path for file in files]
    return freed(files) + sum(gained(end, going, cache) for end in shared)
