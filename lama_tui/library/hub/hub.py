"""The hub, as everybody else uses it: search, details of a model, its card, and what to begin with."""

import asyncio
from collections.abc import Sequence

from lama_tui.engine.fit import Machine
from lama_tui.library.hub.access import HubAccess
from lama_tui.library.hub.card import card
from lama_tui.library.hub.client import HubClient
from lama_tui.library.hub.details import details
from lama_tui.library.hub.recommend import Recommendation, Speed, recommend
from lama_tui.library.hub.search import search
from lama_tui.library.hub.values import HubDetails, HubPage, HubQuery
from lama_tui.library.installed import machine_memory


class Hub:
    """One endpoint, asked by one event loop. Every method raises a `LamaError` where the hub cannot tell."""

    def __init__(self, access: HubAccess, local_only: bool) -> None:
        self.access = access
        self._client = HubClient(access, local_only)

    async def search(self, query: HubQuery, after: str | None = None, machine: Machine | None = None) -> HubPage:
        """A page of what `query` finds; `after` asks for the one behind. By fit, it is sorted for `machine`.

        Without one that is this machine with what is free now.
        """
        if machine is None and query.sort == "fit":
            machine = await asyncio.to_thread(machine_memory)
        return await search(self._client, query, after, machine)

    async def details(self, repo: str, revision: str = "main") -> HubDetails:
        """Files with sizes and hashes, configuration and facts of one revision."""
        return await details(self._client, repo, revision)

    async def listing(self, repo: str, revision: str = "main") -> HubDetails:
        """The same without what `config.json` says, which is not fetched."""
        return await details(self._client, repo, revision, with_config=False)

    async def card(self, repo: str, commit: str) -> str:
        """The model card as plain Markdown; an error where there is none."""
        return await card(self._client, repo, commit)

    async def recommend(
        self, machine: Machine | None = None, speed: Speed | None = None, on_cpu: bool = False
    ) -> Sequence[Recommendation]:
        """What to begin with on this machine, the first choice first; empty where nothing fits."""
        if machine is None:
            machine = await asyncio.to_thread(machine_memory)
        return await recommend(self._client, machine, speed, on_cpu)

    async def use(self, local_only: bool) -> None:
        """Follow a changed `privacy.local_only`; what runs breaks off."""
        await self._client.use(local_only)

    async def close(self) -> None:
        """End what runs; safe to call twice."""
        await self._client.close()
