"""What two may do at once, and what happens between two steps: found by walking, each kept here by itself."""

import asyncio
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from lama_tui.library.downloads import work
from lama_tui.library.downloads.job import JobId
from lama_tui.library.downloads.job_table import JobOptions, JobTable
from lama_tui.library.downloads.layout import RepoFolder, lay_out
from lama_tui.library.hub.values import HubFile
from lama_tui.library.snapshot_table import SnapshotTable
from lama_tui.library.verify.aside import known_right
from lama_tui.paths import Paths
from lama_tui.store.database import Database
from tests.library.downloading import REPO, instance, model_files
from tests.library.hub import TestHub

WEIGHTS = r"/resolve/.*model\.safetensors"
COMMIT = "c" * 40


@pytest.fixture
def hub():
    with TestHub() as hub:
        hub.add(REPO, model_files(), tags=("mlx",))
        yield hub


@pytest.fixture
async def database(tmp_path):
    database = await Database.open(Paths.from_environment({"LAMA_HOME": str(tmp_path / "lama")}))
    yield database
    await database.close()


def blobs(folder: RepoFolder, count: int) -> list[HubFile]:
    files = [HubFile(f"{number}.json", 1, "git-sha1", f"{number:040x}") for number in range(count)]
    folder.blob("").mkdir(parents=True)
    for file in files:
        folder.blob(file.hash).write_bytes(b"x")
    return files


async def test_a_cancelled_job_takes_nothing_away_that_another_needs(hub, tmp_path):
    held = hub.trouble(WEIGHTS, hold=400_000)
    async with instance(hub, tmp_path) as lama:
        whole = await lama.downloads.add(REPO)
        await lama.until(whole, lambda now: now.done_bytes > 300_000)  # it has the lock of the file
        weights = await lama.downloads.add(REPO, files=["*.safetensors"])
        await lama.until(weights, lambda now: "another program" in now.now)
        await lama.downloads.cancel(whole, keep_parts=False)
        assert (await lama.ended(whole)).state == "cancelled"
        held.release()
        assert (await lama.ended(weights)).state == "done"
        assert list(lama.blobs().values()) == [3_000_000]  # what it needed alone is gone
    first, *more = [asked.range for asked in hub.asked("GET", WEIGHTS)]
    assert first is None and None not in more


def test_many_make_one_snapshot_at_once(tmp_path):
    folder = RepoFolder(tmp_path, REPO)
    files = blobs(folder, 40)
    for number in range(5):
        start, commit = threading.Barrier(4), f"{number:040x}"

        def make(at: int, start=start, commit=commit) -> Path:
            start.wait()
            return lay_out(folder, commit, "main", files[at * 10 :] + files[: at * 10 + 5])

        with ThreadPoolExecutor(4) as many:
            (snapshot,) = set(many.map(make, range(4)))
        assert {path.name for path in snapshot.iterdir()} == {file.path for file in files}
    assert not list(folder.path.glob(".lama-*"))


def test_no_snapshot_is_made_of_a_file_that_is_gone(tmp_path):
    folder = RepoFolder(tmp_path, REPO)
    files = blobs(folder, 3)
    folder.blob(files[1].hash).unlink()
    with pytest.raises(FileNotFoundError):
        lay_out(folder, COMMIT, "main", files)
    assert not folder.snapshot(COMMIT).exists()
    assert not folder.ref("main").exists()


@pytest.mark.parametrize("laid_out", [True, False])
async def test_one_that_is_cancelled_at_its_end_is_recorded_or_undone(hub, tmp_path, monkeypatch, laid_out):
    reached = threading.Event()

    def until_given_up(*args, given_up: Callable[[], bool], **named) -> Path:
        path = lay_out(*args, given_up=given_up, **named) if laid_out else None
        reached.set()
        deadline = time.monotonic() + 60
        while not given_up() and time.monotonic() < deadline:
            time.sleep(0.01)
        return path or lay_out(*args, given_up=given_up, **named)

    monkeypatch.setattr(work, "lay_out", until_given_up)
    monkeypatch.setattr(work, "_STOPPING", 60.0)  # what a busy machine takes is no stuck disk
    async with instance(hub, tmp_path) as lama:
        job = await lama.downloads.add(REPO)
        assert await asyncio.to_thread(reached.wait, 60)
        await lama.downloads.cancel(job)
        assert (await lama.ended(job)).state == "cancelled"
        on_disk = [str(path) for path in lama.folder().path.glob("snapshots/*")]
        assert [snapshot.path for snapshot in await SnapshotTable(lama.database).all()] == on_disk
        assert len(on_disk) == laid_out and not list(lama.folder().path.glob(".lama-*"))


