"""What the workspace says of installed models by itself."""

import os
from collections.abc import Iterator

import pytest
from stage import Open

from lama_tui.library import watching as beginning
from lama_tui.library.model_table import ModelTable
from lama_tui.library.updates import watch as watching
from lama_tui.paths import Paths
from lama_tui.store.database import Database
from tests.library.cached import lay_in_cache
from tests.library.hub import TestHub

REF = "org/tiny"
OLD = {"config.json": "{}", "model.safetensors": b"w" * 5000}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[TestHub]:
    with TestHub() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        monkeypatch.delenv("HF_HUB_OFFLINE")
        monkeypatch.setattr(watching, "_SPREAD", 0.0)
        monkeypatch.setattr(beginning, "_AFTER", 0.0)
        yield server


async def test_a_newer_revision_and_a_changed_file_are_told(workspace: Open, server: TestHub, paths: Paths) -> None:
    snapshot = lay_in_cache(REF, OLD, server.add(REF, OLD))
    server.add(REF, OLD | {"config.json": '{"v": 2}'})
    weights = (snapshot / "model.safetensors").resolve()
    weights.write_bytes(b"w" * 4999 + b"x")
    os.utime(weights, (1, 1))
    database = await Database.open(paths)
    await ModelTable(database).note_use(REF)  # of what other tools fetched nobody asks
    await database.close()
    async with workspace(size=(120, 40)) as stage:
        await stage.until_seen(f"newer {REF}: 8 B to fetch")  # first: it goes away by itself
        await stage.until_seen(f"The files of {REF} have changed")
