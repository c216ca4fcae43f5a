"""What is known here of the speed of models: benchmarks, and the answers of conversations."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from lama_tui.engine.model_files import read_json
from lama_tui.errors import ModelError
from lama_tui.library.benchmarking.estimate import Speeds, experts_of, points
from lama_tui.library.installed import InstalledModel
from lama_tui.library.measurement_table import Measurement, MeasurementTable


async def known_speeds(
    table: MeasurementTable, models: Iterable[InstalledModel] = (), device: str | None = None
) -> Speeds:
    """Everything that estimates can come from; raises `StoreError`.

    `models` are those installed: of them answers in conversations count too. Of a `device` that is not known yet (the
    engine tells its name when it was used) the one that was measured last is taken.
    """
    measurements = await table.all()
    chats = {chat.ref: chat for chat in await table.of_chats()}
    weights = await asyncio.to_thread(_weights, [model for model in models if model.ref in chats])
    if device is None:
        device = measurements[0].device if measurements else ""
    return Speeds(points(measurements, device, chats.values(), weights))


def newest(measurements: Sequence[Measurement]) -> tuple[Measurement, ...]:
    """What was measured last of each length of prompt, the shortest first, on the device of the newest of all."""
    device = max(measurements, key=lambda each: each.at).device if measurements else ""
    here = sorted((each for each in measurements if each.device == device), key=lambda each: each.at)
    of_length = {each.prompt_tokens: each for each in here}
    return tuple(of_length[length] for length in sorted(of_length))


def experts_in(folder: Path) -> int | None:
    """The experts of the model in `folder`, 0 where it is dense; None where its config cannot be read. Blocks."""
    try:
        return experts_of(read_json(folder / "config.json"))
    except (ModelError, OSError):
        return None


def _weights(models: Iterable[InstalledModel]) -> Mapping[str, tuple[int, int]]:
    found = {model.ref: (model.weights, experts_in(Path(model.path))) for model in models if model.path}
    return {ref: (weights, experts) for ref, (weights, experts) in found.items() if weights and experts is not None}
