"""The queue: wishes, owners, what survives whom. Several instances are several openings of one database."""

import asyncio
from dataclasses import replace

import pytest

from lama_tui.config.settings import LibrarySettings, PrivacySettings, Settings
from lama_tui.errors import DownloadError
from lama_tui.library.downloads.job import JobId
from lama_tui.library.hub.access import HubAccess
from lama_tui.library.snapshot_table import SnapshotTable
from tests.library.downloading import IMPATIENT, REPO, WAIT, instance, model_files
from tests.library.hub import TestHub

WEIGHTS = r"/resolve/.*model\.safetensors"
SLOW = 3_000_000.0  # bytes a second


@pytest.fixture
def hub():
    with TestHub() as hub:
        hub.add(REPO, model_files(), tags=("mlx",))
        yield hub


def sent(hub: TestHub) -> list[str | None]:
    return [asked.range for asked in hub.asked("GET", WEIGHTS)]


async def test_pause_and_resume_at_the_byte(hub, tmp_path):
    held = hub.trouble(WEIGHTS, hold=600_000)
    async with instance(hub, tmp_path) as lama:
        job = await lama.downloads.add(REPO)
        await lama.until(job, lambda now: now.done_bytes > 500_000)
        await lama.downloads.pause(job)
        paused = await lama.until(job, lambda now: now.state == "paused")
        assert paused.owner is None
        (part,) = [size for name, size in lama.blobs().items() if name.endswith(".part")]
        assert part > 400_000
        held.release()
        await lama.downloads.resume(job)
        done = await lama.ended(job)
        assert (done.state, done.done_bytes) == ("done", done.total_bytes)
        assert lama.blobs()
    assert sent(hub) == [None, f"bytes={part}-"]


@pytest.mark.parametrize("keep", [True, False])
async def test_cancel_keeps_or_removes_what_came(hub, tmp_path, keep):
    hub.trouble(WEIGHTS, hold=400_000)
    async with instance(hub, tmp_path) as lama:
        job = await lama.downloads.add(REPO)
        await lama.until(job, lambda now: now.done_bytes > 300_000)
        with pytest.raises(DownloadError):
            await lama.downloads.forget(job)
        await lama.downloads.cancel(job, keep_parts=keep)
        assert (await lama.ended(job)).state == "cancelled"
        assert bool(lama.blobs()) is keep
        await lama.downloads.forget(job)
        assert await lama.downloads.jobs() == []


async def test_the_same_wish_is_one_job_and_a_failed_one_begins_again(hub, tmp_path):
    broken = hub.trouble(WEIGHTS, status=404)
    async with instance(hub, tmp_path) as lama:
        job = await lama.downloads.add(REPO)
        assert (await lama.ended(job)).state == "failed"
        broken.status = None
        assert await lama.downloads.add(REPO) == job
        done = await lama.until(job, lambda now: now.state == "done")
        assert done.error is None
        assert await lama.downloads.add(REPO) != job  # it may have changed on the hub since


async def test_wishes_of_another_instance_are_followed(hub, tmp_path, monkeypatch):
    hub.trouble(WEIGHTS, hold=200_000)
    looks = []
    async with instance(hub, tmp_path) as one, instance(hub, tmp_path) as other:
        job = await one.downloads.add(REPO)
        await one.until(job, lambda now: now.done_bytes > 100_000)
        seen = await other.until(job, lambda now: now.done_bytes > 100_000)
        assert (seen.mine, seen.owner) == (False, one.database.instance)
        watched = one.downloads._table.watched

        async def counted(known):
            rows = await watched(known)
            looks.extend(row for row in rows if row.wish == "pause")
            return rows

        monkeypatch.setattr(one.downloads._table, "watched", counted)
        await other.downloads.pause(job)
        await one.until(job, lambda now: now.state == "paused")
        assert 1 <= len(looks) <= 2  # one follows the wish, and there is one after it
        await other.until(job, lambda now: now.state == "paused")


async def test_two_instances_never_fetch_the_same(hub, tmp_path):
    held = hub.trouble(WEIGHTS, hold=300_000)
    async with instance(hub, tmp_path) as one, instance(hub, tmp_path) as other:
        jobs = await asyncio.gather(*(lama.downloads.add(REPO) for lama in (one, other, one, other)))
        assert len(set(jobs)) == 1
        for lama in (one, other):  # each has looked while it runs
            await lama.until(jobs[0], lambda now, lama=lama: any(heard.state == "running" for heard in lama.seen))
        held.release()
        done = await asyncio.gather(one.ended(jobs[0]), other.ended(jobs[0]))
        assert [job.state for job in done] == ["done", "done"]
        assert one.blobs()
    assert sent(hub) == [None]


async def test_what_a_closed_instance_leaves_another_takes_over(hub, tmp_path):
    held = hub.trouble(WEIGHTS, hold=400_000)
    async with instance(hub, tmp_path) as other:
        async with instance(hub, tmp_path) as one:
            job = await one.downloads.add(REPO)
            await one.until(job, lambda now: now.done_bytes > 300_000)
            other.downloads.start()
        held.release()
        done = await other.ended(job)
        assert done.state == "done"
        assert other.blobs()
    first, second = sent(hub)
    assert first is None and second is not None


