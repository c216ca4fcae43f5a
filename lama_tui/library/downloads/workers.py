"""What the queue asks of those who work on its jobs: one implementation fetches from the hub, another one imports."""

from typing import Protocol

from lama_tui.library.downloads.job_table import Figures, QueuedJob
from lama_tui.library.downloads.waiting import Waiting
from lama_tui.providers.address import is_loopback


class JobWork(Protocol):
    """One job while this instance works on it. Belongs to the event loop.

    `waiting` tells how it stands, `attempts` counts tries in a row that brought nothing.
    """

    row: QueuedJob
    waiting: Waiting
    attempts: int

    async def run(self) -> None:
        """Work until the model is there. Raises a `LamaError`; may be cancelled at any time."""

    def allow(self, local_only: bool, on_battery: bool) -> None:
        """Follow what is allowed now: stop and wait, saying why, or go on."""

    def figures(self) -> Figures:
        """How far it is, and how fast by now."""

    def take_new(self) -> list[str]:
        """Paths of files that became whole since the last call."""


class Workers(Protocol):
    """Those who work on jobs of one kind."""

    async def begin(self, row: QueuedJob) -> JobWork:
        """Somebody for a job that was claimed, not running yet. Raises a `LamaError` where nothing can be done."""

    async def remove_parts(self, row: QueuedJob) -> None:
        """Take away what came of a cancelled job, unless another model has it too."""


def obstacle(host: str, *, offline: bool, local_only: bool, on_battery: bool) -> str:
    """Why nothing may be fetched from `host` now; empty: it may."""
    if offline:
        return "offline mode is on (HF_HUB_OFFLINE)"
    if local_only and not is_loopback(host):
        return "local only is on (privacy.local_only)"
    return "on battery" if on_battery else ""
