"""Asks the hub once a day whether there are newer revisions of what came from it. Fetches nothing.

The names of models go to the hub, and nothing else: of those that lama fetched or that were used in it, not of what
other tools keep in the shared cache. In local-only and offline modes nothing is asked.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence

from lama_tui.errors import LamaError
from lama_tui.library.hub_cache import cached_repos, hub_cache_folder
from lama_tui.library.installed import InstalledModel
from lama_tui.library.updates.update import Update
from lama_tui.library.updates.updates import OF_ONE, AsksHub, Updates

log = logging.getLogger(__name__)

EVERY = 86_400.0
"""Seconds after which the hub is asked again about a model."""
JITTER = 3_600.0
"""Seconds by which that varies, so that not everybody asks at the same time."""

_AGAIN = 6 * 3_600.0  # seconds after which it is tried again where the hub could not be reached
_SPREAD = 30.0  # seconds in which the first look comes
_APART = 1.0  # seconds between two questions


class UpdateWatch:
    """The daily question of one instance. `hub` gives whom to ask, None: nobody may be asked now.

    `tell` gets each newer revision when it is first seen, on the event loop.
    """

    def __init__(
        self, updates: Updates, hub: Callable[[], Awaitable[AsksHub | None]], tell: Callable[[Update], None]
    ) -> None:
        self._updates = updates
        self._hub = hub
        self._tell = tell

    async def run(self) -> None:
        """One round after the other, until cancelled; not every instance at the same time."""
        await asyncio.sleep(random.uniform(0, _SPREAD))  # noqa: S311 — not a secret
        while True:
            try:
                wait = await self.round()
            except LamaError as error:
                log.info("updates were not looked for: %s", error.title)
                wait = _AGAIN
            await asyncio.sleep(wait + random.uniform(0, JITTER))  # noqa: S311

    async def round(self) -> float:
        """Ask about the models that are due, and return the seconds until one is. Raises a `LamaError`."""
        due, wait = await self._due()
        asked = 0
        for model in due:
            if (hub := await self._hub()) is None or hub.access.offline:
                return _AGAIN
            if asked:
                await asyncio.sleep(_APART)
            before = (await self._updates.known()).get(model.ref)
            found = None
            try:
                if (found := await self._updates.look(model, hub)) is None:
                    continue
            except OF_ONE as error:
                log.info("no newer revision of %s is known: %s", model.ref, error.title)
                await self._updates.not_told(model)
            asked += 1
            await self._updates.note_question("lama", asked)
            if found is None:
                continue
            news = before is None or before.newest != found.newest
            if news and found.offered(model.revision):
                self._tell(found)
        return EVERY if due else wait

    async def _due(self) -> tuple[Sequence[InstalledModel], float]:
        """The models that were not asked about for a day, and the seconds until the first of the others is."""
        known, own = await self._updates.known(), await self._updates.own()
        repos = await asyncio.to_thread(lambda: list(cached_repos(hub_cache_folder())))
        models = [
            InstalledModel(repo.name, str(repo.folder), repo.revision)
            for repo in repos
            if repo.folder is not None and repo.name in own
        ]
        now = time.time_ns() // 1_000_000
        due, wait = [], EVERY
        for model in models:
            left = EVERY - (now - known[model.ref].checked) / 1000 if model.ref in known else 0.0
            if 0 < left <= EVERY:
                wait = min(wait, left)
            else:
                due.append(model)
        return due, wait
