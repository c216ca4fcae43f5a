"""The model browser, and the model picker."""

import asyncio
from collections.abc import Sequence
from typing import Any

from invented import BROKEN, GUIDE_MODEL, MANY, USUAL
from still import GIB, NOW
from visit import CONFIG, State, Visit

from lama_tui.engine.figures import EngineFigures
from lama_tui.library.benchmarking.benchmark import BenchmarkProgress
from lama_tui.library.measurement_table import Measurement
from lama_tui.ui.screens.model_picker import ModelPicker
from lama_tui.ui.screens.models.browser import ModelBrowser
from lama_tui.ui.screens.models.details import ModelDetails
from lama_tui.ui.screens.models.installed import InstalledSection
from lama_tui.ui.screens.models.list import ModelList

SERVER = CONFIG + '[providers.work]\nkind = "openai"\nendpoint = "https://api.example.org/v1"\nmodel = "large"\n'
COLD = EngineFigures()


async def browse(visit: Visit) -> ModelBrowser:
    await visit.press("ctrl+l")
    browser = await visit.at(ModelBrowser)
    await visit.until(lambda: browser.query(ModelList) and browser.query_one(ModelList)._rows)
    await visit.settled()
    assert isinstance(browser, ModelBrowser)
    return browser


async def browsed(visit: Visit) -> None:
    await browse(visit)


async def usual(visit: Visit) -> None:
    """One is pinned, two were used; the highlight is on the one that answers here."""
    assert visit.screen._opened is not None
    models = await visit.screen._opened.services.models()
    await models.note_use("mlx-community/Qwen3-8B-4bit")
    await models.note_use("guide")
    await models.pin("mlx-community/Llama-3.2-3B-Instruct-4bit", True)
    await browse(visit)


def measured(asked: int, runs: int = 3) -> Measurement:
    """What an 8 B model does on a laptop."""
    reads, writes, first = (512.0, 41.3, 250.0) if asked < 1000 else (604.0, 38.9, 1695.0)
    return Measurement(
        "mlx-community/Qwen3-8B-4bit", "4f1c09b7e2d5", "Apple M2 Max", "qwen3", 8_190_000_000, 4, int(4.3 * GIB),
        asked, 64, reads, writes, first, int(5.1 * GIB), NOW - 300_000, 0, runs,
    )  # fmt: skip


async def was_measured(visit: Visit) -> None:
    assert visit.screen._opened is not None
    table = await visit.screen._opened.services.measurements()
    for asked in (128, 1024):
        await table.record(measured(asked))
    await usual(visit)
    details = visit.app.screen.query_one(ModelDetails)
    await visit.until(lambda: "Medians of" in details._drawn.plain)
    await visit.press("tab", "pagedown")
    await visit.until_seen("Medians of")


async def measuring(visit: Visit) -> None:
    """The second length of prompt is read for the second time."""
    await usual(visit)
    section = visit.app.screen.query_one(InstalledSection)

    async def benchmark(model: object, watch: Any, ran: Any) -> None:
        ran(128, measured(128))
        ran(1024, measured(1024, 1))
        watch(BenchmarkProgress("reading", 5, 6, 512, 1024))
        await asyncio.Event().wait()

    section._catalogue.benchmark = benchmark  # type: ignore[method-assign, assignment]
    section._memory._engine.figures = EngineFigures  # type: ignore[method-assign]
    await visit.press("b")
    await visit.until_seen("Medians of", "run 5")


async def too_big(visit: Visit) -> None:
    """The highlighted one does not fit, and it was asked for all the same."""
    await usual(visit)
    await visit.press("home", "down", "l")
    await visit.until_seen("does not fit")


async def broken(visit: Visit) -> None:
    await browse(visit)
    await visit.press("down", "down", "enter")
    await visit.until_seen("It cannot be used")


async def narrowed(visit: Visit) -> None:
    await usual(visit)
    await visit.press("slash")
    await visit.type("nothing like it")
    await visit.until_seen("Nothing here")


async def pick(visit: Visit) -> None:
    await visit.press("f6")
    picker = await visit.at(ModelPicker)
    await visit.until(lambda: picker._choices)
    await visit.in_field()
    await visit.settled()


async def pick_broken(visit: Visit) -> None:
    await pick(visit)
    await visit.press("down", "down", "enter")


async def pick_nothing(visit: Visit) -> None:
    await pick(visit)
    await visit.type("nothing like it")
    await visit.until_seen("Nothing here")


STATES: Sequence[State] = (
    State("models", "empty", browsed, models=(GUIDE_MODEL,), config="", engine=COLD),
    State("models", "usual", usual, USUAL, config=SERVER),
    State("models", "error", broken, USUAL, models=BROKEN),
    State("models", "long", browsed, USUAL, models=MANY),
    State("models", "too-big", too_big, USUAL, sizes=((80, 24), (120, 36))),
    State("models", "measured", was_measured, USUAL, sizes=((80, 24), (120, 36))),
    State("models", "measuring", measuring, USUAL, sizes=((60, 20), (80, 24), (120, 36))),
    State("models", "filter", narrowed, USUAL, sizes=((80, 24), (120, 36))),
    State("picker", "empty", pick, models=(GUIDE_MODEL,), config="", engine=COLD),
    State("picker", "usual", pick, USUAL, config=SERVER),
    State("picker", "error", pick_broken, USUAL, models=BROKEN),
    State("picker", "long", pick, USUAL, models=MANY),
    State("picker", "filter", pick_nothing, USUAL, sizes=((80, 24),)),
)
