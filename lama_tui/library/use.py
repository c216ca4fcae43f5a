"""Keeps when models of this machine were used, and has the engine keep in memory those that are pinned."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from typing import TYPE_CHECKING

from lama_tui.errors import StoreError

if TYPE_CHECKING:
    from lama_tui.library.model_table import ModelTable

log = logging.getLogger(__name__)


class UseOfModels:
    """`pin` tells the engine which models it keeps, and no others."""

    def __init__(self, models: "Callable[[], Awaitable[ModelTable]]", pin: Callable[[Collection[str]], None]) -> None:
        self._models = models
        self._pin = pin
        self._noting: set[asyncio.Task[None]] = set()

    def note(self, reference: str) -> None:
        """It is used now; kept in a task of its own, which nobody's answer waits for."""
        noting = asyncio.create_task(self._keep(reference))
        self._noting.add(noting)
        noting.add_done_callback(self._noting.discard)

    async def follow_pins(self) -> None:
        """Let the engine keep what is pinned now, here or by another lama. Raises `StoreError`."""
        models = await (await self._models()).all()
        self._pin([reference for reference, use in models.items() if use.pinned])

    async def _keep(self, reference: str) -> None:
        try:
            await (await self._models()).note_use(reference)
            await self.follow_pins()
        except StoreError as error:  # nobody's answer fails for this
            log.warning("the use of a model was not kept: %s", error.title)
