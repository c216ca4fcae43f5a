"""Imports from addresses, over real connections to loopback."""

import asyncio
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from gguf_files import write_gguf
from web import Web, serving

from lama_tui.errors import ConnectionLost, DownloadError, LamaError, ModelIntegrityError, ProviderError, SignatureError
from lama_tui.library.importing.imports import Imported, Imports
from lama_tui.library.installed import describe, installed_models
from lama_tui.library.snapshot_table import SnapshotTable
from lama_tui.paths import Paths
from lama_tui.providers.fetch import Fetcher
from lama_tui.store.database import Database
from tests.engine.conftest import until
from tests.models import make_tiny_llama


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as web:
        yield web


@pytest.fixture
async def table() -> AsyncIterator[SnapshotTable]:
    database = await Database.open(Paths.from_environment())
    yield SnapshotTable(database)
    await database.close()


@pytest.fixture
def imports(table: SnapshotTable) -> Imports:
    async def snapshots() -> SnapshotTable:
        return table

    return Imports(Paths.from_environment(), snapshots)


@pytest.fixture
def gguf(tmp_path: Path) -> bytes:
    tensors = [("w", (1024, 1024), 0)]
    return write_gguf(tmp_path / "m.gguf", tensors=tensors, data=os.urandom(4 << 20)).read_bytes()


def fetch(imports: Imports, url: str, local_only: bool = False, **flags: Any) -> Coroutine[Any, Any, Imported]:
    return imports.fetch(url, Fetcher(local_only), **flags)


def left() -> list[Path]:
    models = Paths.from_environment().models
    return list(models.iterdir()) if models.exists() else []


async def test_a_gguf_file_is_fetched_and_recorded(
    imports: Imports, table: SnapshotTable, web: Web, gguf: bytes
) -> None:
    web.files["/dir/Some-Q4.gguf"] = gguf
    web.moved["/go"] = "/dir/Some-Q4.gguf?token=x"
    digest = sha256(gguf).hexdigest()
    told = []
    done = await fetch(
        imports,
        web.url("/dir/Some-Q4.gguf"),
        sha256=digest,
        insecure_http=True,
        watch=lambda now: told.append(now.step),
    )
    assert (done.ref, done.source) == ("Some-Q4", web.url("/dir/Some-Q4.gguf"))
    assert [(file.path, file.hash) for file in done.files] == [("Some-Q4.gguf", digest)]
    assert (done.path / "Some-Q4.gguf").read_bytes() == gguf
    assert [snapshot.source for snapshot in await table.all()] == [done.source]
    assert "fetching" in told
    redirected = await fetch(imports, web.url("/go"), insecure_http=True)
    assert redirected.ref == "go" and (await describe("go", Paths.from_environment())).format == "gguf"
    assert {path.name for path in left()} == {"go", "Some-Q4"}


async def test_an_archive_is_fetched_and_unpacked(imports: Imports, web: Web, tmp_path: Path) -> None:
    import shutil

    make_tiny_llama(tmp_path / "made")
    packed = await asyncio.to_thread(shutil.make_archive, str(tmp_path / "x"), "gztar", tmp_path / "made")
    web.files["/Tiny-1B.tar.gz"] = await asyncio.to_thread(Path(packed).read_bytes)
    web.chunked = True  # nobody says how long it is
    done = await fetch(imports, web.url("/Tiny-1B.tar.gz"), insecure_http=True)
    assert done.ref == "Tiny-1B" and (await describe(done.ref, Paths.from_environment())).usable
    assert left() == [done.path]


