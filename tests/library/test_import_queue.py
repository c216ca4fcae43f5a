"""Imports as jobs of the queue, over real connections to loopback: worked on, taken over, paused, held, cancelled."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from lama_tui.config.settings import LibrarySettings, PrivacySettings, Settings
from lama_tui.errors import DownloadError, LamaError, ModelError
from lama_tui.library.downloads.job_table import JobOptions, JobTable
from lama_tui.library.downloads.retry import Backoff
from lama_tui.library.downloads.work import Pace
from lama_tui.library.importing.target import Target, unfinished
from lama_tui.library.importing.work import Work
from lama_tui.library.installed import describe
from lama_tui.library.snapshot_table import SnapshotTable
from lama_tui.library.storage.leftovers import Leftovers
from lama_tui.library.storage.record_table import RecordTable
from lama_tui.paths import Paths
from tests.library.downloading import instance, model_files
from tests.library.gguf_files import write_gguf
from tests.library.hub import TestHub
from tests.library.web import Web, serving
from tests.models import make_tiny_llama


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as web:
        yield web


@pytest.fixture
def hub() -> Iterator[TestHub]:
    with TestHub() as hub:
        yield hub


@pytest.fixture
def gguf(tmp_path: Path) -> bytes:
    return big_gguf(tmp_path, 4 << 20)


def big_gguf(folder: Path, size: int) -> bytes:
    tensors = [("w", (1024, size // 4096), 0)]
    return write_gguf(folder / "m.gguf", tensors=tensors, data=os.urandom(size)).read_bytes()


def models(home: Path) -> Path:
    return home / "lama" / "data" / "models"


def left(home: Path) -> list[str]:
    return sorted(path.name for path in models(home).iterdir()) if models(home).exists() else []


async def came(home: Path, at_least: int) -> int:
    """The bytes of the only part, when there are so many."""
    async with asyncio.timeout(60):
        while True:
            for part in models(home).glob(".import-*/part"):
                if (size := part.stat().st_size) >= at_least:
                    return size
            await asyncio.sleep(0.01)


async def test_an_address_becomes_a_model(web: Web, hub: TestHub, gguf: bytes, tmp_path: Path) -> None:
    web.files["/dir/Some-Q4.gguf"], web.cut = gguf, [1_000_000]
    async with instance(hub, tmp_path, pace=Pace(Backoff(first=600, longest=600))) as lama:
        job = await lama.downloads.add_import(
            web.url("/dir/Some-Q4.gguf"), sha256=sha256(gguf).hexdigest().upper(), insecure_http=True
        )
        waits = await lama.until(job, lambda now: now.state == "waiting")
        assert "broke" in waits.why and waits.retry_at is not None and waits.done_bytes == 1_000_000
        await lama.downloads.retry(job)
        ended = await lama.ended(job)
        assert (ended.state, ended.kind, ended.ref, ended.source) == (
            "done", "import", "Some-Q4", web.url("/dir/Some-Q4.gguf"),
        )  # fmt: skip
        assert (ended.done_bytes, ended.total_bytes, ended.files_done) == (len(gguf), len(gguf), 1)
        assert web.asked[-1][1] == "bytes=1000000-"
        assert [snapshot.source for snapshot in await SnapshotTable(lama.database).all()] == [ended.source]
    assert (models(tmp_path) / "Some-Q4" / "Some-Q4.gguf").read_bytes() == gguf and left(tmp_path) == ["Some-Q4"]


async def test_a_folder_becomes_a_model_whatever_the_network(hub: TestHub, tmp_path: Path) -> None:
    source = make_tiny_llama(tmp_path / "Tiny")
    careful = LibrarySettings(downloads="pause-on-battery")
    strict = Settings(library=careful, privacy=PrivacySettings(local_only=True))
    async with instance(hub, tmp_path, settings=strict, on_battery=lambda: True) as lama:
        ended = await lama.ended(await lama.downloads.add_import(str(source), name="mine", link=True))
        assert (ended.state, ended.ref, ended.source) == ("done", "mine", str(source))
        assert ended.done_bytes == ended.total_bytes == sum(path.stat().st_size for path in source.iterdir())
        assert (models(tmp_path) / "mine").is_symlink()
        with pytest.raises(ModelError, match="already"):
            await lama.downloads.add_import(str(source), name="MINE")
        fetched = await lama.downloads.add_import("http://127.0.0.1:1/x.gguf", insecure_http=True)
        await lama.until(fetched, lambda now: now.state == "waiting" and now.why == "on battery")


async def test_what_is_wrong_is_said_at_once(web: Web, hub: TestHub, tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(b"hello")
    async with instance(hub, tmp_path) as lama:
        for source, flags in (
            (web.url("/m.gguf"), {}),  # http
            ("ftp://host/m.gguf", {}),
            ("https://user:secret@host/m.gguf", {}),
            ("https://host/model.gguf", {}),  # no name
            ("https://host/m.gguf", {"name": "a/b"}),
            ("https://host/m.gguf", {"name": "guide"}),
            ("https://host/m.gguf", {"sha256": "12"}),
            ("https://host/m.gguf", {"link": True}),
            (str(tmp_path / "absent"), {}),
            (str(tmp_path / "x.gguf"), {}),
            (str(tmp_path), {"sha256": "0" * 64}),
            ("~nobody-has-this/x", {}),
            ("a\0b", {}),
            ("a\udcff", {}),
            ("x" * 5000, {}),
        ):
            with pytest.raises(LamaError) as raised:
                await lama.downloads.add_import(source, **flags)
            assert "secret" not in str(raised.value)
        assert await lama.downloads.jobs() == [] and web.asked == []


async def test_paused_resumed_cancelled(web: Web, hub: TestHub, gguf: bytes, tmp_path: Path) -> None:
    """What came stays at a pause, goes on at its byte, and is gone when it is not to be kept."""
    web.files["/m-Q4.gguf"], web.hold, web.cut = gguf, threading.Event(), [1_000_000, 1_000_000]
    async with instance(hub, tmp_path) as lama:
        job = await lama.downloads.add_import(web.url("/m-Q4.gguf"), insecure_http=True)
        await came(tmp_path, 1_000_000)
        await lama.downloads.pause(job)
        await lama.until(job, lambda now: now.state == "paused" and now.owner is None)
        kept = await came(tmp_path, 1_000_000)
        records, paths = RecordTable(lama.database), Paths.from_environment({"LAMA_HOME": str(tmp_path / "lama")})
        assert await Leftovers(paths, records).plan() == (), "what a paused import has is not anybody's leftover"
        same = await lama.downloads.add_import(web.url("/m-Q4.gguf"), insecure_http=True)
        assert same == job, "asked for again it goes on"
        await came(tmp_path, 2_000_000)
        assert web.asked[-1][1] == f"bytes={kept}-"
        with pytest.raises(DownloadError, match="will be named"):
            await lama.downloads.add_import(web.url("/other.gguf"), name="m-Q4", insecure_http=True)
        await lama.downloads.cancel(job, keep_parts=False)
        assert (await lama.ended(job)).state == "cancelled"
        assert left(tmp_path) == []


async def test_only_this_machine_is_asked_offline_and_local_only(
    web: Web, hub: TestHub, gguf: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that is not of this machine is not even looked up; this machine's own addresses go on."""
    async with instance(hub, tmp_path) as lama:
        far = await lama.downloads.add_import("https://models.example.org/far.gguf")
        held = await lama.until(far, lambda now: now.state == "waiting")
        assert "offline mode" in held.why
        lama.change(local_only=True)
        monkeypatch.delenv("HF_HUB_OFFLINE")
        await lama.until(far, lambda now: "local only" in now.why)
        far = await lama.downloads.add_import("https://models.example.org/far.gguf")
        web.files["/near.gguf"] = gguf
        near = await lama.downloads.add_import(web.url("/near.gguf"), insecure_http=True)
        assert (await lama.ended(near)).state == "done"
        assert (await lama.downloads.job(far)).state == "waiting"


