"""Browsing a hub of 5,000 models in the workspace: how long the event loop is held, and how soon results are seen.

The hub runs in a process of its own, so that what it costs is not counted.
"""

import asyncio
import gc
import multiprocessing
import os
import tempfile
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING
from unittest.mock import patch

if TYPE_CHECKING:
    from lama_tui.ui.screens.models.hub import HubSection

_MODELS = 5000
_PAGES = 400  # keys that go through the list


@dataclass(frozen=True, slots=True)
class Browse:
    """Seconds: the longest that the loop was held while going through the list, and at the 99th of a hundred looks;
    from the hub's answer to a search until it is on the screen, the longest of some. `models` is how
    many were in the list."""

    worst_lag: float
    lag_99: float
    shown: float
    models: int


def measure() -> Browse:
    """Serve, browse, compare clocks."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    hub = context.Process(target=_serve, args=(theirs,), daemon=True)
    hub.start()
    try:
        endpoint = ours.recv()
        with tempfile.TemporaryDirectory() as home:
            environment = {"LAMA_HOME": f"{home}/lama", "HF_HOME": f"{home}/hub", "HF_ENDPOINT": endpoint}
            kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "LAMA_"))}
            with patch.dict(os.environ, kept | environment, clear=True):
                return asyncio.run(_browse())
    finally:
        hub.terminate()
        hub.join(5)


def _serve(connection: Connection) -> None:
    from tests.library.hub import TestHub

    hub = TestHub()
    for number in range(_MODELS):
        hub.add(
            f"publisher-{number % 50}/model-{number}-with-a-name-of-usual-length-4bit",
            {"config.json": '{"model_type": "llama"}', "README.md": f"# Model {number}\n\n" + "Words. " * 400},
            tags=("mlx", "4-bit", "conversational"),
            downloads=_MODELS - number,
            safetensors={"parameters": {"U32": 10**8 // 8}, "total": 10**8},
        )
    connection.send(hub.endpoint)
    time.sleep(3600)


async def _browse() -> Browse:
    from lama_tui.config.loader import load_settings
    from lama_tui.paths import Paths
    from lama_tui.ui.app import LamaApp
    from lama_tui.ui.options import WorkspaceOptions
    from lama_tui.ui.screens.models.hub import HubSection
    from lama_tui.ui.screens.models.hub_listing import Listing

    paths = Paths.from_environment()
    app = LamaApp(paths, load_settings(paths), WorkspaceOptions(welcome=False))
    answered: list[float] = []
    begin = Listing.begin

    async def timed(listing: Listing, machine: object) -> None:
        await begin(listing, machine)  # type: ignore[arg-type]
        answered.append(time.perf_counter())

    gc.disable()  # as the command does; the app goes on with it when it is open
    with patch.object(Listing, "begin", timed):
        async with app.run_test(size=(120, 40)) as pilot:
            while app.workspace._current is None:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            await pilot.press("f10")
            while not (found := app.screen.query(HubSection)) or not found.first()._list._drawn:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            section = found.first()
            await asyncio.sleep(1.0)
            shown = [await _search(section, answered, f"model-{number}") for number in range(11, 16)]
            section._field.value = ""
            section._list.focus()
            await asyncio.sleep(1.0)
            lags: list[float] = []
            watching = asyncio.create_task(_watch(lags))
            while section._listing.after is not None:  # to the end, page by page
                section._list.action_last()
                await asyncio.sleep(0.02)
            section._list.action_first()
            for _ in range(_PAGES):
                section._list.action_page_down()
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.5)  # details and card of where one stays
            watching.cancel()
            models = section._list.count
    lags.sort()
    return Browse(lags[-1], lags[int(0.99 * len(lags))], max(shown), models)


async def _search(section: "HubSection", answered: list[float], words: str) -> float:
    """Seconds from the answer to its first line on the screen."""
    before = len(answered)
    section._field.value = words
    while len(answered) == before or words not in str(section._list._drawn.get(0)):  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    return time.perf_counter() - answered[-1]


async def _watch(lags: list[float]) -> None:
    while True:
        before = time.perf_counter()
        await asyncio.sleep(0.002)
        lags.append(time.perf_counter() - before - 0.002)
