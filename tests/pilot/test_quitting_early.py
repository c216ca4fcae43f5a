"""Quitting while the store is still being opened: what was typed and sent until then is kept."""

import asyncio
import sqlite3
from contextlib import closing

import pytest
from chat.scripted import Scripted, says
from stage import Only, Open

from lama_tui.config.loader import LoadedSettings
from lama_tui.paths import Paths
from lama_tui.services import Services, open_services


@pytest.mark.parametrize("keys", [["h", "i"], ["h", "i", "enter"], ["h", "i", "enter", "y", "o", "u"]])
async def test_what_was_typed_is_a_draft(workspace: Open, paths: Paths, keys: list[str]) -> None:
    opens = asyncio.Event()

    async def slowly(paths: Paths, loaded: LoadedSettings) -> Services:
        await opens.wait()
        services = await open_services(paths, loaded)
        services.providers = Only(Scripted(says("Never asked.")))  # type: ignore[assignment]
        return services

    async with workspace(opener=slowly, wait=False) as stage:
        await stage.press(*keys, "ctrl+q")
        assert not stage.app._exit
        opens.set()
        await stage.until(lambda: stage.app._exit)
    with closing(sqlite3.connect(paths.database)) as connection:
        drafts = connection.execute("SELECT conversation_id, text FROM drafts").fetchall()
        assert connection.execute("SELECT count(*) FROM messages").fetchone() == (0,)
    assert drafts == [(0, "".join(keys).replace("enter", "\n"))]


async def test_an_enter_that_waits_to_be_taken_for_one_loses_nothing(workspace: Open, paths: Paths) -> None:
    opens = asyncio.Event()

    async def slowly(paths: Paths, loaded: LoadedSettings) -> Services:
        await opens.wait()
        return await open_services(paths, loaded)

    async with workspace(opener=slowly, wait=False) as stage:
        await stage.press("h", "i")
        stage.composer.action_send()
        await stage.app.action_quit()
        await asyncio.sleep(0.2)  # long after the enter would have been taken
        opens.set()
        await stage.until(lambda: stage.app._exit)
    with closing(sqlite3.connect(paths.database)) as connection:
        assert connection.execute("SELECT text FROM drafts").fetchall() == [("hi",)]
