"""Climbs the ladder of what is done when memory is short."""

import logging
import time
from collections.abc import Callable, Mapping

from lama_tui.engine.models import Models
from lama_tui.engine.pressure import Relief, Rung, next_rung
from lama_tui.errors import OutOfMemoryError

log = logging.getLogger(__name__)

INTERVAL = 0.05
"""Seconds between two steps: each may be enough, and shows only then."""


class Shortage:
    """Whether memory is short, and what was done about it. Belongs to the engine thread."""

    def __init__(self, models: Models, clock: Callable[[], float] = time.monotonic) -> None:
        self.refusing = False
        """Whether nothing new may begin."""
        self._models = models
        self._clock = clock
        self._last: Rung | None = None
        self._looked = -INTERVAL
        self._over = 0

    @property
    def is_due(self) -> bool:
        """Whether it is time to look again."""
        return self._models.is_open and self._clock() - self._looked >= INTERVAL

    def is_short(self) -> bool:
        """Look now. Raises what the backend raises."""
        self._over = self._models.backend.pressure()
        if not self._over:
            self._last, self.refusing = None, False
        return bool(self._over)

    def refusal(self) -> OutOfMemoryError:
        """Why a question is not answered now."""
        return OutOfMemoryError(
            "Memory is short",
            f"Models hold {_mib(self._over)} more than they may here (engine.memory_limit), or than there is left.",
            "Ask again when the running answers have ended, or unload a model.",
        )

    def stopping(self) -> OutOfMemoryError:
        """Why an answer ends before its time."""
        return OutOfMemoryError(
            "The answer was stopped: memory is short",
            f"Models held {_mib(self._over)} more than they may here (engine.memory_limit), or than was left,"
            " and nothing else could go.",
            "Start a new conversation, choose a smaller model, or ask when nothing else runs.",
        )

    def step(
        self, running: Mapping[str, int], may_unload: bool, unload: Callable[[str], int], stop: Callable[[], str]
    ) -> Relief | None:
        """Take the next step, if memory is short. Raises what the backend raises.

        `running` counts requests by model; `unload` drops a model that is idle and returns the bytes freed; `stop`
        stops an answer and returns the model that it was of.
        """
        self._looked = self._clock()
        if not self.is_short():
            return None
        idle = self._idle(running) if may_unload else None
        rung = next_rung(self._last, self._over, self._useful(running, idle))
        if rung is None:
            return None
        self._last = rung  # before it is tried: what fails is not tried again and again
        freed, model = 0, ""
        match rung:
            case Rung.BUFFERS:
                freed = self._models.backend.drop_buffers()
            case Rung.PROMPTS:
                freed = self._models.backend.shrink_prompts(self._over)
            case Rung.REFUSE:
                self.refusing = True
            case Rung.UNLOAD:
                model = idle or ""
                freed = unload(model)
            case Rung.STOP:
                model = stop()
        relief = Relief.by(rung, freed, model)
        log.warning("memory is short by %d bytes: %s", self._over, relief.words)
        return relief

    def _useful(self, running: Mapping[str, int], idle: str | None) -> set[Rung]:
        memory = self._models.backend.memory()
        could = {
            Rung.BUFFERS: memory.cache > 0,
            Rung.PROMPTS: bool(memory.prompts),
            Rung.REFUSE: not self.refusing,
            Rung.UNLOAD: idle is not None,
            Rung.STOP: any(running.values()),
        }
        return {rung for rung, can in could.items() if can}

    def _idle(self, running: Mapping[str, int]) -> str | None:
        """The idle model that goes first: pinned ones last, of the others the one used longest ago."""
        idle = [model for model in self._models.held(running) if not model.running]
        return min(idle, key=lambda model: (model.pinned, model.used)).source.reference if idle else None


def _mib(size: int) -> str:
    return f"{size / 1024**2:,.0f} MiB"
