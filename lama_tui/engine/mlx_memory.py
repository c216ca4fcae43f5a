"""What MLX may take of this machine, and what it has taken. Import only in the engine thread."""

import time
from typing import Any

from lama_tui.engine.backend import DeviceFacts, ModelSource
from lama_tui.engine.device import memory_of
from lama_tui.engine.fit import USUAL_CONTEXT, WORKING, Fit, KvForm, Machine, fit
from lama_tui.engine.machine import for_models, machine_memory
from lama_tui.engine.model_files import ModelFiles
from lama_tui.types import DeviceKind

RESERVE = 256 * 1024**2
"""Bytes that are to stay free beside models on the processor."""
LOOK = 0.5
"""Seconds between two looks at the memory of the machine."""


class MlxMemory:
    """The limits that are set on MLX: the share `limit` of the device's memory, and what somebody insisted on."""

    def __init__(self, limit: float, form: KvForm) -> None:
        import mlx.core as mx

        self._share = limit
        self._form = form
        self._looked = 0.0
        self._forced: dict[str, int] = {}  # bytes that each model needs that was loaded although it did not fit
        kind: DeviceKind = "cpu"
        if mx.default_device() == mx.gpu:
            kind = "metal" if mx.metal.is_available() else "cuda"
        about: dict[str, Any] = dict(mx.device_info())
        memory = machine_memory().total if kind == "cpu" else memory_of(about)
        self.device = DeviceFacts(kind, str(about.get("device_name", kind)), memory)
        if kind == "metal" and memory:
            # without it macOS may page a large model's weights out between two tokens
            mx.set_wired_limit(memory)
        self._set()

    @property
    def limit(self) -> int:
        """Bytes that models may take here; 0 where the memory is not known: then one model after the other."""
        share = int(self.device.memory * self._share) if self.device.memory is not None else 0
        return max(share, sum(self._forced.values()))

    @property
    def machine(self) -> Machine:
        """What models may take here, and what there is for them now: what is loaded could leave."""
        import mlx.core as mx

        held, forced = mx.get_active_memory() + mx.get_cache_memory(), sum(self._forced.values())
        return for_models(machine_memory(), self.device.kind, self.device.memory, held, self._share, forced)

    def fit(self, files: ModelFiles, source: ModelSource, added: int = 0) -> Fit:
        """How a model fits, with a conversation of as many tokens as are asked for, and `added` bytes of weights."""
        context = min(source.context or USUAL_CONTEXT, files.context_window or USUAL_CONTEXT)
        return fit(files.weights + added, files.kv, context, self.machine, self._form)

    def free(self) -> int:
        """What the limit, and the machine now, leave beside what is in use; free buffers count as free."""
        import mlx.core as mx

        machine = self.machine
        most = machine.limit or 0 if machine.available is None else min(machine.limit or 0, machine.available)
        return int(most - mx.get_active_memory())

    def pressure(self) -> int:
        """What is held above the limit, free buffers included, or what the machine lacks of `RESERVE`.

        The latter only where the kernel ends programs when there is no memory left, where giving something up here
        would help, and where nobody insisted.
        """
        import mlx.core as mx

        held, limit = mx.get_active_memory() + mx.get_cache_memory(), self.limit
        over = int(held - limit) if limit else 0
        if self.device.kind == "cpu" and held > RESERVE and not self._forced:
            over = max(over, self._lacking())
        return max(0, over)

    def _lacking(self) -> int:
        """What the machine lacks of `RESERVE`: looking takes a millisecond, so seldom while all is well."""
        now = time.monotonic()
        if now - self._looked < LOOK:
            return 0
        available = machine_memory().available
        lacking = 0 if available is None else max(0, RESERVE - available)
        self._looked = 0.0 if lacking else now
        return lacking

    def drop_buffers(self) -> int:
        """Give free buffers back to the system; the bytes."""
        import mlx.core as mx

        before = mx.get_cache_memory()
        mx.clear_cache()
        return int(before - mx.get_cache_memory())

    def force(self, reference: str, needed: int) -> None:
        """A model is loaded although it does not fit: while it stays, the limit leaves room for it."""
        self._forced[reference] = needed
        self._set()

    def let_go(self, reference: str) -> None:
        """A model left that may have been forced."""
        if self._forced.pop(reference, None) is not None:
            self._set()

    def _set(self) -> None:
        """Tell MLX what it may take.

        The memory limit is a guideline: above it MLX hands back its free buffers and, on Metal, waits for work that
        would free some before it asks for more. Nothing fails for it as long as the system gives memory (on the CPU
        measured: 128 MiB above a limit of 64 MiB came at once, without free buffers). What keeps models within the
        limit is that they are refused before they load, and the steps against pressure. The cache limit bounds the
        free buffers, which Metal and CUDA would else let grow up to the memory limit: to what is counted for a step.
        The CPU keeps 32 MiB of them by itself, and stays with that.
        """
        import mlx.core as mx

        limit = self.limit
        if not limit:
            return
        mx.set_memory_limit(limit)
        bound = min(WORKING, limit)
        if (own := mx.set_cache_limit(bound)) < bound:
            mx.set_cache_limit(own)