@pytest.mark.parametrize(("followed", "wished"), [("pause", "run"), ("cancel", "run"), ("pause", "cancel")])
async def test_a_wish_that_comes_while_another_is_followed_is_not_lost(database, followed, wished):
    table = JobTable(database)
    job = await table.add("download", REPO, "http://hub", "main", JobOptions())
    live = await database.live_instances()
    assert await table.claim(job, live, 1)
    assert not await table.wish(job, followed, live)  # its owner sees it, and stops
    assert not await table.wish(job, wished, live)
    await table.settle(job, "paused" if followed == "pause" else "cancelled")
    row = await table.job(job)
    assert row is not None
    assert (row.job.state, row.wish, row.job.owner) == ("queued", wished, None)


async def test_who_came_since_others_looked_who_lives_keeps_its_job(database, tmp_path):
    late = await Database.open(Paths.from_environment({"LAMA_HOME": str(tmp_path / "lama")}))
    before = await database.live_instances() - {late.instance}  # as who looked just before it came
    mine, other = JobTable(late), JobTable(database)
    job = await mine.add("download", REPO, "http://hub", "main", JobOptions())
    assert await mine.claim(job, await late.live_instances(), 1)
    assert not await other.claim(job, before, 2)
    assert not await other.wish(job, "pause", before)
    row = await other.job(job)
    assert row is not None and (row.job.owner, row.job.state, row.wish) == (late.instance, "running", "pause")
    await mine.wish(job, "run", before)
    await late.close()
    assert await other.claim(job, before, 2)


async def test_a_wait_ends_by_a_wish_alone(database):
    table = JobTable(database)
    job = await table.add("download", REPO, "http://hub", "main", JobOptions())
    live = await database.live_instances()
    await table.claim(job, live, 1)
    before = await table.job(job)
    await table.settle(job, "waiting", retry_at=123, keep=True)
    waiting = await table.job(job)
    assert before and waiting and not before.at_once and not waiting.at_once
    await table.wish(job, "run", live)
    wished = await table.job(job)
    assert wished and wished.at_once and wished.job.retry_at is None
    await table.settle(job, "waiting", retry_at=456, keep=True)  # told before its owner has seen the wish
    wished = await table.job(job)
    assert wished and wished.at_once
    await table.heard(job)
    await table.settle(job, "waiting", retry_at=789, keep=True)
    running = await table.job(job)
    assert running and not running.at_once


async def test_what_is_done_stays_done(hub, tmp_path):
    async with instance(hub, tmp_path) as lama:
        job = await lama.downloads.add(REPO)
        await lama.ended(job)
        asked = len(hub.log)
        await lama.downloads.resume(job)
        now = await lama.downloads.job(job)
        assert now is not None and now.state == "done"
        assert len(hub.log) == asked


async def test_an_end_that_cannot_be_written_is_tried_in_its_time(hub, tmp_path, caplog):
    held = hub.trouble(WEIGHTS, hold=200_000)

    def said() -> int:
        return sum("was not kept yet" in record.message for record in caplog.records)

    async with instance(hub, tmp_path) as lama:
        job = await lama.downloads.add(REPO)
        await lama.until(job, lambda now: now.done_bytes > 100_000)
        await lama.database.close()
        began = time.monotonic()
        held.release()
        async with asyncio.timeout(60):
            while said() < 4:  # noqa: ASYNC110 — the log has no event
                await asyncio.sleep(0.02)
        assert time.monotonic() - began > 0.8  # the last three of them, not all at once


async def test_two_that_come_beside_each_other_are_both_known(database):
    table = SnapshotTable(database)
    files = [HubFile(f"{number}.json", 1, "git-sha1", f"{number:040x}") for number in range(12)]
    await asyncio.gather(
        *(
            table.record(REPO, COMMIT, "hub", "http://hub", "/x", [file], {file.path: (1, 2)}, more=True)
            for file in files
        )
    )
    found = await table.files(REPO, COMMIT)
    assert {file.path for file in found} == {file.path for file in files}
    assert all((file.checked, file.ok, file.mtime_ns) == (1, True, 2) for file in found)
    await table.record(REPO, COMMIT, "hub", "http://hub", "/x", files[:1])
    assert [file.path for file in await table.files(REPO, COMMIT)] == ["0.json"]


async def test_a_file_that_was_written_since_it_was_hashed_is_not_known_to_be_right(database, tmp_path):
    folder = RepoFolder(tmp_path, REPO)
    same, written = files = blobs(folder, 2)
    times = {file.hash: folder.blob(file.hash).stat().st_mtime_ns for file in files}
    os.utime(folder.blob(written.hash), ns=(1, times[written.hash] - 1))  # a clock may go back
    right = await known_right(folder, files, times, SnapshotTable(database))
    assert list(right) == [same.path]


