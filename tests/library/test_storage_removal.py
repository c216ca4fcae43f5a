"""Removing models: what is shown is what goes, what stays is whole, and the disk gains what was said."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from lama_tui.errors import ModelError, ModelNotFoundError, StoreError
from lama_tui.library.downloads.job_table import JobOptions, JobTable
from lama_tui.library.hub.values import HubFile
from lama_tui.library.hub_cache import hub_cache_folder
from lama_tui.library.importing.imports import Imports
from lama_tui.library.installed import installed_models
from lama_tui.library.model_table import ModelTable
from lama_tui.library.snapshot_table import SnapshotTable
from lama_tui.library.storage.record_table import RecordTable
from lama_tui.library.storage.removal import Removal, vanish
from lama_tui.paths import Paths
from lama_tui.store.database import Database
from tests.library.cache_layout import bytes_below, commit_of, fetch, is_whole, lay_out, repo_folder
from tests.library.hub import TestHub
from tests.models import make_tiny_llama

SHARED = {"tokenizer.json": b"t" * 3_000, "deep/er/notes.txt": b"n" * 10}
OLD = SHARED | {"model.safetensors": b"o" * 20_000}
NEW = SHARED | {"model.safetensors": b"n" * 30_000}


@pytest.fixture
async def database(home: Path) -> AsyncIterator[Database]:
    database = await Database.open(Paths.from_environment())
    yield database
    await database.close()


@pytest.fixture
def loaded() -> dict[str, int]:
    """What is in memory; a test may put something in."""
    return {}


@pytest.fixture
def removal(database: Database, loaded: Mapping[str, int]) -> Removal:
    return Removal(Paths.from_environment(), RecordTable(database), lambda: loaded)


@pytest.fixture
def cache(home: Path) -> Path:
    """A cache with two revisions of a model, and one of another."""
    cache = hub_cache_folder()
    lay_out(cache, "org/model", commit_of(1), OLD)
    lay_out(cache, "org/model", commit_of(2), NEW, refs=("main",))
    lay_out(cache, "org/other", commit_of(3), NEW, refs=("main",))
    return cache


async def test_an_old_revision_goes_and_the_new_one_stays_whole(cache: Path, removal: Removal) -> None:
    before = bytes_below(cache)
    plan = await removal.plan("org/model", old_revisions=True)
    assert (plan.freed, plan.kept, plan.revisions, plan.in_use) == (20_000, 3_010, (commit_of(1),), False)
    assert any("2 files" in note for note in plan.notes)

    removed = await removal.carry_out(plan)

    assert removed.freed == plan.freed == before - bytes_below(cache)
    repo = repo_folder(cache, "org/model")
    assert is_whole(repo / "snapshots" / commit_of(2), NEW)
    assert [entry.name for entry in (repo / "snapshots").iterdir()] == [commit_of(2)]
    assert not [entry for entry in repo.iterdir() if entry.name.startswith(".")]
    assert (await removal.plan("org/model", old_revisions=True)).empty


async def test_the_whole_model_goes_with_all_that_is_known_of_it(
    cache: Path, removal: Removal, database: Database
) -> None:
    table = SnapshotTable(database)
    await table.record("org/model", commit_of(1), "hub", "https://hub", "path", [HubFile("a", 1, "sha256", "0")])
    await table.record("org/other", commit_of(3), "hub", "https://hub", "path", [])
    before = bytes_below(cache)
    plan = await removal.plan("org/model")
    assert plan.whole and plan.in_use and plan.freed == 20_000 + 30_000 + 3_010 + len(commit_of(2))

    removed = await removal.carry_out(plan)

    assert removed.freed == plan.freed == before - bytes_below(cache)
    assert not repo_folder(cache, "org/model").exists()
    assert is_whole(repo_folder(cache, "org/other") / "snapshots" / commit_of(3), NEW)
    assert [snapshot.ref for snapshot in await table.all()] == ["org/other"]
    with pytest.raises(ModelNotFoundError):
        await removal.plan("org/model")


async def test_a_pinned_model_says_so(cache: Path, removal: Removal, database: Database) -> None:
    await ModelTable(database).pin("org/model", True)
    assert "pinned" in (await removal.plan("org/model")).notes[0]
    assert not any("pinned" in note for note in (await removal.plan("org/other")).notes)


async def test_the_revision_in_use_goes_and_the_other_takes_its_place(cache: Path, removal: Removal) -> None:
    plan = await removal.plan("org/model", revision=commit_of(2)[:8])
    assert plan.in_use and any(commit_of(1)[:12] in note for note in plan.notes)
    await removal.carry_out(plan)
    models = {model.ref: model.revision for model in await installed_models(Paths.from_environment())}
    assert models["org/model"] == commit_of(1)
    assert is_whole(repo_folder(cache, "org/model") / "snapshots" / commit_of(1), OLD)


@pytest.mark.parametrize("words", ["0000", "", "main2", "../../x", "\0", "x" * 5000])
async def test_a_revision_that_is_not_there(words: str, cache: Path, removal: Removal) -> None:
    with pytest.raises(ModelNotFoundError):
        await removal.plan("org/model", revision=words)


async def test_what_is_in_memory_stays(cache: Path, removal: Removal, loaded: dict[str, int]) -> None:
    loaded["org/model"] = 4_194_000
    with pytest.raises(ModelError, match="process 4194000"):
        await removal.plan("org/model")
    old = await removal.plan("org/model", old_revisions=True)  # it runs the other one
    del loaded["org/model"]
    loaded[str(repo_folder(cache, "org/model") / "snapshots" / commit_of(1))] = os.getpid()
    with pytest.raises(ModelError, match="loaded here"):
        await removal.carry_out(old)
    assert is_whole(repo_folder(cache, "org/model") / "snapshots" / commit_of(1), OLD)


async def test_what_is_being_downloaded_stays(cache: Path, removal: Removal, database: Database) -> None:
    jobs = JobTable(database)
    await jobs.add("update", "org/model", "https://hub", "main", JobOptions())
    with pytest.raises(ModelError, match="being downloaded"):
        await removal.plan("org/model", old_revisions=True)
    # a program with a lock of the hub's own client
    from filelock import FileLock

    lock = cache / ".locks" / "models--org--other" / ("a" * 64 + ".lock")
    lock.parent.mkdir(parents=True)
    with FileLock(lock), pytest.raises(ModelError, match="Another program"):
        await removal.plan("org/other")
    assert (await removal.plan("org/other")).whole


async def test_what_changed_since_it_was_shown_is_not_removed(cache: Path, removal: Removal) -> None:
    plan = await removal.plan("org/model")
    lay_out(cache, "org/model", commit_of(4), {"late": b"late"})
    with pytest.raises(ModelError, match="changed meanwhile"):
        await removal.carry_out(plan)
    for commit, files in ((1, OLD), (2, NEW), (4, {"late": b"late"})):
        assert is_whole(repo_folder(cache, "org/model") / "snapshots" / commit_of(commit), files)


async def test_an_import_goes_and_what_it_links_to_stays(cache: Path, removal: Removal, home: Path) -> None:
    paths = Paths.from_environment()
    own, linked, elsewhere = paths.models / "mine", paths.models / "linked", home / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "model.safetensors").write_bytes(b"e" * 500)
    own.mkdir(parents=True)
    (own / "config.json").write_bytes(b"{}")
    (own / "model.safetensors").symlink_to(elsewhere / "model.safetensors")
    (own / "hard.bin").write_bytes(b"h" * 400)
    (home / "hard.bin").hardlink_to(own / "hard.bin")
    linked.symlink_to(elsewhere, target_is_directory=True)

    plan = await removal.plan("mine")
    assert (plan.freed, plan.kept) == (2, 500)
    assert any("hard link" in note for note in plan.notes)
    assert (await removal.carry_out(plan)).freed == 2
    plan = await removal.plan(str(linked))
    assert plan.freed == 0 and any("stays" in note for note in plan.notes)
    await removal.carry_out(plan)

    assert list(paths.models.iterdir()) == []
    assert (elsewhere / "model.safetensors").read_bytes() == b"e" * 500
    assert (home / "hard.bin").read_bytes() == b"h" * 400


async def test_one_of_several_gguf_files(removal: Removal, loaded: dict[str, int], home: Path) -> None:
    cache, paths = hub_cache_folder(), Paths.from_environment()
    small = {"q4.gguf": b"GGUF4" * 10}
    split = {"sub/q8-00001-of-00002.gguf": b"GGUF8" * 200, "sub/q8-00002-of-00002.gguf": b"GGUF9" * 300}
    for commit, refs in ((1, ()), (2, ("main",))):
        lay_out(cache, "org/quants", commit_of(commit), small | split | {"README.md": b"#"}, refs=refs)
    paths.models.mkdir(parents=True)
    (paths.models / "own.gguf").write_bytes(b"GGUF" * 30)
    (home / "elsewhere.gguf").write_bytes(b"GGUF" * 40)
    (paths.models / "linked.gguf").symlink_to(home / "elsewhere.gguf")

    loaded["org/quants/q4.gguf"] = os.getpid()
    with pytest.raises(ModelError, match="in memory"):
        await removal.plan("org/quants")
    before = bytes_below(cache)
    plan = await removal.plan("org/quants/sub/q8-00001-of-00002.gguf")
    assert (await removal.carry_out(plan)).freed == plan.freed == 2500 == before - bytes_below(cache)
    for commit in (1, 2):
        assert is_whole(repo_folder(cache, "org/quants") / "snapshots" / commit_of(commit), small | {"README.md": b"#"})

    for name, size in (("own.gguf", 120), (str(paths.models / "linked.gguf"), 0)):
        plan = await removal.plan(name)
        assert (await removal.carry_out(plan)).freed == plan.freed == size
    assert list(paths.models.iterdir()) == [] and (home / "elsewhere.gguf").stat().st_size == 160
    for name in ("org/quants/../q4.gguf", "org/quants/none.gguf", "org/none/q4.gguf", "../own.gguf", "none.gguf"):
        with pytest.raises(ModelError):
            await removal.plan(name)


@pytest.mark.parametrize("link", [False, True])
async def test_what_was_really_imported(link: bool, removal: Removal, database: Database, home: Path) -> None:
    source = make_tiny_llama(home / "made")
    before = {path.name: path.read_bytes() for path in source.iterdir()}

    async def snapshots() -> SnapshotTable:
        return SnapshotTable(database)

    imported = await Imports(Paths.from_environment(), snapshots).add(source, name="mine", link=link)
    plan = await removal.plan("mine")
    assert plan.freed == (0 if link else sum(map(len, before.values())))
    assert (await removal.carry_out(plan)).freed == plan.freed
    assert list(imported.path.parent.iterdir()) == [] and await SnapshotTable(database).all() == []
    assert is_whole(source, before)


async def test_a_store_that_cannot_be_written_is_told(cache: Path, removal: Removal, database: Database) -> None:
    plan = await removal.plan("org/model")
    async with database.transaction() as connection:
        await connection.execute(
            "CREATE TRIGGER no_space BEFORE DELETE ON snapshots BEGIN SELECT RAISE (ABORT, 'no'); END"
        )
    await SnapshotTable(database).record("org/model", commit_of(1), "hub", "https://hub", "path", [])
    with pytest.raises(StoreError, match="was removed, but not what is known"):
        await removal.carry_out(plan)
    assert not repo_folder(cache, "org/model").exists()


async def test_a_model_that_an_import_links_to_stays(cache: Path, removal: Removal) -> None:
    paths = Paths.from_environment()
    paths.models.mkdir(parents=True)
    (paths.models / "mine").symlink_to(repo_folder(cache, "org/model") / "snapshots" / commit_of(2))
    with pytest.raises(ModelError, match="used by mine"):
        await removal.plan("org/model")


@pytest.mark.parametrize("ref", ["guide", "{home}", "/", "openai:gpt", "org/none", "..", "", "{repo}", "{home}/none"])
async def test_what_is_never_removed(ref: str, cache: Path, removal: Removal, home: Path) -> None:
    with pytest.raises(ModelError):
        await removal.plan(ref.format(home=home, repo=repo_folder(cache, "org/model")))


async def test_names_that_are_hard_to_write(removal: Removal, home: Path) -> None:
    cache = hub_cache_folder()
    name = "org/na\x1b[2Jme\N{RIGHT-TO-LEFT OVERRIDE}é🦙"
    files = {"e\u0301.json": b"1", "nl\n\x07.safetensors": b"22"}
    lay_out(cache, name, commit_of(1), files, refs=("main", "a/b\tc"))
    plan = await removal.plan(name)
    await removal.carry_out(plan)
    assert not repo_folder(cache, name).exists()


async def test_the_store_that_repos_share(home: Path, removal: Removal) -> None:
    from huggingface_hub.utils import _shared_blobs as client

    cache = hub_cache_folder()
    for name, commit in (("org/model", 1), ("org/other", 2)):
        snapshot = lay_out(cache, name, commit_of(commit), OLD, refs=("main",))
        blob = (snapshot / "model.safetensors").resolve()
        assert client.publish_blob_to_shared_store(
            blob_path=str(blob), xet_hash="ab" * 32, cache_dir=cache, expected_size=20_000
        )
    shared = cache / "blobs" / "ab" / ("ab" * 32)

    first = await removal.plan("org/model")
    assert first.freed == 3_010 + 40 and any("store that models share" in note for note in first.notes)
    assert (await removal.carry_out(first)).freed == first.freed
    assert shared.is_file() and is_whole(repo_folder(cache, "org/other") / "snapshots" / commit_of(2), OLD)

    last = await removal.plan("org/other")
    assert last.freed == 20_000 + 3_010 + 40
    assert (await removal.carry_out(last)).freed == last.freed
    assert not shared.exists()


@pytest.mark.slow
async def test_revisions_that_the_hubs_client_fetched(home: Path, removal: Removal) -> None:
    cache = hub_cache_folder()
    with TestHub() as hub:
        old = hub.add("org/model", OLD)
        fetch(hub.endpoint, cache, ("org/model", old))
        new = hub.add("org/model", NEW)
        fetch(hub.endpoint, cache, ("org/model", "main"))
        before = bytes_below(cache)
        plan = await removal.plan("org/model", revision=old)
        assert (await removal.carry_out(plan)).freed == plan.freed == 20_000 == before - bytes_below(cache)
        assert is_whole(cache / "models--org--model" / "snapshots" / new, NEW)
        fetch(hub.endpoint, cache, ("org/model", "main"))  # nothing is missing to it
        assert len(hub.asked("GET", "/resolve/.*safetensors")) == 2


KILLED = """
import os, signal, sys
from pathlib import Path
from lama_tui.library.storage.plan import plan_removal
from lama_tui.library.storage.removal import delete, vanish
from lama_tui.paths import Paths

