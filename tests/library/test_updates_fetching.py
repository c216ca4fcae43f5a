"""Updates through the queue: only what changed is fetched, the switch is one step, and what is bad is mended."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from lama_tui.config.settings import PrivacySettings, Settings
from lama_tui.errors import DownloadError
from lama_tui.library.downloads.job import Job, JobId
from lama_tui.library.downloads.layout import size_of
from lama_tui.library.downloads.queue import Downloads
from lama_tui.library.hub.access import HubAccess
from lama_tui.library.hub.hub import Hub
from lama_tui.library.importing.imports import Imports
from lama_tui.library.installed import InstalledModel, describe
from lama_tui.library.snapshot_table import SnapshotTable
from lama_tui.library.updates.updates import Updates
from lama_tui.library.verify.check import Check
from lama_tui.library.verify.facts import facts
from lama_tui.library.verify.verification import Verification
from lama_tui.paths import Paths
from lama_tui.store.database import Database
from tests.engine.conftest import until
from tests.library.gguf_files import write_gguf
from tests.library.hub import TestHub

REF = "org/tiny"
WEIGHTS = {f"model-0000{n}-of-00003.safetensors": bytes([n]) * 300_000 for n in (1, 2, 3)}
OLD = {"config.json": '{"v": 1}', "tokenizer.json": "{}", **WEIGHTS}
NEW = OLD | {"config.json": '{"v": 2}', "model-00002-of-00003.safetensors": b"n" * 300_000}


@pytest.fixture
def server() -> Iterator[TestHub]:
    with TestHub() as server:
        yield server


class Instance:
    """One running program: its database, its hub, its queue."""

    def __init__(self, database: Database, endpoint: str) -> None:
        self.database = database
        self.hub = Hub(HubAccess(endpoint), local_only=True)
        settings = Settings(privacy=PrivacySettings(local_only=True))
        imports = Imports(Paths.from_environment(), self._snapshots)
        self.downloads = Downloads(database, self._hub, lambda: settings, imports)
        self.updates = Updates(database)

    async def _snapshots(self) -> SnapshotTable:
        return SnapshotTable(self.database)

    async def _hub(self) -> Hub:
        return self.hub

    async def end(self, job: JobId) -> Job:
        """Wait for the end of a job."""
        ended: list[Job] = []
        stop = self.downloads.subscribe(lambda now: ended.append(now) if now.id == job and now.ended else None)
        now = await self.downloads.job(job)
        if now is not None and not now.ended:
            await until(lambda: bool(ended), "the job's end")
            now = ended[-1]
        stop()
        assert now is not None
        return now

    async def close(self) -> None:
        await self.downloads.close()
        await self.hub.close()
        await self.database.close()


@pytest.fixture
async def instances(server: TestHub, home: Path) -> AsyncIterator[tuple[Instance, Instance]]:
    made = [Instance(await Database.open(Paths.from_environment()), server.endpoint) for _ in range(2)]
    yield made[0], made[1]
    for instance in made:
        await instance.close()


async def model() -> InstalledModel:
    return await describe(REF, Paths.from_environment())


def fetched(server: TestHub) -> list[str]:
    """The files whose bytes went over the wire, and forget them."""
    paths = [asked.path.rpartition("/")[2] for asked in server.asked("GET", "/resolve/")]
    server.log.clear()
    return sorted(paths)


async def pull(instance: Instance) -> None:
    assert (await instance.end(await instance.downloads.add(REF))).state == "done"


async def levels(instance: Instance) -> dict[str, Check]:
    verification = Verification(instance.database)
    return {check.level: check async for check in verification.levels(await model(), deep=True)}


async def test_an_update_fetches_what_changed_and_can_be_taken_back(
    server: TestHub, instances: tuple[Instance, Instance]
) -> None:
    instance, _ = instances
    old = server.add(REF, OLD)
    await pull(instance)
    before = await model()
    assert (await facts(instance.database, REF, old)).verified is True  # every byte was hashed as it came
    new = server.add(REF, NEW)
    found = await instance.updates.look(before, instance.hub)
    assert found is not None and found.size == 300_000 + len(NEW["config.json"])
    server.log.clear()
    job = await instance.end(await instance.updates.fetch(before, instance.downloads))
    assert (job.kind, job.state) == ("update", "done"), job.error
    changed = ["config.json", "model-00002-of-00003.safetensors"]
    assert [path for path in fetched(server) if path in WEIGHTS] == changed[1:]
    after = await model()
    assert (before.revision, after.revision) == (old, new)
    assert (await instance.updates.offered([after])) == []
    assert (await facts(instance.database, REF, new)).verified is True  # also of what it shares with the old one
    assert (await levels(instance))["hashes"].status == "ok"
    assert Path(before.path, "config.json").read_text() == OLD["config.json"]  # noqa: ASYNC240 — what was loaded reads on
    server.close()
    assert await instance.updates.go_back(after) == old
    assert (await model()).revision == old
    assert (await levels(instance))["hashes"].status == "ok"


async def test_two_instances_make_one_update(server: TestHub, instances: tuple[Instance, Instance]) -> None:
    one, two = instances
    server.add(REF, OLD)
    await pull(one)
    before = server.add(REF, OLD | {"tokenizer.json": "[]"})
    await pull(one)
    new = server.add(REF, NEW)
    server.log.clear()
    here = await model()
    server.trouble("/resolve/", stall=0, seconds=60.0)
    job = await one.updates.fetch(here, one.downloads)
    with pytest.raises(DownloadError, match="is being fetched"):
        await two.updates.go_back(here)  # it would not stay so
    await one.downloads.cancel(job)
    assert (await one.end(job)).state == "cancelled" and (await model()).revision == before
    server.behave()
    server.log.clear()
    both = server.trouble("/resolve/.*model-00002", hold=1000)
    jobs = await asyncio.gather(one.updates.fetch(here, one.downloads), two.updates.fetch(here, two.downloads))
    assert jobs[0] == jobs[1]
    both.release()
    assert {(await each.end(jobs[0])).state for each in instances} == {"done"}
    assert (await model()).revision == new
    assert fetched(server).count("model-00002-of-00003.safetensors") == 1


@pytest.mark.parametrize("known", ["by the record", "by the names of the blobs"])
async def test_a_bad_file_is_fetched_again_and_no_other(
    server: TestHub, instances: tuple[Instance, Instance], known: str
) -> None:
    instance, _ = instances
    commit = server.add(REF, OLD)
    await pull(instance)
    if known != "by the record":
        await SnapshotTable(instance.database).forget(REF, commit)
    bad = Path((await model()).path, "model-00003-of-00003.safetensors").resolve()  # noqa: ASYNC240
    raw = bytearray(bad.read_bytes())
    raw[1000] ^= 4
    bad.write_bytes(raw)
    found = await levels(instance)
    assert [each.path for each in found["hashes"].differences] == ["model-00003-of-00003.safetensors"]
    server.log.clear()
    await pull(instance)
    assert [path for path in fetched(server) if path in WEIGHTS] == ["model-00003-of-00003.safetensors"]
    assert (await facts(instance.database, REF, commit)).verified is True  # what was found before counts no more
    assert (await levels(instance))["hashes"].status == "ok"
    assert bad.with_name(f"{bad.name}.bad").read_bytes() == raw  # set aside, not thrown away


async def test_a_gguf_repo_is_updated_with_the_sizes_that_are_here(
    server: TestHub, instances: tuple[Instance, Instance], tmp_path: Path
) -> None:
    instance, _ = instances
    sizes = [f"m-{name}.gguf" for name in ("Q4_K_M", "Q6_K", "Q8_0")]
    old = server.add(REF, {name: write_gguf(tmp_path / name).read_bytes() + name.encode() for name in sizes})
    job = await instance.downloads.add(REF, files=sizes[1:])
    assert (await instance.end(job)).state == "done"
    new = server.add(REF, {name: write_gguf(tmp_path / name).read_bytes() + b"new" for name in sizes})
    here = await describe(f"{REF}/{sizes[2]}", Paths.from_environment())
    found = await instance.updates.look(here, instance.hub)
    assert found is not None and [change.path for change in found.changes] == sizes[1:]
    assert (await instance.end(await instance.updates.fetch(here, instance.downloads))).state == "done"
    after = await describe(f"{REF}/{sizes[2]}", Paths.from_environment())
    assert (here.revision, after.revision) == (old, new)
    assert sorted(path.name for path in Path(after.path).parent.iterdir()) == sizes[1:]
    assert await instance.updates.go_back(after) == old


_UPDATER = """
import asyncio, sys
from tests.library.test_updates_fetching import Instance, model
from lama_tui.paths import Paths
from lama_tui.store.database import Database

