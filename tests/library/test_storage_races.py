"""Two removals of one model at once, one of them stopped at every step that it takes: nothing of it is left behind."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from lama_tui.errors import ModelError
from lama_tui.library.hub_cache import hub_cache_folder
from lama_tui.library.storage.leftovers import Leftovers
from lama_tui.library.storage.record_table import RecordTable
from lama_tui.library.storage.removal import Removal
from lama_tui.paths import Paths
from lama_tui.store.database import Database
from tests.library.cache_layout import commit_of, lay_out, repo_folder

FILES = {"config.json": b"{}", "model.safetensors": b"w" * 9_000}

STOPPED = """
import asyncio, sys
from lama_tui.library.storage.record_table import RecordTable
from lama_tui.library.storage.removal import Removal
from lama_tui.paths import Paths
from lama_tui.store.database import Database

ref, steps = sys.argv[1], int(sys.argv[2])
done = 0

def watch(event, arguments):
    global done
    where = str(arguments)
    if event in ("os.remove", "os.rename", "os.rmdir") and ("models--" in where or "/models/" in where):
        done += 1
        if done == steps:
            print("stopped", flush=True)
            sys.stdin.readline()

async def remove():
    paths = Paths.from_environment()
    database = await Database.open(paths)
    removal = Removal(paths, RecordTable(database), dict)
    plan = await removal.plan(ref)
    sys.addaudithook(watch)
    try:
        await removal.carry_out(plan)
    finally:
        await database.close()

asyncio.run(remove())
"""


@pytest.fixture
async def database(home: Path) -> AsyncIterator[Database]:
    database = await Database.open(Paths.from_environment())
    yield database
    await database.close()


def put(ref: str) -> Path:
    """A model with two revisions in the hub's cache, or one of `data/models/`; its folder."""
    if "/" not in ref:
        own = Paths.from_environment().models / ref
        own.mkdir(parents=True)
        for name, data in FILES.items():
            (own / name).write_bytes(data)
        return own
    lay_out(hub_cache_folder(), ref, commit_of(1), FILES)
    lay_out(hub_cache_folder(), ref, commit_of(2), FILES | {"model.safetensors": b"n" * 5_000}, refs=("main",))
    return repo_folder(hub_cache_folder(), ref)


@contextmanager
def stopped(ref: str, steps: int) -> Iterator[Callable[[], int]]:
    """Another process that removes `ref` and stands before its step number `steps`; what it gives lets it go on."""
    command = [sys.executable, "-c", STOPPED, ref, str(steps)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(os.environ)) as other:
        assert other.stdin is not None and other.stdout is not None
        try:
            assert other.stdout.readline() == b"stopped\n"

            def go_on() -> int:
                other.communicate(b"\n", timeout=60)
                return int(other.returncode)

            yield go_on
        finally:
            other.kill()


@pytest.mark.parametrize(
    ("ref", "steps"),
    [
        ("org/model", 3),  # between the two revisions: the second removal once gave the model its name back
        *(pytest.param("org/model", steps, marks=pytest.mark.slow) for steps in range(1, 15) if steps != 3),
        *(pytest.param("mine", steps, marks=pytest.mark.slow) for steps in range(1, 5)),
    ],
)
async def test_stopped_anywhere_while_another_removes_it(ref: str, steps: int, database: Database) -> None:
    folder = put(ref)
    paths, records = Paths.from_environment(), RecordTable(database)
    removal = Removal(paths, records, dict)
    before = await removal.plan(ref)
    with stopped(ref, steps) as go_on:
        with pytest.raises(ModelError):  # it is being removed, or is no model any more
            await removal.carry_out(before)
        with suppress(ModelError):  # what is left of it now, as somebody sees it who comes late
            await removal.carry_out(await removal.plan(ref))
        assert await Leftovers(paths, records).plan() == ()  # they belong to who is at work
        assert go_on() == 0
    assert not folder.exists() and not list(paths.models.glob("*") if paths.models.is_dir() else ())
