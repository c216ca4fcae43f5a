"""What was left behind goes; what somebody works on, or could take up again, stays."""

import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lama_tui.library.downloads.job_table import JobOptions, JobTable
from lama_tui.library.hub_cache import hub_cache_folder
from lama_tui.library.importing.target import PREFIX
from lama_tui.library.storage.leftovers import Leftovers
from lama_tui.library.storage.record_table import RecordTable
from lama_tui.paths import Paths
from lama_tui.store.database import Database
from lama_tui.store.locks import try_lock
from tests.library.cache_layout import bytes_below, commit_of, is_whole, lay_out, repo_folder
from tests.library.test_storage_removal import KILLED

FILES = {"config.json": b"{}", "model.safetensors": b"w" * 9_000}
TWO_DAYS_AGO = time.time() - 2 * 86_400


@pytest.fixture
async def database(home: Path) -> AsyncIterator[Database]:
    database = await Database.open(Paths.from_environment())
    yield database
    await database.close()


@pytest.fixture
def cleaning(database: Database) -> Leftovers:
    return Leftovers(Paths.from_environment(), RecordTable(database))


@pytest.fixture
def blobs(home: Path) -> Path:
    """The blobs of a repo with one whole revision."""
    lay_out(hub_cache_folder(), "org/model", commit_of(1), FILES, refs=("main",))
    return repo_folder(hub_cache_folder(), "org/model") / "blobs"


def put(path: Path, size: int, *, old: bool = False) -> Path:
    path.write_bytes(b"x" * size)
    if old:
        os.utime(path, (TWO_DAYS_AGO, TWO_DAYS_AGO))
    return path


async def wants(database: Database, ref: str, hash_: str, state: str) -> None:
    job = await JobTable(database).add("download", ref, "https://hub", "main", JobOptions())
    async with database.transaction() as connection:
        await connection.execute("UPDATE jobs SET state = ? WHERE id = ?", (state, job))
        await connection.execute(
            "INSERT INTO job_files (job_id, path, size, algorithm, hash) VALUES (?, 'f', 9, 'sha256', ?)", (job, hash_)
        )


async def test_only_what_nobody_needs_goes(blobs: Path, cleaning: Leftovers, database: Database) -> None:
    await wants(database, "org/model", "a" * 64, "cancelled")
    going = {
        put(blobs / ("a" * 64 + ".part"), 400),
        put(blobs / ("b" * 64 + ".part"), 300, old=True),
        put(blobs / ("c" * 64 + ".12345678.incomplete"), 200, old=True),
        put(blobs / ("9" * 64 + ".bad"), 150),
        put(blobs / ("d" * 64), 100, old=True),
    }
    staying = [
        put(blobs / ("e" * 64 + ".part"), 1),  # another home's lama may be at it
        put(blobs / ("f" * 64 + ".12345678.incomplete"), 1),
        put(blobs / ("0" * 64), 1),
    ]
    leftovers = await cleaning.plan()
    assert [leftover.size for leftover in leftovers] == [400, 300, 200, 150, 100]
    assert {leftover.path for leftover in leftovers} == going
    before = bytes_below(blobs)

    removed, refused = await cleaning.carry_out(leftovers[1:])

    assert refused is None and removed.freed == 750 == before - bytes_below(blobs)
    assert all(path.exists() for path in staying) and (blobs / ("a" * 64 + ".part")).exists()
    assert is_whole(blobs.parent / "snapshots" / commit_of(1), FILES)


@pytest.mark.parametrize("state", ["queued", "running", "paused", "waiting"])
async def test_an_unfinished_download_keeps_its_parts(
    state: str, blobs: Path, cleaning: Leftovers, database: Database
) -> None:
    await wants(database, "org/model", "a" * 64, state)
    put(blobs / ("a" * 64 + ".part"), 400, old=True)
    put(blobs / ("d" * 64), 100, old=True)
    assert await cleaning.plan() == ()


async def test_what_another_program_has_locked_stays(blobs: Path, cleaning: Leftovers) -> None:
    from filelock import FileLock

    put(blobs / ("c" * 64 + ".12345678.incomplete"), 200, old=True)
    lock = blobs.parent.parent / ".locks" / blobs.parent.name / ("c" * 64 + ".lock")
    lock.parent.mkdir(parents=True)
    with FileLock(lock):
        assert await cleaning.plan() == ()
    assert len(await cleaning.plan()) == 1


@pytest.mark.parametrize("steps", [2, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 3, 4))])
async def test_the_rest_of_a_removal_that_was_killed(steps: int, blobs: Path, cleaning: Leftovers) -> None:
    cache = hub_cache_folder()
    lay_out(cache, "org/model", commit_of(2), FILES | {"model.safetensors": b"n" * 5_000}, refs=("main",))
    command = [sys.executable, "-c", KILLED, "org/model", commit_of(1), str(steps)]
    assert subprocess.run(command, timeout=60).returncode == -9  # noqa: ASYNC221
    await cleaning.carry_out(await cleaning.plan())
    assert bytes_below(blobs) == 5_002
    assert [entry.name for entry in (blobs.parent / "snapshots").iterdir()] == [commit_of(2)]
    assert not [entry for entry in blobs.parent.iterdir() if entry.name.startswith(".")]
    assert await cleaning.plan() == ()


async def test_the_folder_of_an_import_whose_owner_is_gone(cleaning: Leftovers) -> None:
    models = Paths.from_environment().models
    left, worked_on = models / f"{PREFIX}0123456789ab", models / f"{PREFIX}ba9876543210"
    for folder in (left, worked_on):
        folder.mkdir(parents=True)
        put(folder / "model.safetensors", 90)
    lock = os.open(worked_on, os.O_RDONLY)
    assert try_lock(lock)

    (leftover,) = await cleaning.plan()
    assert (leftover.kind, leftover.path, leftover.size) == ("unfinished", left, 90)
    await cleaning.carry_out((leftover,))

    assert list(models.iterdir()) == [worked_on]
    os.close(lock)


async def test_hard_links_in_place_of_links(home: Path, cleaning: Leftovers) -> None:
    snapshot = lay_out(hub_cache_folder(), "org/model", commit_of(1), FILES, refs=("main",))
    for link in snapshot.iterdir():
        blob = link.resolve()
        os.utime(blob, (TWO_DAYS_AGO, TWO_DAYS_AGO))
        link.unlink()
        link.hardlink_to(blob)
    assert await cleaning.plan() == ()