@pytest.mark.parametrize("what", ["short blob", "long blob", "empty part of full length", "long part"])
async def test_what_lies_there_already_and_is_wrong_is_replaced(hub, tmp_path, what):
    async with instance(hub, tmp_path) as lama:
        hash_ = hub.repos[REPO].files["model.safetensors"].etag
        place = lama.folder().blob(hash_) if "blob" in what else lama.folder().part(hash_)
        place.parent.mkdir(parents=True)
        place.touch()
        os.truncate(place, {"short blob": 5, "empty part of full length": 3_000_000}.get(what, 3_000_001))
        assert (await lama.ended(await lama.downloads.add(REPO))).state == "done"
        assert 3_000_000 in lama.blobs().values()
    assert [asked.range for asked in hub.asked("GET", WEIGHTS)] == [None]


@contextmanager
def disk_of(folder: Path, options: str) -> Iterator[Path]:
    folder.mkdir()
    if shutil.which("mount") is None or os.geteuid() != 0:
        pytest.skip("only root may mount a disk")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True).returncode:
        pytest.skip("no disk may be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def few_files(tmp_path):
    """A disk of its own for the cache, that holds 64 files."""
    with disk_of(tmp_path / "hub", "size=8m,nr_inodes=64") as disk:
        yield disk


def fill_up(disk: Path) -> Path:
    """One file that takes all that is left."""
    filler = disk / "filler"
    with pytest.raises(OSError, match="No space"), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    return filler


@pytest.mark.slow
async def test_a_disk_that_fills_up_meanwhile_goes_on_at_the_byte(hub, tmp_path, few_files):
    held = hub.trouble(WEIGHTS, hold=400_000)
    async with instance(hub, tmp_path) as lama:
        job = await lama.downloads.add(REPO)
        await lama.until(job, lambda now: now.files_done == 3 and now.done_bytes > 400_000)
        filler = fill_up(few_files)
        held.release()
        waiting = await lama.until(job, lambda now: now.state == "waiting" or now.ended)
        assert (waiting.state, waiting.error) == ("waiting", None)
        assert "disk is full" in waiting.why
        (part,) = lama.folder().path.glob("blobs/*.part")
        assert part.stat().st_size == waiting.done_bytes - sum(map(len, model_files(0).values()))
        filler.unlink()
        await lama.downloads.retry(job)
        assert (await lama.ended(job)).state == "done"
        assert lama.blobs()
    first, *more = [asked.range for asked in hub.asked("GET", WEIGHTS)]
    assert first is None and more and None not in more


@pytest.mark.slow
async def test_a_database_that_is_full_at_the_end_is_waited_for(hub, tmp_path, caplog):
    many = {f"{'n' * 200}-{number}.json": b"%d" % number for number in range(300)}
    hub.add(REPO, {**model_files(), **many}, tags=("mlx",))
    held = hub.trouble(WEIGHTS, hold=200_000)
    with disk_of(tmp_path / "lama", "size=8m") as disk:
        async with instance(hub, tmp_path, adopt=False) as lama:
            job = await lama.downloads.add(REPO)
            await lama.until(job, lambda now: now.files_done >= 300 and now.done_bytes > 100_000)
            filler = fill_up(disk)
            held.release()
            async with asyncio.timeout(60):
                while "the end of a download was not kept yet" not in caplog.text:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            filler.unlink()
            done = await lama.ended(job)  # by itself
            assert (done.state, done.error) == ("done", None)
            assert len(await SnapshotTable(lama.database).files(REPO, done.commit or "")) == 304


@pytest.mark.slow
async def test_a_disk_that_is_full_when_all_is_there_is_waited_for(hub, tmp_path, few_files):
    held = hub.trouble(WEIGHTS, hold=400_000)
    async with instance(hub, tmp_path) as lama:
        job = await lama.downloads.add(REPO)
        await lama.until(job, lambda now: now.files_done == 3)
        fillers = fill(few_files)
        held.release()
        waiting = await lama.until(job, lambda now: now.state == "waiting" or now.ended)
        assert (waiting.state, waiting.error) == ("waiting", None)
        assert "disk is full" in waiting.why
        for filler in fillers:
            filler.unlink()
        await lama.downloads.retry(JobId(job))
        assert (await lama.ended(job)).state == "done"
        assert all(path.is_symlink() for path in lama.folder().path.glob("snapshots/*/*"))


def fill(disk: Path) -> list[Path]:
    made = []
    try:
        while True:
            made.append(disk / f"filler-{len(made)}")
            made[-1].touch()
    except OSError:
        return made[:-1]
