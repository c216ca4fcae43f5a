"""What the screens know of the hub and of the queue, and what they ask of both. No widgets."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lama_tui.errors import LamaError
from lama_tui.library.fit import Machine
from lama_tui.library.hub.values import HubDetails, HubFile, HubModel, HubPage, HubQuery

if TYPE_CHECKING:
    from lama_tui.library.hub.recommend import Recommendation
    from lama_tui.services import Services


@dataclass(frozen=True, slots=True)
class Offer:
    """What downloading a model would mean. Bytes; `problem` says why it cannot be.

    `files` are those that lama needs of it, `needed` what of them is not here, `free` what the disk has, of which
    `reserve` is left alone.
    """

    files: tuple[HubFile, ...] = ()
    needed: int = 0
    free: int | None = None
    reserve: int = 0
    problem: LamaError | None = None

    @property
    def short(self) -> int:
        """Bytes that the disk has too few."""
        return 0 if self.free is None else max(0, self.needed + self.reserve - self.free)

    @property
    def here(self) -> bool:
        """Whether there is nothing to fetch."""
        return not self.needed and bool(self.files) and self.problem is None


@dataclass(frozen=True, slots=True)
class Looked:
    """A model of the hub, looked at closely. `rate` is tokens a second, estimated from what was measured here."""

    details: HubDetails
    offer: Offer
    rate: float | None = None


class Shelf:
    """Asks the hub and the disk, never on the event loop. Methods raise `LamaError`."""

    def __init__(self, services: "Services") -> None:
        self._services = services

    async def search(self, query: HubQuery, after: str | None, machine: Machine) -> HubPage:
        """A page of a listing."""
        return await (await self._services.hub()).search(query, after, machine)

    async def look(self, repo: str) -> Looked:
        """The files of a model, and what downloading it would mean."""
        details = await (await self._services.hub()).details(repo)
        return Looked(details, await asyncio.to_thread(_offer, details), await self._rate(details.model))

    async def card(self, repo: str, commit: str) -> str:
        """The model card; empty where it has none."""
        from lama_tui.errors import ModelNotFoundError

        try:
            return await (await self._services.hub()).card(repo, commit)
        except ModelNotFoundError:
            return ""

    async def recommend(self, machine: Machine) -> "Sequence[Recommendation]":
        """What to begin with on this machine."""
        return await (await self._services.hub()).recommend(machine)

    async def address(self, repo: str) -> str:
        """Where a model is seen in a browser."""
        return f"{(await self._services.hub()).access.endpoint}/{repo}"

    async def _rate(self, model: HubModel) -> float | None:
        return None


def _offer(details: HubDetails) -> Offer:
    from lama_tui.library.downloads.layout import RepoFolder
    from lama_tui.library.downloads.plan import choose, plan
    from lama_tui.library.downloads.space import free_space
    from lama_tui.library.hub_cache import hub_cache_folder

    folder = RepoFolder(hub_cache_folder(), details.model.repo)
    free, reserve = free_space(folder.cache)
    try:
        files = choose(details.files)
    except LamaError as error:
        return Offer(free=free, reserve=reserve, problem=error)
    return Offer(files, plan(files, folder, details.commit).needed, free, reserve)
