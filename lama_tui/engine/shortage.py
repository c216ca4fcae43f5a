"""Climbs the ladder of what is done when memory is short."""

import logging
import time
from collections.abc import Callable, Mapping

from lama_tui.engine.backend import MemoryFigures
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
        self._buffers_go = True
        """Whether free buffers went when they were handed back last."""

    @property
    def is_due(self) -> bool:
        """Whether it is time to look again."""
        return self._models.is_open and self._clock() - self._looked >= INTERVAL

    def is_short(self) -> bool:
        """Look now. Raises what the backend raises."""
        self._over = self._models.backend.pressure()
        if not self._over:
            self._last, self.refusing, self._buffers_go = None, False, True
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
        memory = self._models.backend.memory()
        if memory.cache >= self._over and self._buffers_go:
            return self._make_room(Rung.BUFFERS)  # enough by itself, however high the ladder was climbed
        rung = next_rung(self._last, self._over, self._useful(memory, running, idle))
        if rung is None:
            return None
        self._last = rung  # before it is tried: what fails is not tried again and again
        match rung:
            case Rung.BUFFERS | Rung.PROMPTS:
                return self._make_room(rung)
            case Rung.REFUSE:
                self.refusing = True
                return self._taken(rung)
            case Rung.UNLOAD:
                freed = unload(idle or "")
                self._last = Rung.REFUSE  # whatever else is idle goes before any answer
                return self._taken(rung, freed, idle or "")
            case Rung.STOP:
                return self._taken(rung, model=stop())

    def must_refuse(self, tell: Callable[[Relief], None]) -> bool:
        """Whether what comes now has to be refused: not while something else can go that nobody misses.

        `tell` hears of each step. Raises what the backend raises.
        """
        memory = self._models.backend.memory()
        for rung, size in ((Rung.BUFFERS, memory.cache), (Rung.PROMPTS, memory.prompts)):
            if size and self.is_short():
                tell(self._make_room(rung))
        return self.is_short()

    def _make_room(self, rung: Rung) -> Relief:
        """Let free buffers or remembered prompts go."""
        if rung is Rung.BUFFERS:
            self._buffers_go = False
            freed = self._models.backend.drop_buffers()
            self._buffers_go = freed > 0
        else:
            freed = self._models.backend.shrink_prompts(self._over)
        return self._taken(rung, freed)

    def _taken(self, rung: Rung, freed: int = 0, model: str = "") -> Relief:
        relief = Relief.by(rung, freed, model)
        log.warning("memory is short by %d bytes: %s", self._over, relief.words)
        return relief

    def _useful(self, memory: MemoryFigures, running: Mapping[str, int], idle: str | None) -> set[Rung]:
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