async def test_local_only_stops_a_running_import(web: Web, hub: TestHub, gguf: bytes, tmp_path: Path) -> None:
    """Flipped while it runs: the request ends, and it goes on at the byte where the machine itself is asked."""
    web.files["/m-Q4.gguf"], web.hold, web.cut = gguf, threading.Event(), [1_000_000]
    async with instance(hub, tmp_path) as lama:
        job = await lama.downloads.add_import(web.url("/m-Q4.gguf"), insecure_http=True)
        kept = await came(tmp_path, 1_000_000)
        web.cut = []
        lama.change(local_only=True)
        async with asyncio.timeout(60):
            while len(web.asked) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert web.asked[-1][1] == f"bytes={kept}-"
        web.hold.set()
        assert (await lama.ended(job)).state == "done"


async def test_two_instances_and_one_import(web: Web, hub: TestHub, gguf: bytes, tmp_path: Path) -> None:
    web.files["/m-Q4.gguf"], web.hold = gguf, threading.Event()
    async with instance(hub, tmp_path) as one, instance(hub, tmp_path) as two:
        jobs = await asyncio.gather(
            *(lama.downloads.add_import(web.url("/m-Q4.gguf"), insecure_http=True) for lama in (one, two))
        )
        assert jobs[0] == jobs[1]
        web.hold.set()  # both have asked before it can end
        assert {(await lama.ended(jobs[0])).state for lama in (one, two)} == {"done"}
        assert len(web.asked) == 1


