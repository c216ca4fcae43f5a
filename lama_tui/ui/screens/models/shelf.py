"""What the screens know of the hub and of the queue, and what they ask of both. No widgets."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lama_tui.engine.fit import Machine
from lama_tui.errors import LamaError
from lama_tui.library.hub.gguf_files import GgufChoice, choices, projectors
from lama_tui.library.hub.values import HubDetails, HubFile, HubPage, HubQuery

if TYPE_CHECKING:
    from lama_tui.library.benchmarking.estimate import SpeedEstimate
    from lama_tui.library.hub.recommend import Recommendation
    from lama_tui.services import Services

_KEPT = 50
"""Models whose details are remembered."""


@dataclass(frozen=True, slots=True)
class Quantization:
    """One of several that a GGUF repo has, or a projector for pictures. `needed` bytes of it are not here."""

    choice: GgufChoice
    needed: int
    projector: bool = False

    @property
    def here(self) -> bool:
        """Whether there is nothing to fetch."""
        return not self.needed and not self.choice.problem


@dataclass(frozen=True, slots=True)
class Offer:
    """What downloading a model would mean. Bytes; `problem` says why it cannot be.

    `files` are those that lama needs of it, `needed` what of them is not here, `free` what the disk has, of which
    `reserve` is left alone. Where a person has the choice, it is among `quantizations`.
    """

    files: tuple[HubFile, ...] = ()
    needed: int = 0
    free: int | None = None
    reserve: int = 0
    problem: LamaError | None = None
    quantizations: tuple[Quantization, ...] = ()

    @property
    def short(self) -> int:
        """Bytes that the disk has too few."""
        return self.short_of(self.needed)

    def short_of(self, needed: int) -> int:
        """Bytes that the disk has too few for so many."""
        return 0 if self.free is None else max(0, needed + self.reserve - self.free)

    @property
    def here(self) -> bool:
        """Whether there is nothing to fetch."""
        return not self.needed and bool(self.files) and self.problem is None


@dataclass(frozen=True, slots=True)
class Looked:
    """A model of the hub, looked at closely. `speed` is estimated from what was measured here; `address` is where it
    is seen in a browser."""

    details: HubDetails
    offer: Offer
    speed: "SpeedEstimate | None" = None
    address: str = ""


class Looks:
    """What was looked at lately: details and cards by repo; the oldest is forgotten."""

    def __init__(self) -> None:
        self._found: dict[str, Looked | LamaError] = {}
        self.cards: dict[str, str] = {}

    def keep(self, repo: str, found: Looked | LamaError) -> None:
        """What the hub said of a model."""
        self._found.pop(repo, None)
        self._found[repo] = found
        while len(self._found) > _KEPT:
            self.forget(next(iter(self._found)))

    @property
    def details(self) -> "Sequence[HubDetails]":
        """Those that are here."""
        return [found.details for found in self._found.values() if isinstance(found, Looked)]

    def estimated(self, repo: str, speed: "SpeedEstimate | None") -> None:
        """How fast it would be, by what is known now."""
        if (found := self.of(repo)) is not None:
            self._found[repo] = replace(found, speed=speed)

    def forget(self, repo: str) -> None:
        """What was said is not true any more."""
        self._found.pop(repo, None)
        self.cards.pop(repo, None)

    def clear(self) -> None:
        """Forget all."""
        self._found.clear()
        self.cards.clear()

    def of(self, repo: str) -> Looked | None:
        """The details; None where they are not here."""
        return found if isinstance(found := self._found.get(repo), Looked) else None

    def trouble(self, repo: str) -> LamaError | None:
        """Why they are not here; None where nobody asked yet."""
        return None if isinstance(found := self._found.get(repo), Looked) else found


class Shelf:
    """Asks the hub and the disk, never on the event loop. Methods raise `LamaError`."""

    def __init__(self, services: "Services") -> None:
        self._services = services

    async def search(self, query: HubQuery, after: str | None, machine: Machine) -> HubPage:
        """A page of a listing."""
        return await (await self._services.hub()).search(query, after, machine)

    async def look(self, repo: str) -> Looked:
        """The files of a model, and what downloading it would mean."""
        hub = await self._services.hub()
        details = await hub.details(repo)
        offer = await asyncio.to_thread(_offer, details)
        speed = (await self.speeds([details]))[repo]
        return Looked(details, offer, speed, f"{hub.access.endpoint}/{repo}")

    async def speeds(self, several: "Sequence[HubDetails]") -> "Mapping[str, SpeedEstimate | None]":
        """How fast models of the hub would be here, by repo, from what was measured until now."""
        from lama_tui.library.benchmarking.estimate import experts_of

        speeds = await self._services.speeds()
        return {
            each.model.repo: speeds.of(
                each.model.repo, each.model.size, each.model.bits, experts_of(each.config) if each.config else None
            )
            for each in several
        }

    async def card(self, repo: str, commit: str) -> str:
        """The model card; empty where it has none."""
        from lama_tui.errors import ModelNotFoundError

        try:
            return await (await self._services.hub()).card(repo, commit)
        except ModelNotFoundError:
            return ""

    async def recommend(self, machine: Machine) -> "Sequence[Recommendation]":
        """What to begin with on this machine."""
        from lama_tui.library.hub.recommend import on_processor, speed_by

        speed, on_cpu = speed_by(await self._services.speeds()), await asyncio.to_thread(on_processor)
        return await (await self._services.hub()).recommend(machine, speed, on_cpu)


def _offer(details: HubDetails) -> Offer:
    from lama_tui.library.downloads.layout import RepoFolder
    from lama_tui.library.downloads.plan import by_default, choose, plan
    from lama_tui.library.downloads.space import free_space
    from lama_tui.library.hub_cache import hub_cache_folder

    folder = RepoFolder(hub_cache_folder(), details.model.repo)
    free, reserve = free_space(folder.cache)
    found = [
        Quantization(choice, plan(choice.files, folder, details.commit).needed, projector)
        for projector, some in ((False, choices(details.files)), (True, projectors(details.files)))
        for choice in some
    ]
    try:
        files = choose(details.files)
    except LamaError as error:
        return Offer(free=free, reserve=reserve, problem=error)
    asks = len(found) > 1 and by_default(details.files) is not None
    needed = plan(files, folder, details.commit).needed
    return Offer(files, needed, free, reserve, quantizations=tuple(found) if asks else ())