async def test_it_goes_on_at_the_byte(imports: Imports, web: Web, gguf: bytes) -> None:
    web.files["/m-Q4.gguf"] = gguf
    web.hold = threading.Event()
    web.cut = [1_500_000]
    running = asyncio.create_task(fetch(imports, web.url("/m-Q4.gguf"), insecure_http=True))
    await until(lambda: any(path.stat().st_size > 100_000 for folder in left() for path in folder.glob("part")))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    web.hold.set()
    (kept,) = left()
    came = (kept / "part").stat().st_size
    assert 0 < came <= 1_500_000
    assert [model.ref for model in await installed_models(Paths.from_environment())] == ["guide"]
    done = await fetch(imports, web.url("/m-Q4.gguf"), insecure_http=True)
    assert (done.path / "m-Q4.gguf").read_bytes() == gguf
    assert web.asked[-1] == ("/m-Q4.gguf", f"bytes={came}-")


@pytest.mark.parametrize("careless", [False, pytest.param(True, marks=pytest.mark.slow)])
async def test_what_changed_meanwhile_begins_anew(imports: Imports, web: Web, gguf: bytes, careless: bool) -> None:
    web.files["/m-Q4.gguf"], web.cut, web.careless = gguf[:-1000] + bytes(1000), [1_000_000], careless
    with pytest.raises(ConnectionLost, match="broke"):
        await fetch(imports, web.url("/m-Q4.gguf"), insecure_http=True)
    web.files["/m-Q4.gguf"], web.etags["/m-Q4.gguf"] = gguf, '"two"'
    if careless:
        with pytest.raises(ConnectionLost, match="changed"):
            await fetch(imports, web.url("/m-Q4.gguf"), insecure_http=True)
    done = await fetch(imports, web.url("/m-Q4.gguf"), insecure_http=True)
    assert (done.path / "m-Q4.gguf").read_bytes() == gguf
    assert len(web.asked) == 2 + careless


async def test_only_https_unless_it_is_asked(imports: Imports, web: Web, gguf: bytes) -> None:
    web.files["/m.gguf"] = gguf
    with pytest.raises(DownloadError, match="insecure-http"):
        await fetch(imports, web.url("/m.gguf"))
    for url in ("ftp://host/m.gguf", "file:///etc/passwd", "https://user:secret@host/m.gguf", "https:///m.gguf",
                "https://host/a b.gguf", "https://[/x.gguf", "https://h\x1b/x.gguf"):  # fmt: skip
        with pytest.raises(DownloadError) as raised:
            await fetch(imports, url, insecure_http=True)
        assert "secret" not in str(raised.value) and "\x1b" not in str(raised.value)
    assert web.asked == [] and left() == []


async def test_redirects_to_other_schemes_are_refused(imports: Imports, web: Web) -> None:
    for there in ("file:///etc/passwd", "ftp://127.0.0.1/m.gguf", "//", "http://192.0.2.1/m.gguf"):
        web.moved["/m.gguf"] = there
        with pytest.raises(DownloadError):
            await fetch(imports, web.url("/m.gguf"), name="x", insecure_http=True)
    web.moved["/m.gguf"] = "/m.gguf"
    with pytest.raises(DownloadError, match="circle"):
        await fetch(imports, web.url("/m.gguf"), name="x", insecure_http=True)
    assert [model.ref for model in await installed_models(Paths.from_environment())] == ["guide"]


async def test_local_only_sends_nothing(table: SnapshotTable) -> None:
    async def snapshots() -> SnapshotTable:
        return table

    imports = Imports(Paths.from_environment(), snapshots)
    with pytest.raises(ProviderError, match="Local only"):
        await fetch(imports, "https://models.example.org/m-Q4.gguf", local_only=True)


async def test_what_comes_decides(imports: Imports, web: Web, tmp_path: Path) -> None:
    weights = (make_tiny_llama(tmp_path / "made") / "model.safetensors").read_bytes()
    for data, said in (
        (b"<!doctype html><p>Sign in", "a web page"),
        (pickle.dumps({"a": 1}), "pickle"),
        (weights, "a safetensors file"),
        (b"hello", "text"),
        (b"", "empty"),
    ):
        web.files["/m-Q4.gguf"] = data
        with pytest.raises(LamaError) as raised:
            await fetch(imports, web.url("/m-Q4.gguf"), insecure_http=True)
        assert said in str(raised.value)
        assert left() == []
    with pytest.raises(ProviderError, match="404"):
        await fetch(imports, web.url("/absent.gguf"), insecure_http=True)