async def main():
    instance = Instance(await Database.open(Paths.from_environment()), sys.argv[1])
    job = await instance.updates.fetch(await model(), instance.downloads)
    print("begun", flush=True)
    print((await instance.end(job)).state, flush=True)
    await instance.close()

asyncio.run(main())
"""


@pytest.mark.slow
async def test_a_killed_update_leaves_the_old_revision_in_force(
    server: TestHub, instances: tuple[Instance, Instance]
) -> None:
    instance, _ = instances
    big = {"model-00001-of-00003.safetensors": os.urandom(8_000_000)}
    old = server.add(REF, OLD)
    await pull(instance)
    new = server.add(REF, NEW | big)
    server.log.clear()
    server.trouble("/resolve/.*model-00001", stall=1_000_000, seconds=60.0)
    process = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-c", _UPDATER, server.endpoint], stdout=subprocess.PIPE
    )
    try:
        part = Path((await model()).path).parent.parent / "blobs"
        await until(lambda: any((size_of(each) or 0) > 500_000 for each in part.glob("*.part")), "some bytes")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
    assert (await model()).revision == old
    assert (await levels(instance))["hashes"].status == "ok"
    server.behave()
    job = await instance.end(await instance.updates.fetch(await model(), instance.downloads))
    assert job.state == "done" and (await model()).revision == new
    assert (await levels(instance))["hashes"].status == "ok"
    assert json.loads(Path((await model()).path, "config.json").read_text())["v"] == 2  # noqa: ASYNC240
