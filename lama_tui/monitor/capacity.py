"""What size of model this machine could run, from what is free now: arithmetic that is shown, not only its result."""

from dataclasses import dataclass

from lama_tui.engine.fit import HEADROOM
from lama_tui.types import DeviceKind

BITS = 4
"""Bits of a weight in the quantization that most people use."""

BYTES_PER_PARAMETER = (BITS + 2 * 16 / 64) / 8
"""0.5625: MLX keeps a scale and a bias of 16 bits for each group of 64 weights."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """Bytes that models could have now, None where that cannot be told, and what would run them.

    `device` is None where no local model can be run at all.
    """

    available: int | None
    total: int | None
    device: DeviceKind | None

    share: float = 1.0
    """Of `total`: the most that the engine lets models take."""

    @property
    def weights(self) -> int | None:
        """Bytes that weights could have beside a KV cache and working memory, and within the engine's limit."""
        if self.available is None:
            return None
        limit = self.available if self.total is None else int(self.total * self.share)
        return max(0, min(self.available, limit) - HEADROOM)

    @property
    def parameters(self) -> int | None:
        """The most parameters at `BITS` bits whose weights fit."""
        return None if self.weights is None else int(self.weights / BYTES_PER_PARAMETER)


def measure(share: float) -> Capacity:
    """Look at this machine; `share` is `engine.memory_limit`. Blocks: call it off the event loop.

    With CUDA the memory is that of the card with the most of it free; where NVIDIA's library is not installed, unknown.
    """
    from lama_tui.engine.device import wheels

    found = wheels()
    device = found.device if found.usable else None
    if device == "cuda":
        from lama_tui.events import ResourceSample
        from lama_tui.monitor.gpu import NvidiaProbe

        try:
            cards = NvidiaProbe()(ResourceSample(0)).gpus
        except Exception:  # NVML raises its own kinds; a card that cannot be asked is unknown
            cards = ()
        free = [
            (card.memory_total - card.memory_used, card.memory_total)
            for card in cards
            if card.memory_total and card.memory_used is not None
        ]
        available, total = max(free, default=(None, None))
        return Capacity(available, total, device, share)
    from lama_tui.library.installed import machine_memory

    memory = machine_memory()
    return Capacity(memory.available, memory.total, device, share)
