"""Refuses a model that does not fit, before anything is loaded or given up for it, and shows the arithmetic."""

from lama_tui.engine.backend import ModelSource
from lama_tui.engine.fit import USUAL_CONTEXT, USUAL_KV, WORKING, Fit
from lama_tui.engine.model_files import ModelFiles
from lama_tui.errors import OutOfMemoryError

HINT = (
    "Choose a smaller model or quantization. To try it all the same: in the list of models ask to load it twice, "
    "or `lama run --force`."
)


def refuse_what_does_not_fit(source: ModelSource, files: ModelFiles, found: Fit, share: float) -> None:
    """Raise `OutOfMemoryError` with every figure where a model does not fit; what is not known is not refused.

    `share` is `engine.memory_limit`.
    """
    if found.fits is not False:
        return
    raise OutOfMemoryError(
        f"{source.reference} does not fit in memory", f"{_needs(source, files, found)}; {_has(found, share)}.", HINT
    )


def _needs(source: ModelSource, files: ModelFiles, found: Fit) -> str:
    context = min(source.context or USUAL_CONTEXT, files.context_window or USUAL_CONTEXT)
    cache = f"KV cache of {context:,} tokens" if found.kv is not None else "KV cache (assumed: of this kind unknown)"
    parts = ((found.weights, "weights"), (USUAL_KV if found.kv is None else found.kv, cache), (WORKING, "to work in"))
    summed = " + ".join(f"{gib(size)} {what}" for size, what in parts if size)
    return f"It needs {summed} = {gib(found.needed or 0)}"


def _has(found: Fit, share: float) -> str:
    machine, needed = found.machine, found.needed or 0
    if machine.limit is not None and needed > machine.limit:
        return f"models may use {gib(machine.limit)} here: {share:g} (engine.memory_limit) of {gib(machine.total or 0)}"
    return f"{gib(machine.available or 0)} of {gib(machine.total or 0)} are free for models"


def gib(size: int) -> str:
    """Bytes for people."""
    return f"{size / 1024**3:.1f} GiB" if size >= 1024**3 else f"{size / 1024**2:.0f} MiB"