async def test_bad_files_are_refused_before_all_of_them_came(imports: Imports, web: Web) -> None:
    web.files["/m-Q4.gguf"] = b"<html>" + b"x" * 30_000_000
    with pytest.raises(LamaError, match="web page"):
        await fetch(imports, web.url("/m-Q4.gguf"), insecure_http=True)


async def test_another_hash_is_refused_and_forgotten(imports: Imports, web: Web, gguf: bytes) -> None:
    web.files["/m-Q4.gguf"] = gguf
    with pytest.raises(ModelIntegrityError):
        await fetch(imports, web.url("/m-Q4.gguf"), sha256="0" * 64, insecure_http=True)
    assert left() == []


async def test_what_came_is_kept_where_it_is_not_accepted(
    table: SnapshotTable, web: Web, gguf: bytes, tmp_path: Path
) -> None:
    """After all came and was unpacked or hashed, what fails, or is stopped, costs no second fetch."""
    refusals = [SignatureError("It is not signed", "", "")]

    async def snapshots() -> SnapshotTable:
        return table

    async def accept(ref: str, folder: Path) -> None:
        if refusals:
            raise refusals.pop()

    web.files["/m-Q4.gguf"], web.chunked, web.etags["/m-Q4.gguf"] = gguf, True, ""  # nothing to compare either
    imports = Imports(Paths.from_environment(), snapshots, accept)
    with pytest.raises(SignatureError):
        await fetch(imports, web.url("/m-Q4.gguf"), insecure_http=True)
    done = await fetch(imports, web.url("/m-Q4.gguf"), insecure_http=True)
    assert (done.path / "m-Q4.gguf").read_bytes() == gguf and left() == [done.path]
    assert len(web.asked) == 1


async def test_two_do_not_fetch_the_same_at_once(imports: Imports, web: Web, gguf: bytes) -> None:
    web.files["/m-Q4.gguf"], web.hold = gguf, threading.Event()
    first = asyncio.create_task(fetch(imports, web.url("/m-Q4.gguf"), insecure_http=True))
    await until(lambda: bool(web.asked))
    with pytest.raises(DownloadError, match="Another import"):
        await fetch(imports, web.url("/m-Q4.gguf"), insecure_http=True)
    web.hold.set()
    assert (await first).ref == "m-Q4"


@pytest.mark.slow
def test_it_goes_on_after_kills(web: Web, tmp_path: Path) -> None:
    """Nothing that was written is fetched twice, and in the end the file is right."""
    step = 10_000_000
    data = write_gguf(tmp_path / "m.gguf", tensors=[("w", (1024, 1024, 16), 0)], data=os.urandom(1 << 26)).read_bytes()
    web.files["/m-Q4.gguf"], web.hold, web.cut = data, threading.Event(), [step] * 4
    command = [sys.executable, "-m", "lama_tui", "import", web.url("/m-Q4.gguf"), "--insecure-http"]
    models = Paths.from_environment().models
    for kill in range(4):
        with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
            while sum(part.stat().st_size for part in models.glob(".import-*/part")) < kill * step + step // 2:
                assert process.poll() is None, process.stderr and process.stderr.read()
            process.kill()  # somewhere on the way to the byte where the server stops
        assert all(entry.name.startswith(".") for entry in models.iterdir())
    web.hold.set()
    assert subprocess.run(command).returncode == 0
    assert (models / "m-Q4" / "m-Q4.gguf").read_bytes() == data
    begins = [int((wanted or "bytes=0-")[6:-1]) for _, wanted in web.asked]
    assert len(begins) == 5 and begins == sorted(set(begins)) and left() == [models / "m-Q4"]
