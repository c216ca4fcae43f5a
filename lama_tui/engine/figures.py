"""What the engine tells of itself while it works: frozen values, replaced as a whole."""

from dataclasses import dataclass, replace

from lama_tui.engine.backend import DeviceFacts, LoadedModel, MemoryFigures
from lama_tui.engine.pressure import Relief
from lama_tui.events import ModelLoading, ModelUnloaded
from lama_tui.types import Usage

_LATELY = 16
"""Models that left memory and are remembered: more than leave between two looks of who tells of them."""


@dataclass(frozen=True, slots=True)
class ModelActivity:
    """What a loaded model does. `unload_at` is UTC milliseconds, None while it is in use, pinned, or kept for ever."""

    reference: str
    running: int = 0
    pinned: bool = False
    unload_at: int | None = None


@dataclass(frozen=True, slots=True)
class EngineFigures:
    """What the engine is doing. `device` and `memory` are None until it was first used.

    `loaded` and `activity` are of the same models in the same order; `unloaded` is what left memory lately,
    the last one at the end, and `relief` what was done last because memory was short, or to make room. The speeds
    (tokens per second) and the time to the first token are of the newest answer that had one, of a model that is
    still loaded; they change while it runs.
    """

    device: DeviceFacts | None = None
    loaded: tuple[LoadedModel, ...] = ()
    memory: MemoryFigures | None = None
    loading: ModelLoading | None = None
    running: int = 0
    waiting: int = 0
    prefill_tok_s: float | None = None
    decode_tok_s: float | None = None
    ttft_ms: float | None = None
    activity: tuple[ModelActivity, ...] = ()
    unloaded: tuple[ModelUnloaded, ...] = ()
    relief: Relief | None = None

    @property
    def weights(self) -> int:
        """Bytes of all loaded models."""
        return sum(model.weights for model in self.loaded)

    def with_speeds(self, usage: Usage) -> "EngineFigures":
        """With the speeds of a running answer; what it has not measured yet stays that of the one before."""
        return replace(
            self,
            prefill_tok_s=self.prefill_tok_s if usage.prefill_tok_s is None else usage.prefill_tok_s,
            decode_tok_s=self.decode_tok_s if usage.decode_tok_s is None else usage.decode_tok_s,
            ttft_ms=self.ttft_ms if usage.ttft_ms is None else usage.ttft_ms,
        )

    def without(self, gone: ModelUnloaded) -> "EngineFigures":
        """One more model left memory."""
        return replace(self, unloaded=(*self.unloaded, gone)[-_LATELY:])

    def without_speeds(self) -> "EngineFigures":
        """The model that they were of is gone."""
        return replace(self, prefill_tok_s=None, decode_tok_s=None, ttft_ms=None)
