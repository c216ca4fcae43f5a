"""The integrity pass: what changed since it was fetched is told, once, and nothing is read without need."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lama_tui.library.snapshot_table import SnapshotTable
from lama_tui.library.verify import background
from lama_tui.library.verify.background import SLICE, IntegrityPass
from lama_tui.library.verify.check import Check
from lama_tui.library.verify.facts import facts
from lama_tui.paths import Paths
from lama_tui.store.database import Database
from tests.engine.conftest import PATIENCE, until
from tests.library.cached import COMMIT, lay_in_cache

REF = "org/tiny"
FILES = {"config.json": "{}", "a.safetensors": b"a" * 5000, "b.safetensors": b"b" * 5000}


@pytest.fixture
async def database(home: Path) -> AsyncIterator[Database]:
    opened = await Database.open(Paths.from_environment())
    yield opened
    await opened.close()


class Watched:
    """A pass, what it told, and whether the machine is busy."""

    def __init__(self, database: Database, *, rests: bool = False) -> None:
        self.told: list[tuple[str, Check]] = []
        self.busy = False
        self.asked = 0

        async def idle() -> bool:
            self.asked += 1
            return not self.busy

        paths = Paths.from_environment()
        self.work = IntegrityPass(paths, database, idle, lambda *what: self.told.append(what), rests=rests)

    def differing(self) -> list[list[str]]:
        return [[each.path for each in check.differences] for _, check in self.told]


async def checked(database: Database) -> dict[str, tuple[int | None, bool | None]]:
    return {file.path: (file.checked, file.ok) for file in await SnapshotTable(database).files(REF, COMMIT)}


async def long_ago(database: Database, when: int = 1000) -> None:
    async with database.transaction() as connection:
        await connection.execute("UPDATE snapshot_files SET checked = ?", (when,))


async def test_everything_is_read_once_and_then_left_alone_for_a_week(database: Database) -> None:
    lay_in_cache(REF, FILES)
    watched = Watched(database)
    wait = await watched.work.round()
    first = await checked(database)
    assert all(ok for _, ok in first.values()) and len(first) == 3 and watched.told == []
    assert (await facts(database, REF, COMMIT)).verified is True
    assert wait == background._LONGEST  # a week, but a look each day
    asked = watched.asked
    await watched.work.round()
    assert await checked(database) == first and watched.asked == asked  # not a byte was read
    await long_ago(database)
    assert await Watched(database).work.round() > 0
    assert all(when and when > 1000 for when, _ in (await checked(database)).values())


async def test_a_clock_that_was_wrong_does_not_spare_a_file(database: Database) -> None:
    lay_in_cache(REF, FILES)
    await Watched(database).work.round()
    in_2099 = 4_070_908_800_000
    await long_ago(database, in_2099)
    await Watched(database).work.round()
    assert all(when and when < in_2099 for when, _ in (await checked(database)).values())


async def test_what_changed_is_told_once(database: Database) -> None:
    snapshot = lay_in_cache(REF, FILES)
    watched = Watched(database)
    await watched.work.round()
    weights = (snapshot / "a.safetensors").resolve()
    was = weights.stat().st_mtime_ns
    weights.write_bytes(b"a" * 4999 + b"x")
    os.utime(weights, ns=(was + 10**9, was + 10**9))
    await watched.work.round()
    assert watched.differing() == [["a.safetensors"]]
    assert (await facts(database, REF, COMMIT)).verified is False
    await watched.work.round()
    assert len(watched.told) == 1
    # bytes that rot leave size and time as they are: found by the week
    other = (snapshot / "b.safetensors").resolve()
    was = other.stat().st_mtime_ns
    other.write_bytes(b"b" * 4999 + b"x")
    os.utime(other, ns=(was, was))
    await watched.work.round()
    assert len(watched.told) == 1
    await long_ago(database)
    await watched.work.round()
    assert watched.differing()[-1] == ["a.safetensors", "b.safetensors"]
    # mended: as it was
    weights.write_bytes(FILES["a.safetensors"])
    other.write_bytes(FILES["b.safetensors"])
    await watched.work.round()
    assert (await facts(database, REF, COMMIT)).verified is True


async def test_a_wrong_size_is_told_without_reading(database: Database) -> None:
    snapshot = lay_in_cache(REF, FILES)
    watched = Watched(database)
    await watched.work.round()
    os.truncate((snapshot / "a.safetensors").resolve(), 7)
    (snapshot / "b.safetensors").resolve().unlink()
    watched.busy = True  # it could not read now
    await watched.work.round()
    assert watched.differing() == [["a.safetensors", "b.safetensors"]]
    assert "7 bytes long instead of 5,000" in watched.told[0][1].detail


async def test_it_waits_while_the_machine_is_busy_and_ends_at_once(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "_BUSY", 0.01)
    lay_in_cache(REF, FILES)
    watched = Watched(database)
    watched.busy = True
    running = asyncio.create_task(watched.work.run())
    await until(lambda: watched.asked >= 5)
    assert all(ok is None for _, ok in (await checked(database)).values())
    watched.busy = False
    async with asyncio.timeout(PATIENCE):
        while not all(ok for _, ok in (await checked(database)).values()):
            continue
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(running, PATIENCE)


async def test_one_instance_does_it(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "_BUSY", 0.01)
    lay_in_cache(REF, FILES)
    one, two = Watched(database), Watched(database)
    one.busy = True
    first = asyncio.create_task(one.work.round())
    await until(lambda: one.asked > 0)
    assert await two.work.round() == background._SHORTEST and two.asked == 0
    one.busy = False
    await asyncio.wait_for(first, PATIENCE)


@pytest.mark.slow
async def test_it_takes_a_small_share_of_a_core(database: Database) -> None:
    snapshot = lay_in_cache(REF, {"a.safetensors": b"x"})
    os.truncate((snapshot / "a.safetensors").resolve(), 3 * SLICE)
    watched = Watched(database, rests=True)
    began, cpu = time.monotonic(), time.process_time()
    await watched.work.round()
    seconds, used = time.monotonic() - began, time.process_time() - cpu
    assert seconds >= 3 and used / seconds < 0.05, (seconds, used)
