"""What goes on in the background with installed models: their files are re-checked, and updates are looked for.

Two tasks that sleep for hours, begun well behind the start. Nothing is fetched, mended or deleted here.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from lama_tui.config.settings import Settings
from lama_tui.errors import LamaError, ModelIntegrityError
from lama_tui.library.hub.hub import Hub
from lama_tui.library.updates.update import Update
from lama_tui.library.updates.updates import Updates
from lama_tui.library.updates.watch import UpdateWatch
from lama_tui.library.verify.background import IntegrityPass
from lama_tui.library.verify.check import Check
from lama_tui.paths import Paths

if TYPE_CHECKING:
    from lama_tui.store.database import Database


class ModelWatch:
    """Both tasks of one instance. `idle` says whether nothing generates and nothing is fetched."""

    def __init__(
        self,
        paths: Paths,
        database: "Database",
        settings: Callable[[], Settings],
        hub: Callable[[], Awaitable[Hub]],
        idle: Callable[[], Awaitable[bool]],
    ) -> None:
        self._paths = paths
        self._database = database
        self._settings = settings
        self._hub = hub
        self._idle = idle

    async def run(self, changed: Callable[[LamaError], None], newer: Callable[[Update], None]) -> None:
        """Do what the settings want, until cancelled."""
        library = self._settings().library

        def differs(ref: str, check: Check) -> None:
            changed(ModelIntegrityError(f"The files of {ref} have changed", check.detail, check.hint))

        async with asyncio.TaskGroup() as tasks:
            if library.integrity != "off":
                tasks.create_task(IntegrityPass(self._paths, self._database, self._idle, differs).run())
            if library.check_updates != "off":
                tasks.create_task(UpdateWatch(Updates(self._database), self._asked, newer).run())

    async def _asked(self) -> Hub | None:
        """The hub, where it may be asked without a person's wish."""
        settings = self._settings()
        silent = settings.privacy.local_only or settings.library.check_updates == "off"
        return None if silent else await self._hub()
