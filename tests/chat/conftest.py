from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from scripted import Scripted

from lama_tui.chat.chat import Chat
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


@pytest.fixture
async def chat_with(conversations: Conversations) -> AsyncIterator[Callable[[Scripted], Chat]]:
    chats = []

    def make(provider: Scripted) -> Chat:
        chats.append(Chat(conversations, lambda model: (provider, model)))
        return chats[-1]

    yield make
    for chat in chats:
        await chat.close()
