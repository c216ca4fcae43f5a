from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lama_tui.conversations.table import Conversations
from lama_tui.paths import Paths
from lama_tui.store.database import Database


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths.from_environment({"LAMA_HOME": str(tmp_path / "home")})


@pytest.fixture
async def database(paths: Paths) -> AsyncIterator[Database]:
    database = await Database.open(paths)
    yield database
    await database.close()


@pytest.fixture
def conversations(database: Database) -> Conversations:
    return Conversations(database)