async def test_another_cache_is_left_to_those_who_use_it(hub: TestHub, tmp_path: Path) -> None:
    """A lama with another HF_HOME shows the job and why it rests, and does not take it over into its own folder."""
    hub.add("org/tiny-4bit", model_files(300_000), tags=("mlx",))
    hub.trouble("/org/tiny-4bit/resolve/", status=503, headers={"Retry-After": "600"})
    async with instance(hub, tmp_path) as first:
        job = await first.downloads.add("org/tiny-4bit")
        await first.until(job, lambda now: now.state == "waiting")
    hub.behave()
    async with instance(hub, tmp_path, cache=tmp_path / "hub" / "elsewhere") as other:
        await other.downloads.resume(job)
        seen = await other.until(job, lambda now: now.state == "waiting")
        assert str(first.cache) in seen.why and "HF_HOME" in seen.why
        own = await other.downloads.add("org/tiny-4bit")
        assert own != job and (await other.ended(own)).state == "done"
        assert (await other.downloads.job(job)).state == "waiting" and not any(first.blobs().values())
    (tmp_path / "alias").symlink_to(first.cache.parent)  # another way to the same folder
    async with instance(hub, tmp_path, cache=tmp_path / "alias" / first.cache.name) as back:
        back.downloads.start()
        assert (await back.ended(job)).state == "done" and back.blobs()


async def test_weights_come_with_what_lies_beside_them(web: Web, hub: TestHub, tmp_path: Path) -> None:
    made = make_tiny_llama(tmp_path / "made")
    for path in made.iterdir():
        web.files[f"/org/Tiny-1B/resolve/main/{path.name}"] = path.read_bytes()
    address = web.url("/org/Tiny-1B/resolve/main/model.safetensors?download=true")
    web.cut = [100_000]
    async with instance(hub, tmp_path) as lama:
        ended = await lama.ended(await lama.downloads.add_import(address, insecure_http=True))
        assert (ended.state, ended.ref) == ("done", "Tiny-1B"), ended.error
        assert {"config.json", "tokenizer.json"} <= {heard.now for heard in lama.seen} | {
            urlsplit(path).path.rpartition("/")[2] for path, _ in web.asked
        }
    assert {path.name: path.read_bytes() for path in (models(tmp_path) / "Tiny-1B").iterdir()} == {
        path.name: path.read_bytes() for path in made.iterdir()
    }
    assert (await describe("Tiny-1B", Paths.from_environment({"LAMA_HOME": str(tmp_path / "lama")}))).usable


@pytest.mark.parametrize("beside", ["absent", "a page", pytest.param("huge", marks=pytest.mark.slow), "a shard"])
async def test_weights_alone_say_what_was_looked_for(web: Web, hub: TestHub, tmp_path: Path, beside: str) -> None:
    weights = (make_tiny_llama(tmp_path / "made") / "model.safetensors").read_bytes()
    name = "model-00001-of-00002.safetensors" if beside == "a shard" else "model.safetensors"
    web.files[f"/org/Tiny/resolve/main/{name}"] = weights
    web.files["/org/Tiny/resolve/main/config.json"] = b'{"model_type": "llama"}'
    if beside == "a page":
        web.files["/org/Tiny/resolve/main/tokenizer.json"] = b"<!doctype html><p>Sign in"
    elif beside == "huge":
        web.files["/org/Tiny/resolve/main/tokenizer.json"] = b"{" + b" " * (65 << 20) + b"}"
    async with instance(hub, tmp_path) as lama:
        ended = await lama.ended(
            await lama.downloads.add_import(web.url(f"/org/Tiny/resolve/main/{name}"), name="x", insecure_http=True)
        )
        assert ended.state == "failed" and ended.error is not None
        said = str(ended.error)
        expected = {"absent": "HTTP 404", "a page": "a web page", "huge": "larger than 64 MiB", "a shard": "several"}
        assert expected[beside] in said and "`lama pull org/Tiny`" in said
        assert beside == "a shard" or "tokenizer.json was looked for" in said
    assert left(tmp_path) == []


async def test_who_was_killed_behind_the_end_is_not_asked_to_begin_again(
    web: Web, hub: TestHub, gguf: bytes, tmp_path: Path
) -> None:
    web.files["/m-Q4.gguf"] = gguf
    async with instance(hub, tmp_path) as lama:
        job = await lama.downloads.add_import(web.url("/m-Q4.gguf"), insecure_http=True)
        await lama.ended(job)
        async with lama.database.transaction() as connection:  # what a kill before the last write leaves
            await connection.execute("UPDATE jobs SET state = 'queued', owner = 'gone-1'")
        lama.seen.clear()
        assert job == await lama.downloads.add_import(web.url("/m-Q4.gguf"), insecure_http=True)
        ended = await lama.ended(job)
        assert (ended.state, ended.error, len(web.asked)) == ("done", None, 1)