async def test_unfinished_jobs_go_on_at_the_next_start(hub, tmp_path):
    held = hub.trouble(WEIGHTS, hold=400_000)
    async with instance(hub, tmp_path) as lama:
        job = await lama.downloads.add(REPO)
        await lama.until(job, lambda now: now.done_bytes > 300_000)
    held.release()
    async with instance(hub, tmp_path, adopt=False) as verb:
        assert (await verb.downloads.jobs())[0].state == "queued"  # a verb goes on with what it was told alone
    async with instance(hub, tmp_path) as lama:
        await lama.downloads.jobs()
        assert (await lama.ended(job)).state == "done"
        assert lama.blobs()


@pytest.mark.slow
async def test_no_more_jobs_at_once_than_wanted(hub, tmp_path):
    hub.trouble(r"/resolve/.*\.safetensors", rate=SLOW)
    names = [f"org/model-{number}" for number in range(3)]
    for number, name in enumerate(names):
        hub.add(name, {**model_files(1000), "model.safetensors": bytes([number]) * 1_500_000})
    async with instance(hub, tmp_path, pace=replace(IMPATIENT, jobs=1)) as lama:
        jobs = [await lama.downloads.add(name) for name in names]
        now = await lama.downloads.jobs()
        while not all(job.ended for job in now):
            assert sum(job.state == "running" for job in now) <= 1
            await asyncio.sleep(0.05)
            now = await lama.downloads.jobs()
        assert len(now) == len(jobs)
        assert [job.state for job in await lama.downloads.jobs()] == ["done"] * 3


@pytest.mark.parametrize(
    "why",
    [
        "local only",
        pytest.param("offline", marks=pytest.mark.slow),
        pytest.param("on battery", marks=pytest.mark.slow),
    ],
)
async def test_what_forbids_it_is_said_and_lifted(hub, tmp_path, why):
    charging: list[bool] = []
    settings = Settings(library=LibrarySettings(downloads="pause-on-battery"), privacy=PrivacySettings())
    access = (
        HubAccess("https://hub.invalid") if why == "local only" else HubAccess(hub.endpoint, offline=why == "offline")
    )
    if why == "local only":
        settings = replace(settings, privacy=PrivacySettings(local_only=True))
    async with instance(
        hub, tmp_path, settings=settings, access=access,
        on_battery=lambda: None if why != "on battery" else not charging,
    ) as lama:  # fmt: skip
        job = await lama.downloads.add(REPO)
        waiting = await lama.until(job, lambda now: now.state == "waiting")
        assert why in waiting.why
        assert not hub.asked()
        if why == "on battery":
            charging.append(True)
            assert (await lama.ended(job)).state == "done"


@pytest.mark.slow
async def test_local_only_stops_what_runs(hub, tmp_path):
    hub.trouble(WEIGHTS, hold=100_000)
    async with instance(hub, tmp_path) as lama:
        job = await lama.downloads.add(REPO)
        await lama.until(job, lambda now: now.done_bytes > 50_000)
        lama.change(local_only=True)  # loopback passes: it begins again there, and goes on
        await lama.until(job, lambda now: len(sent(hub)) == 2)
        assert (await lama.downloads.job(job)).state in ("running", "waiting")


async def test_retry_does_not_wait(hub, tmp_path):
    hub.trouble(WEIGHTS, status=503, times=1, headers={"Retry-After": "600"})
    async with instance(hub, tmp_path) as lama:
        job = await lama.downloads.add(REPO)
        waiting = await lama.until(job, lambda now: now.state == "waiting")
        assert waiting.retry_at is not None
        rows = await lama.database.read("SELECT state, retry_at FROM jobs")
        async with asyncio.timeout(WAIT):
            while rows[0]["retry_at"] is None:  # others see it too
                await asyncio.sleep(0.05)
                rows = await lama.database.read("SELECT state, retry_at FROM jobs")
        await lama.downloads.retry(job)
        assert (await lama.ended(job)).state == "done"


async def test_hashes_are_kept_and_ends_are_told(hub, tmp_path):
    async with instance(hub, tmp_path) as lama:
        done = await lama.ended(await lama.downloads.add(REPO))
        files = await SnapshotTable(lama.database).files(REPO, done.commit or "")
        assert {file.path: file.size for file in files} == {
            path: len(content) for path, content in model_files().items()
        }
        (snapshot,) = await SnapshotTable(lama.database).all()
        assert (snapshot.source, snapshot.kind) == (hub.endpoint, "hub")
        assert lama.seen[0].state == "queued"
        assert [job.state for job in lama.seen].count("done") == 1


@pytest.mark.slow
async def test_another_endpoint_is_not_asked_for_it(hub, tmp_path):
    hub.trouble(WEIGHTS, hold=100_000)
    async with instance(hub, tmp_path) as lama:
        job = await lama.downloads.add(REPO)
        await lama.until(job, lambda now: now.done_bytes > 50_000)
    with TestHub() as elsewhere:
        async with instance(elsewhere, tmp_path) as lama:
            await lama.downloads.jobs()
            failed = await lama.ended(job)
            assert "another hub" in str(failed.error)
            assert not elsewhere.asked()


async def test_impossible_names_are_refused(hub, tmp_path):
    async with instance(hub, tmp_path) as lama:
        for name, revision in (("../x", "main"), ("org/x", "../../y"), ("a/b/c", "main"), ("", "main"), ("org/x", "")):
            with pytest.raises(DownloadError):
                await lama.downloads.add(name, revision)
        assert await lama.downloads.jobs() == []
        assert await lama.downloads.job(JobId(99)) is None