ref, revision, steps = sys.argv[1], sys.argv[2] or None, int(sys.argv[3])
done = 0

def watch(event, arguments):
    global done
    if event in ("os.remove", "os.rename", "os.rmdir"):
        done += 1
        if done > steps:
            os.kill(os.getpid(), signal.SIGKILL)

plan = plan_removal(ref, Paths.from_environment(), revision=revision)
sys.addaudithook(watch)
delete(plan, vanish(plan)[1])
"""


@pytest.mark.parametrize(
    ("revision", "steps"),
    [
        ("", 3),
        (commit_of(1), 2),
        *(pytest.param(r, n, marks=pytest.mark.slow) for r in ("", commit_of(1)) for n in range(14)),
    ],
)
async def test_killed_in_the_middle(revision: str, steps: int, cache: Path, removal: Removal) -> None:
    ended = subprocess.run([sys.executable, "-c", KILLED, "org/model", revision, str(steps)], timeout=60)  # noqa: ASYNC221
    snapshots = repo_folder(cache, "org/model") / "snapshots"
    with suppress(FileNotFoundError):
        for snapshot in snapshots.iterdir():
            files = OLD if snapshot.name == commit_of(1) else NEW
            assert is_whole(snapshot, files), f"{snapshot} looks whole and is not"
    if revision:
        assert is_whole(snapshots / commit_of(2), NEW)
    with suppress(ModelNotFoundError):  # again, until nothing is left of it
        await removal.carry_out(await removal.plan("org/model"))
    assert not repo_folder(cache, "org/model").exists()
    assert ended.returncode in (0, -9)


async def test_where_nothing_can_be_moved_it_keeps_its_names(cache: Path, removal: Removal) -> None:
    plan = await removal.plan("org/model")
    gone = repo_folder(cache, "org/model") / "snapshots" / "gone"
    with pytest.raises(FileNotFoundError):
        vanish(replace(plan, folders=(gone, *plan.folders)))
    for commit, files in ((1, OLD), (2, NEW)):
        assert is_whole(repo_folder(cache, "org/model") / "snapshots" / commit_of(commit), files)
    assert (repo_folder(cache, "org/model") / "refs" / "main").read_text() == commit_of(2)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_folder_that_may_not_be_written(cache: Path, removal: Removal) -> None:
    plan = await removal.plan("org/model")
    for folder in (repo_folder(cache, "org/model"), repo_folder(cache, "org/model") / "refs"):
        folder.chmod(0o500)
    with pytest.raises(ModelError, match="permissions"):
        await removal.carry_out(plan)
    assert is_whole(repo_folder(cache, "org/model") / "snapshots" / commit_of(2), NEW)