async def test_who_was_killed_before_it_was_recorded_is_recorded(hub: TestHub, tmp_path: Path) -> None:
    """The model has its name, the table knows nothing of it, and whoever takes over the job sees that it is done."""
    source = make_tiny_llama(tmp_path / "Tiny")
    target = Target(models(tmp_path), "mine")
    async with instance(hub, tmp_path) as lama:
        await JobTable(lama.database).add("import", "mine", str(source), "", JobOptions())
        target.begin()
        made = shutil.copytree(source, target.folder / "model")
        digest = sha256((made / "config.json").read_bytes()).hexdigest()
        record = {"source": str(source), "revision": "r", "files": [("config.json", 1, digest)]}
        target.save(made, record, Work(threading.Event(), None, asyncio.get_running_loop()))
        target.finish(made)
        target.release()  # as the system does when a process ends
        (job,) = await lama.downloads.jobs()
        ended = await lama.ended(job.id)
        assert (ended.state, ended.error) == ("done", None)
        table = SnapshotTable(lama.database)
        assert [(each.ref, each.revision) for each in await table.all()] == [("mine", "r")]
        assert [file.hash for file in await table.files("mine", "r")] == [digest]
    assert left(tmp_path) == ["mine"]


KILLED = """
import asyncio, sys
from pathlib import Path
from lama_tui.library.importing import filling
from lama_tui.library.importing.copying import copy_file
from tests.library.downloading import instance
from tests.library.hub import TestHub

def copy(folder, file, to, work):
    if file.path != "z.bin":
        return copy_file(folder, file, to, work)
    to.write_bytes(b"half of it")
    sys.stdin.read()

filling.copy_file = copy

async def main(home, source):
    with TestHub() as hub:
        async with instance(hub, Path(home)) as lama:
            await lama.downloads.add_import(source)
            await asyncio.Event().wait()

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("what", ["address", "folder"])
async def test_who_is_killed_is_taken_over(web: Web, hub: TestHub, tmp_path: Path, what: str) -> None:
    """kill -9 of the owner (`lama import ADDRESS`, or another queue): another one goes on, at the byte for an address,
    without what a copy had left."""
    data = big_gguf(tmp_path, 64 << 20)
    web.files["/m-Q4.gguf"], web.hold, web.cut = data, threading.Event(), [24 << 20]
    folder = make_tiny_llama(tmp_path / "m-Q4")
    (folder / "z.bin").write_bytes(b"all of it, which never comes")
    if what == "address":
        command = ["-m", "lama_tui", "import", web.url("/m-Q4.gguf"), "--insecure-http"]
    else:
        command = ["-c", KILLED, str(tmp_path), str(folder)]
    piped = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen([sys.executable, *command], **piped) as process:  # noqa: ASYNC220
        if what == "address":
            await came(tmp_path, 24 << 20)
        else:
            async with asyncio.timeout(60):
                while not list(models(tmp_path).glob(".import-*/model/z.bin")):  # noqa: ASYNC110
                    await asyncio.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    web.cut = []
    web.hold.set()
    (folder / "z.bin").unlink()
    assert left(tmp_path) and all(name.startswith(".") for name in left(tmp_path))
    async with instance(hub, tmp_path) as lama:
        (job,) = await lama.downloads.jobs()
        assert (await lama.ended(job.id)).state == "done"
    assert left(tmp_path) == ["m-Q4"] and unfinished(models(tmp_path)) == []
    if what == "address":
        assert (models(tmp_path) / "m-Q4" / "m-Q4.gguf").read_bytes() == data
        first, *rest = [wanted for _, wanted in web.asked]
        assert first is None and set(rest) == {f"bytes={24 << 20}-"}


@pytest.mark.slow
async def test_a_full_disk_is_waited_for(web: Web, hub: TestHub, gguf: bytes, tmp_path: Path) -> None:
    """It says so, and goes on when there is room, without what came being fetched again."""
    folder = models(tmp_path)
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)]
    if os.geteuid() or sys.platform != "linux" or subprocess.run(mount, capture_output=True).returncode:  # noqa: ASYNC221
        pytest.skip("mounting needs root on Linux")
    try:
        (folder / "other").write_bytes(bytes(3_000_000))
        web.files["/m-Q4.gguf"] = gguf
        async with instance(hub, tmp_path) as lama:
            job = await lama.downloads.add_import(web.url("/m-Q4.gguf"), insecure_http=True)
            waits = await lama.until(job, lambda now: now.state == "waiting")
            assert "too little space" in waits.why
            (folder / "other").unlink()
            await lama.downloads.retry(job)
            assert (await lama.ended(job)).state == "done"
        assert left(tmp_path) == ["m-Q4"]
    finally:
        subprocess.run(["umount", str(folder)], check=True)  # noqa: ASYNC221
