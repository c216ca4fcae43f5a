"""What could go: never what is used, counted once, and one that cannot go stops no other."""

import fcntl
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Collection
from pathlib import Path

import pytest

from lama_tui.config.settings import LibrarySettings, Settings
from lama_tui.errors import ModelError
from lama_tui.library.hub_cache import hub_cache_folder
from lama_tui.library.model_table import ModelTable
from lama_tui.library.storage.clean_up import CleanUp, CouldGo, Gone
from lama_tui.library.storage.leftovers import Leftovers
from lama_tui.library.storage.record_table import RecordTable
from lama_tui.library.storage.removal import Removal
from lama_tui.paths import Paths
from lama_tui.store.database import Database
from tests.library.cache_layout import bytes_below, commit_of, fetch, is_whole, lay_out, repo_folder
from tests.library.hub import TestHub

OLD, NEW = {"model.safetensors": b"o" * 20_000}, {"model.safetensors": b"n" * 30_000}


VERIFIED = """
import sys
from huggingface_hub import HfApi

endpoint, cache, name = sys.argv[1:]
found = HfApi(endpoint=endpoint).verify_repo_checksums(name, cache_dir=cache)
sys.exit(not found.checked_count or bool(found.mismatches or found.missing_paths or found.extra_paths))
"""


@pytest.fixture
async def database(home: Path) -> AsyncIterator[Database]:
    database = await Database.open(Paths.from_environment())
    yield database
    await database.close()


def clean_up_of(database: Database, quota: int = 0, loaded: Collection[str] = (), low_disk: int = 0) -> CleanUp:
    paths, records = Paths.from_environment(), RecordTable(database)
    settings = Settings(model="org/default", library=LibrarySettings(quota=quota, low_disk=low_disk))
    held = dict.fromkeys(loaded, 1)
    return CleanUp(
        Leftovers(paths, records), Removal(paths, records, lambda: held), ModelTable(database), lambda: settings,
        lambda: held,
    )  # fmt: skip


def put(*names: str) -> None:
    for number, name in enumerate(names):
        lay_out(hub_cache_folder(), name, commit_of(number), {"model.safetensors": b"%d" % number * 5_000},
                refs=("main",))  # fmt: skip


def left(name: str, file: str, size: int) -> Path:
    path = repo_folder(hub_cache_folder(), name) / "blobs" / file
    path.write_bytes(b"x" * size)
    os.utime(path, (1, 1))
    return path


async def gone(clean_up: CleanUp, chosen: Collection[CouldGo]) -> list[Gone]:
    return [each async for each in clean_up.carry_out(chosen)]


async def test_models_that_are_used_are_never_among_them(database: Database) -> None:
    put("org/default", "org/loaded", "org/pinned", "org/answers", "org/unused")
    await ModelTable(database).pin("org/pinned", True)
    clean_up = clean_up_of(database, quota=1, loaded={"org/loaded"})
    assert [each.ref for each in (await clean_up.look({"org/answers"})).could_go] == ["org/unused"]
    assert (await clean_up_of(database).look()).could_go == ()  # nobody asks for room
    room = await clean_up_of(database, low_disk=1 << 60).look({"org/answers", "org/loaded"})
    assert [each.ref for each in room.could_go] == ["org/unused"] and room.disk is not None and room.disk.low


async def test_what_several_share_is_counted_once(database: Database) -> None:
    from huggingface_hub.utils import _shared_blobs as client

    cache = hub_cache_folder()
    for name in ("org/one", "org/two"):
        lay_out(cache, name, commit_of(1), OLD)
        snapshot = lay_out(cache, name, commit_of(2), NEW, refs=("main",))
        blob = (snapshot / "model.safetensors").resolve()
        assert client.publish_blob_to_shared_store(
            blob_path=str(blob), xet_hash="ab" * 32, cache_dir=cache, expected_size=30_000
        )
        left(name, "d" * 64, 700)
    clean_up = clean_up_of(database, quota=1)
    could_go = (await clean_up.look()).could_go
    models = [each for each in could_go if each.kind == "model"]
    assert sorted(each.kind for each in could_go) == ["model", "model", "old", "old", "orphan", "orphan"]
    assert [each.size for each in models] == [20_740, 20_740]  # the other one still has the shared bytes
    measured = await clean_up.freed(could_go)
    before = bytes_below(cache)
    assert measured == await clean_up.freed(models) == 2 * 20_740 + 30_000
    ended = await gone(clean_up, could_go)  # what is in a model goes with it, and is not looked for afterwards
    assert [each.error for each in ended] == [None, None]
    assert sum(each.freed for each in ended) == measured
    assert not list(cache.glob("models--*")) and before - bytes_below(cache) >= measured


