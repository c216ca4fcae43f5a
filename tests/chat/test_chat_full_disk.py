"""A home that is full or read-only, on a small file system of its own."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from scripted import Scripted, until
from workspace import in_time

from lama_tui.chat.chat import Chat
from lama_tui.conversations.table import Conversations
from lama_tui.errors import StoreError
from lama_tui.events import SaveDelayed, StreamFinished, TextDelta
from lama_tui.paths import Paths
from lama_tui.store.database import Database
from lama_tui.types import MessageId, Usage

LONG = "word " * 40_000  # more than the write-ahead log has room for already


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """An empty file system of 2 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m,mode=0700", "none", str(folder)]
    if not sys.platform.startswith("linux") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small file system is not permitted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Use up every byte that is left."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (65536, 512, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                pass
    return filler


def home(folder: Path) -> Paths:
    return Paths.from_environment({"LAMA_HOME": str(folder)})


async def until_text(conversations: Conversations, answer: MessageId, text: str) -> None:
    """Wait for a checkpoint."""
    async with asyncio.timeout(60):
        while (await conversations.thread(answer))[-1].text != text:  # noqa: ASYNC110 - the database does not notify
            await asyncio.sleep(0.01)


async def test_a_full_disk_delays_saving_but_not_the_stream(small):
    database = await Database.open(home(small))
    conversations = Conversations(database)
    gates = [asyncio.Event() for _ in range(3)]
    words = [TextDelta("early "), gates[0], TextDelta(LONG), gates[1], TextDelta("late"), gates[2]]
    provider = Scripted([*words, StreamFinished("stop", Usage())])
    chat = Chat(conversations, lambda model: (provider, model))
    heard = []
    chat.subscribe(lambda _conversation, _message, event: heard.append(event))
    conversation, other = await conversations.create(), await conversations.create()
    answer = await chat.send(conversation, "q", "m")
    filler = fill(small)
    gates[0].set()
    await until(lambda: any(isinstance(event, SaveDelayed) for event in heard))
    gates[1].set()
    await until(lambda: chat.running(conversation).text.endswith("late"))  # the stream went on
    assert "disk is full" in str(chat.running(conversation).unsaved)

    # what was saved stays readable, and a message that cannot be saved is refused
    assert (await conversations.messages(conversation))[0].text == "q"
    with pytest.raises(StoreError, match="full"):
        await chat.send(other, LONG, "m")

    # the end cannot be saved either: it is not told as ended, and the text is still there
    gates[2].set()
    await until(lambda: chat.running(conversation).phase == "saving")
    began = time.monotonic()
    await chat.stop(conversation)  # comes back although nothing can be saved
    assert time.monotonic() - began < in_time(5)
    progress = chat.running(conversation)
    assert progress.unsaved is not None
    assert progress.text == f"early {LONG}late"
    assert not any(isinstance(event, StreamFinished) for event in heard)
    assert len([event for event in heard if isinstance(event, SaveDelayed)]) < 5

    filler.unlink()
    await until(lambda: not chat.running_ids())
    assert isinstance(heard[-1], StreamFinished)
    said = (await conversations.thread(answer))[-1]
    assert (said.text, said.state) == (f"early {LONG}late", "complete")
    await chat.close()
    await database.close()


async def test_closing_with_a_full_disk_keeps_the_last_checkpoint(small):
    database = await Database.open(home(small))
    conversations = Conversations(database)
    gate = asyncio.Event()
    provider = Scripted([TextDelta("early"), gate, TextDelta(LONG), asyncio.Event()])
    chat = Chat(conversations, lambda model: (provider, model))
    conversation = await conversations.create()
    answer = await chat.send(conversation, "q", "m")
    await until_text(conversations, answer, "early")
    filler = fill(small)
    gate.set()
    await until(lambda: chat.running(conversation).unsaved)
    began = time.monotonic()
    await chat.close()
    await database.close()
    assert time.monotonic() - began < in_time(2)
    filler.unlink()
    database = await Database.open(home(small))
    conversations = Conversations(database)
    assert await conversations.recover() == 1
    said = (await conversations.thread(answer))[-1]
    assert (said.text, said.state) == ("early", "interrupted")
    await database.close()


async def test_opening_on_a_full_disk(small):
    filler = fill(small)
    with pytest.raises(StoreError, match="full"):
        await Database.open(home(small))
    filler.unlink()
    database = await Database.open(home(small))
    await Conversations(database).create("kept")
    await database.close()
    fill(small)
    try:
        database = await Database.open(home(small))
    except StoreError as error:
        assert "full" in str(error)  # or it opens: that depends on what is left of the last block
    else:
        assert [found.title for found in await Conversations(database).list()] == ["kept"]
        await database.close()


async def test_a_read_only_home(small):
    database = await Database.open(home(small))
    await Conversations(database).create("kept")
    await database.close()
    await asyncio.to_thread(subprocess.run, ["mount", "-o", "remount,ro", str(small)], check=True)
    before = home(small).database.read_bytes()
    with pytest.raises(StoreError, match="cannot be written") as caught:
        await Database.open(home(small))
    assert "LAMA_HOME" in caught.value.hint
    assert home(small).database.read_bytes() == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root ignores the mode of a folder")
async def test_a_folder_without_write_permission(tmp_path):
    (tmp_path / "data").mkdir(mode=0o500)
    with pytest.raises(StoreError, match="cannot be written"):
        await Database.open(home(tmp_path))
