"""What goes on in the background of a running program: both tasks, by the settings, and they end with it."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lama_tui.config.loader import LoadedSettings
from lama_tui.config.settings import LibrarySettings, Settings
from lama_tui.errors import LamaError
from lama_tui.library import watching as beginning
from lama_tui.library.updates import watch as watching
from lama_tui.library.updates.update import Update
from lama_tui.paths import Paths
from lama_tui.services import Services, open_services
from tests.engine.conftest import until
from tests.library.cached import lay_in_cache
from tests.library.hub import TestHub

REF = "org/tiny"
OLD = {"config.json": "{}", "model.safetensors": b"w" * 5000}


@pytest.fixture
def server() -> Iterator[TestHub]:
    with TestHub() as server:
        yield server


class Heard:
    def __init__(self) -> None:
        self.changed: list[LamaError] = []
        self.newer: list[Update] = []


@pytest.fixture
async def services(server: TestHub, monkeypatch: pytest.MonkeyPatch, home: Path) -> AsyncIterator[Services]:
    monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr(watching, "_SPREAD", 0.0)
    monkeypatch.setattr(beginning, "_AFTER", 0.0)
    opened = await open_services(Paths.from_environment(), LoadedSettings(Settings()))
    yield opened
    await asyncio.wait_for(opened.close(), 60)


async def test_both_are_told_of(server: TestHub, services: Services) -> None:
    old = server.add(REF, OLD)
    snapshot = lay_in_cache(REF, OLD, old)
    await (await services.models()).note_use(REF)
    new = server.add(REF, OLD | {"config.json": '{"v": 2}'})
    weights = (snapshot / "model.safetensors").resolve()
    weights.write_bytes(b"w" * 4999 + b"x")
    os.utime(weights, (1, 1))
    heard = Heard()
    services.watch_models(heard.changed.append, heard.newer.append)
    await until(lambda: bool(heard.changed and heard.newer), "news of both kinds")
    assert [update.newest for update in heard.newer] == [new]
    assert heard.changed[0].kind == "model_integrity" and REF in heard.changed[0].title
    assert "model.safetensors" in heard.changed[0].detail


async def test_the_settings_turn_both_off(server: TestHub, services: Services) -> None:
    lay_in_cache(REF, OLD, server.add(REF, OLD))
    await (await services.models()).note_use(REF)
    server.add(REF, {"config.json": "other"})
    off = LibrarySettings(check_updates="off", integrity="off")
    await services.use(replace(services.loaded, settings=Settings(library=off)))
    heard = Heard()
    services.watch_models(heard.changed.append, heard.newer.append)
    await until(
        lambda: services._watching._task is not None and services._watching._task.done(),
        "the end of what has nothing to do",
    )
    assert server.asked() == [] and not heard.newer
