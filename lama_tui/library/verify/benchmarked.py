"""Whether the speed of a model was measured on this machine, and what that said last."""

from lama_tui.library.installed import InstalledModel
from lama_tui.library.measurement_table import MeasurementTable
from lama_tui.library.verify.check import Check


async def check_benchmarked(model: InstalledModel, measurements: MeasurementTable) -> Check:
    """What the table knows of this revision of `model`. Raises `StoreError`."""
    measured = await measurements.of(model.ref, model.revision or "")
    if not measured:
        return Check("benchmarked", "unknown", "Not measured on this machine", hint=f"`lama bench {model.ref}`")
    newest = measured[0]
    speed = "–" if newest.decode_tok_s is None else f"{newest.decode_tok_s:.1f} tok/s"
    return Check("benchmarked", "ok", f"{speed} on {newest.device}", at=newest.at)
