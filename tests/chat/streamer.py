"""Run as a program by test_chat_kill: streams 100 tokens a second, answer after answer, until killed.

Arguments: the side file, a name for its questions. Every question that was accepted and every
token that was emitted is in the side file before anything else happens to it.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from scripted import Scripted

from lama_tui.chat.chat import Chat
from lama_tui.conversations.table import Conversations
from lama_tui.events import StreamEvent, StreamFinished, TextDelta
from lama_tui.paths import Paths
from lama_tui.providers.base import ChatRequest
from lama_tui.store.database import Database
from lama_tui.types import Usage

TOKENS = 60


class Recording(Scripted):
    def __init__(self, side: int) -> None:
        super().__init__([])
        self.side = side

    async def stream(self, request: ChatRequest) -> AsyncIterator[StreamEvent]:
        for number in range(TOKENS):
            await asyncio.sleep(0.01)
            token = f"{request.messages[-1].text}/{number} "
            os.write(self.side, f"T {token}\n".encode())
            yield TextDelta(token)
        yield StreamFinished("stop", Usage())


async def main(side_file: str, name: str) -> None:
    side = os.open(Path(side_file), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    database = await Database.open(Paths.from_environment())
    conversations = Conversations(database)
    await conversations.recover()
    provider = Recording(side)
    chat = Chat(conversations, lambda model: (provider, model))
    ended = asyncio.Event()
    chat.subscribe(lambda _conversation, _message, event: isinstance(event, StreamFinished) and ended.set())
    conversation = await conversations.create(name)
    print("ready", flush=True)
    for number in range(10_000):
        question = f"{name}.{number}"
        ended.clear()
        await chat.send(conversation, question, "m")
        os.write(side, f"Q {question}\n".encode())
        await ended.wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