async def test_one_that_cannot_go_stops_no_other(database: Database) -> None:
    put("org/held", "org/free")
    for name in ("org/held", "org/free"):
        lay_out(hub_cache_folder(), name, commit_of(9), OLD)
        left(name, "d" * 64, 700)
    clean_up = clean_up_of(database)
    could_go = [each for each in (await clean_up.look()).could_go if each.kind == "old"]
    held = repo_folder(hub_cache_folder(), "org/held")
    descriptor = os.open(held, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        assert [each.ref for each in await clean_up.left_behind()] == ["org/free"]
        ended = {each.what.ref: each for each in await gone(clean_up, could_go)}
    finally:
        os.close(descriptor)
    assert ended["org/free"].error is None and ended["org/free"].freed == 20_000
    assert ended["org/held"].error is not None and ended["org/held"].error.title == "org/held is being removed"
    assert is_whole(held / "snapshots" / commit_of(9), OLD)
    with pytest.raises(ModelError):
        await clean_up_of(database, loaded={"org/free"}).of("org/free")


@pytest.mark.parametrize("folder", ["", "blobs", "snapshots"])
async def test_links_out_of_the_cache_are_not_followed(folder: str, database: Database, home: Path) -> None:
    cache = hub_cache_folder()
    lay_out(cache, "org/linked", commit_of(1), OLD)
    lay_out(cache, "org/linked", commit_of(2), NEW, refs=("main",))
    for file in ("a" * 64 + ".part", "d" * 64):
        left("org/linked", file, 900)
    place = repo_folder(cache, "org/linked") / folder
    elsewhere = home / "elsewhere"
    place.rename(elsewhere)
    place.symlink_to(elsewhere)
    before = bytes_below(elsewhere)
    clean_up = clean_up_of(database, quota=1)
    could_go = (await clean_up.look()).could_go
    ended = await gone(clean_up, [each for each in could_go if each.why_not is None])
    assert all(each.freed == 0 for each in ended)
    assert bytes_below(elsewhere) == before
    for revision in ("old_revisions", "revision"):
        with pytest.raises(ModelError):
            await clean_up.of("org/linked", **{revision: commit_of(1) if revision == "revision" else True})  # type: ignore[arg-type]


@pytest.mark.slow
async def test_what_remains_is_whole_for_the_hubs_own_client(database: Database) -> None:
    from huggingface_hub import scan_cache_dir

    cache = hub_cache_folder()
    with TestHub() as hub:
        for name in ("org/one", "org/two"):
            fetch(hub.endpoint, cache, (name, hub.add(name, OLD | {"config.json": b"{}"})))
            hub.add(name, NEW | {"config.json": b"{}"})
            fetch(hub.endpoint, cache, (name, "main"))
            left(name, "a" * 64 + ".part", 4_000)
        clean_up = clean_up_of(database)
        could_go = (await clean_up.look()).could_go
        before = bytes_below(cache)
        measured = await clean_up.freed(could_go)
        assert sum(each.freed for each in await gone(clean_up, could_go)) == measured == before - bytes_below(cache)
        scanned = scan_cache_dir(cache)
        assert not scanned.warnings
        assert {repo.repo_id: len(repo.revisions) for repo in scanned.repos} == {"org/one": 1, "org/two": 1}
        for name in ("org/one", "org/two"):
            environment = os.environ | {"HF_HUB_OFFLINE": "0"}
            command = [sys.executable, "-c", VERIFIED, hub.endpoint, str(cache), name]
            assert subprocess.run(command, env=environment, timeout=60).returncode == 0  # noqa: ASYNC221
