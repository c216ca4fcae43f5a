"""The backend and the models that it has in memory: when each was used last, and which of them are pinned."""

import logging
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from lama_tui.engine.backend import Backend, DeviceFacts, LoadedModel, ModelSource
from lama_tui.engine.figures import EngineFigures, ModelActivity
from lama_tui.engine.scheduler import Held, Wish
from lama_tui.events import ModelUnloaded

log = logging.getLogger(__name__)

LOOK = 0.05
"""Seconds between two looks at what is free: one takes a millisecond, as long as a token of a small model."""


@dataclass(slots=True)
class _Resident:
    source: ModelSource
    model: LoadedModel
    used: float = 0.0  # time.monotonic
    used_at: int = 0  # UTC milliseconds, of the same moment

    def use(self) -> None:
        self.used, self.used_at = time.monotonic(), time.time_ns() // 1_000_000


class Models:
    """What is loaded. `keep` is how many seconds a model stays without use, 0 for ever.

    All but `pinned` belongs to the engine thread; what the backend raises passes through.
    """

    def __init__(self, factory: Callable[[], Backend], keep: float) -> None:
        self.keep = keep
        self.pinned: frozenset[str] = frozenset()
        """References; replaced as a whole, so that any thread may."""
        self._factory = factory
        self._backend: Backend | None = None
        self._device: DeviceFacts | None = None
        self._residents: dict[str, _Resident] = {}
        self._free = 0
        self._looked = -LOOK

    def __contains__(self, source: ModelSource) -> bool:
        resident = self._residents.get(source.reference)
        return resident is not None and resident.source == source

    def __getitem__(self, reference: str) -> LoadedModel:
        return self._residents[reference].model

    @property
    def backend(self) -> Backend:
        """The backend, opened on first use: until then nothing of it is imported."""
        if self._backend is None:
            backend = self._factory()
            self._device = backend.open()
            self._backend = backend
            log.info("engine: %s (%s)", self._device.name, self._device.kind)
        return self._backend

    @property
    def is_open(self) -> bool:
        """Whether the backend was used."""
        return self._backend is not None

    def use(self, reference: str) -> None:
        """It is used now."""
        if resident := self._residents.get(reference):
            resident.use()

    def learn(self, wish: Wish) -> Wish:
        """A wish, with what loading its model takes. Raises a `ModelError` before anything is given up for it."""
        if wish.needs is not None or wish.source is None:
            return wish
        self.backend.check(wish.source)
        return replace(wish, needs=self.backend.needs(wish.source))

    def free(self) -> int:
        """Bytes that models may still take; looked at anew when they changed, and else now and then."""
        now = time.monotonic()
        if now - self._looked >= LOOK:
            self._free, self._looked = self.backend.free(), now
        return self._free

    def load(self, source: ModelSource, progress: Callable[[int, int], None]) -> LoadedModel:
        """Load a model beside the others."""
        self._looked = -LOOK
        model = self.backend.load(source, progress)
        self._residents[source.reference] = _Resident(source, model)
        self.use(source.reference)
        log.info("loaded %s in %.2f s, %d bytes", model.reference, model.seconds, model.weights)
        return model

    def unload(self, reference: str) -> ModelUnloaded:
        """Drop a model, if it is loaded; one that the backend fails to drop stays as long as the backend has it."""
        if reference not in self._residents:
            return ModelUnloaded(reference, 0)
        self._looked = -LOOK
        try:
            freed = self.backend.unload(reference)
        except Exception:
            if not any(model.reference == reference for model in self.backend.loaded()):
                del self._residents[reference]
            raise
        del self._residents[reference]
        log.info("unloaded %s, %d bytes freed", reference, freed)
        return ModelUnloaded(reference, freed)

    def rest(self, given_up: Callable[[], bool]) -> None:
        """Let the backend do a piece of what could wait, unless it is `given_up`."""
        if self._backend is not None:
            try:
                self._backend.rest(given_up)
            except Exception:
                log.exception("the backend failed at rest")

    def forget(self, conversation: int) -> None:
        """Keep nothing of a conversation in memory."""
        if self._backend is not None:
            try:
                self._backend.forget(conversation)
            except Exception:
                log.exception("the backend failed to forget conversation %s", conversation)

    def close(self) -> None:
        """Drop all models, and release the backend in the thread that opened it."""
        self._residents.clear()
        backend, self._backend = self._backend, None
        if backend is not None:
            try:
                backend.close()
            except Exception:
                log.exception("the backend failed to close")

    def held(self, running: Mapping[str, int]) -> list[Held]:
        """As the scheduler wants to see them; `running` counts requests by reference."""
        return [
            Held(each.source, each.model.weights, running.get(name, 0), each.used, name in self.pinned)
            for name, each in self._residents.items()
        ]

    def seen(self, figures: EngineFigures, running: Mapping[str, int], wanted: Collection[str]) -> EngineFigures:
        """`figures` with what is loaded and the memory as they are now; a model that is `wanted` stays."""
        figures = replace(figures, device=self._device, activity=tuple(self._activity(running, wanted)))
        if self._backend is None:
            return figures
        try:
            loaded, memory = tuple(self._backend.loaded()), self._backend.memory()
        except Exception:
            log.exception("the backend failed to report its memory")
            return figures
        return replace(figures, loaded=loaded, memory=memory)

    def _activity(self, running: Mapping[str, int], wanted: Collection[str]) -> list[ModelActivity]:
        found = []
        for name, each in self._residents.items():
            stays = not self.keep or running.get(name) or name in self.pinned or name in wanted
            unload_at = None if stays else each.used_at + int(self.keep * 1000)
            found.append(ModelActivity(name, running.get(name, 0), name in self.pinned, unload_at))
        return found
