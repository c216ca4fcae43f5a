"""Imports from this machine: folders and GGUF files, copied and linked, and what is refused."""

import asyncio
import os
import pickle
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import pytest
from gguf_files import write_gguf

from lama_tui.errors import LamaError, ModelError, ModelIntegrityError, StoreError
from lama_tui.library.importing import filling
from lama_tui.library.importing.contents import SourceFile, list_files
from lama_tui.library.importing.copying import copy_file
from lama_tui.library.importing.imports import Imported, Imports
from lama_tui.library.importing.target import Busy, Target, unfinished
from lama_tui.library.importing.work import ImportProgress, Work
from lama_tui.library.installed import describe, installed_models, resolve
from lama_tui.library.snapshot_table import SnapshotTable
from lama_tui.library.storage.record_table import RecordTable
from lama_tui.library.verify.hashing import Stopped
from lama_tui.paths import Paths
from lama_tui.store.database import Database
from tests.models import make_tiny_llama


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    opened = await Database.open(Paths.from_environment())
    yield opened
    await opened.close()


@pytest.fixture
def paths() -> Paths:
    return Paths.from_environment()


@pytest.fixture
def imports(paths: Paths, database: Database) -> Imports:
    async def table() -> SnapshotTable:
        return SnapshotTable(database)

    return Imports(paths, table)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return make_tiny_llama(tmp_path / "elsewhere" / "Tiny-1B")


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def nothing_left(paths: Paths) -> bool:
    return not paths.models.exists() or not list(paths.models.iterdir())


async def refused(imports: Imports, source: Path, paths: Paths, **options: object) -> str:
    with pytest.raises(LamaError) as raised:
        await imports.add(source, **options)  # type: ignore[arg-type]
    assert nothing_left(paths), list(paths.models.iterdir())
    assert raised.value.title and raised.value.detail is not None
    return str(raised.value)


async def test_a_folder_becomes_a_model(imports: Imports, paths: Paths, model: Path, database: Database) -> None:
    (model / ".git").mkdir()
    (model / ".git" / "config").write_text("hidden")
    (model / "sub").mkdir()
    (model / "sub" / "note.txt").write_text("kept")
    told: list[ImportProgress] = []
    done = await imports.add(model, watch=told.append)
    assert (done.ref, done.path, done.source) == ("Tiny-1B", paths.models / "Tiny-1B", str(model))
    copied, original = contents(done.path), contents(model)
    del original[".git/config"]
    assert copied == original
    assert (await resolve("Tiny-1B", paths)).folder == str(done.path)
    table = SnapshotTable(database)
    (snapshot,) = await table.all()
    assert (snapshot.ref, snapshot.revision, snapshot.kind) == ("Tiny-1B", done.revision, "import")
    assert (snapshot.source, snapshot.path) == (str(model), str(done.path))
    files = await table.files("Tiny-1B", done.revision)
    assert {file.path: file.hash for file in files} == {k: sha256(v).hexdigest() for k, v in copied.items()}
    assert told and all(progress.total is None or progress.done <= progress.total for progress in told)
    assert [entry.name for entry in paths.models.iterdir()] == ["Tiny-1B"]


async def test_a_snapshot_of_the_hubs_cache_is_copied_whole(
    imports: Imports, paths: Paths, model: Path, tmp_path: Path
) -> None:
    snapshot = tmp_path / "snapshots" / "0"
    snapshot.mkdir(parents=True)
    for file in list(model.iterdir()):  # noqa: ASYNC240
        (snapshot / file.name).symlink_to(file)
    done = await imports.add(snapshot, name="from-cache")
    assert not any(file.is_symlink() for file in done.path.iterdir())
    assert contents(done.path) == contents(model)


async def test_a_linked_folder_stays_where_it_is(imports: Imports, paths: Paths, model: Path) -> None:
    done = await imports.add(model, link=True)
    assert done.linked and done.path.is_symlink() and done.path.resolve() == model
    assert [m.ref for m in await installed_models(paths)] == ["guide", "Tiny-1B"]
    assert (await describe("Tiny-1B", paths)).usable


async def test_a_gguf_file_becomes_a_model(imports: Imports, paths: Paths, tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "Some-Q4_K_M.gguf")
    done = await imports.add(file, sha256=sha256(file.read_bytes()).hexdigest().upper())
    assert contents(done.path) == {"Some-Q4_K_M.gguf": file.read_bytes()}
    linked = await imports.add(file, name="linked", link=True)
    assert (linked.path / file.name).is_symlink()
    file.rename(nameless := tmp_path / "download")
    third = await imports.add(nameless, name="third")
    assert [f.path for f in third.files] == ["download.gguf"]
    for ref in ("Some-Q4_K_M", "third"):
        found = await describe(ref, paths)
        assert (found.format, found.quantization, found.size) == ("gguf", "Q4_K_M", nameless.stat().st_size)


async def test_another_hash_is_refused(imports: Imports, paths: Paths, tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "x.gguf")
    with pytest.raises(ModelIntegrityError, match="SHA-256"):
        await imports.add(file, sha256="0" * 64)
    assert nothing_left(paths)


async def test_collisions_are_told(imports: Imports, paths: Paths, model: Path) -> None:
    await imports.add(model)
    for name in ("", "Tiny-1B", "tiny-1b"):
        with pytest.raises(ModelError, match="already") as raised:
            await imports.add(model, name=name)
        assert "--name" in raised.value.hint
    for name in ("guide", "a/b", "a:b", ".x", "-x", "x.gguf", "x" * 200, "a\x1b", " a", ".."):
        with pytest.raises(ModelError, match="is no name"):
            await imports.add(model, name=name)
    with pytest.raises(ModelError, match="own models"):
        await imports.add(paths.models / "Tiny-1B", name="again")
    assert [entry.name for entry in paths.models.iterdir()] == ["Tiny-1B"]


async def test_of_two_with_one_name_one_wins(imports: Imports, paths: Paths, model: Path, database: Database) -> None:
    ends = await asyncio.gather(*(imports.add(model, name="same") for _ in range(3)), return_exceptions=True)
    assert sorted(isinstance(end, Imported) for end in ends) == [False, False, True]
    assert all(isinstance(end, Imported | ModelError | Busy) for end in ends)  # at work, or there already
    assert [entry.name for entry in paths.models.iterdir()] == ["same"]
    assert contents(paths.models / "same") == contents(model)
    assert len(await SnapshotTable(database).all()) == 1


async def test_stopped_at_any_moment_it_is_there_and_recorded_or_neither(
    imports: Imports, paths: Paths, model: Path, database: Database
) -> None:
    ends = set()
    for moment in range(24):
        running = asyncio.create_task(imports.add(model, name="tiny"))
        await asyncio.sleep(moment / 2000)
        running.cancel()
        (end,) = await asyncio.gather(running, return_exceptions=True)
        there = [path.name for path in paths.models.iterdir()] if paths.models.exists() else []
        assert there == [known.ref for known in await SnapshotTable(database).all()]
        assert isinstance(end, asyncio.CancelledError) or there
        ends.add(bool(there))
        if there:
            shutil.rmtree(paths.models / "tiny")
            await RecordTable(database).forget("tiny", None)
    assert False in ends


async def test_cancelled_as_it_tidies_up_nothing_but_the_model_stays(
    imports: Imports, paths: Paths, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tidies, go, end = threading.Event(), threading.Event(), Target.end

    def held(target: Target) -> None:
        tidies.set()
        go.wait(60)
        end(target)

    monkeypatch.setattr(Target, "end", held)
    adding = asyncio.create_task(imports.add(model, name="tiny"))
    await asyncio.to_thread(tidies.wait, 60)
    adding.cancel()
    asyncio.get_running_loop().call_later(0.05, go.set)
    with pytest.raises(asyncio.CancelledError):
        await adding
    assert [path.name for path in paths.models.iterdir()] == ["tiny"]


async def test_what_cannot_be_recorded_is_not_kept(
    paths: Paths, model: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def table() -> SnapshotTable:
        return SnapshotTable(database)

    begun, closed, loop = asyncio.Event(), threading.Event(), asyncio.get_running_loop()

    def copy(folder: Path, file: SourceFile, to: Path, work: Work) -> str:
        loop.call_soon_threadsafe(begun.set)
        assert closed.wait(20)
        return copy_file(folder, file, to, work)

    monkeypatch.setattr(filling, "copy_file", copy)
    running = asyncio.create_task(Imports(paths, table).add(model))
    await asyncio.wait_for(begun.wait(), 20)
    await database.close()  # it was open when the import began
    closed.set()
    with pytest.raises(StoreError):
        await running
    assert nothing_left(paths)


async def test_pickles_are_refused_whatever_they_are_called(imports: Imports, paths: Paths, model: Path) -> None:
    for name in ("weights.bin", "notes.txt", "model-2.safetensors", "deep/tokenizer.model"):
        (model / name).parent.mkdir(exist_ok=True)
        (model / name).write_bytes(pickle.dumps({"a": 1}, 4))
        said = await refused(imports, model, paths)
        assert "pickle" in said and name in said and "safetensors or GGUF" in said
        assert "pickle" in await refused(imports, model, paths, link=True)
        assert "pickle" in await refused(imports, model / name, paths)
        (model / name).unlink()


async def test_what_is_no_model_says_what_is_missing(
    imports: Imports, paths: Paths, model: Path, tmp_path: Path
) -> None:
    said = await refused(imports, model / "model.safetensors", paths)
    assert "config.json" in said and "tokenizer" in said
    (model / "tokenizer.json").unlink()
    assert "tokenizer" in await refused(imports, model, paths)
    (page := tmp_path / "x.gguf").write_text("<!DOCTYPE html>Sign in")
    assert "a web page" in await refused(imports, page, paths)
    (cut := write_gguf(tmp_path / "cut.gguf")).write_bytes(cut.read_bytes()[:-10])
    assert "cut short" in await refused(imports, cut, paths)
    (text := tmp_path / "x.txt").write_text("hello")
    assert "no model" in await refused(imports, text, paths)
    (tmp_path / "void").mkdir()
    await refused(imports, tmp_path / "void", paths)
    await refused(imports, tmp_path / "absent", paths)


async def test_what_is_no_plain_file_is_refused(imports: Imports, paths: Paths, model: Path) -> None:
    os.mkfifo(model / "pipe")
    assert "pipe" in await refused(imports, model, paths)
    assert "pipe" in await refused(imports, model / "pipe", paths)
    (model / "pipe").unlink()
    (model / "zero").symlink_to("/dev/zero")
    assert "device" in await refused(imports, model, paths)
    assert "device" in await refused(imports, Path("/dev/zero"), paths)
    (model / "zero").unlink()
    (model / "loop").symlink_to("loop")
    await refused(imports, model, paths)
    (model / "loop").unlink()
    (model / "round").symlink_to(model, target_is_directory=True)
    assert "link to a folder" in await refused(imports, model, paths)
    (model / "round").unlink()
    (model / "a\x1b[31mred").write_text("x")
    assert "\x1b" not in await refused(imports, model, paths)


async def test_a_huge_sparse_file_is_refused_before_it_is_copied(imports: Imports, paths: Paths, model: Path) -> None:
    with (model / "huge.bin").open("wb") as file:
        file.truncate(1 << 43)
    assert "too little space" in await refused(imports, model, paths)


async def test_a_folder_that_changes_meanwhile_is_refused(
    imports: Imports, paths: Paths, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told_in: set[int] = set()

    def copy(folder: Path, file: SourceFile, to: Path, work: Work) -> str:
        (model / "more.txt").write_text("x")
        return copy_file(folder, file, to, work)

    monkeypatch.setattr(filling, "copy_file", copy)
    with pytest.raises(ModelError, match="changed"):
        await imports.add(model, watch=lambda told: told_in.add(threading.get_ident()))
    assert nothing_left(paths)
    assert told_in == {threading.get_ident()}  # that of the event loop


async def test_a_cancelled_import_leaves_nothing(
    imports: Imports, paths: Paths, model: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    (model / "z.bin").write_bytes(bytes(10_000_000))
    begun, loop, stopped = asyncio.Event(), asyncio.get_running_loop(), []

    def copy(folder: Path, file: SourceFile, to: Path, work: Work) -> str:
        if file.path == "z.bin":  # the last one
            loop.call_soon_threadsafe(begun.set)
            assert work._stop.wait(20)
        try:
            return copy_file(folder, file, to, work)
        except Stopped:
            stopped.append(file.path)
            raise

    monkeypatch.setattr(filling, "copy_file", copy)
    running = asyncio.create_task(imports.add(model))
    await asyncio.wait_for(begun.wait(), 20)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert stopped == ["z.bin"]
    assert nothing_left(paths)
    assert await SnapshotTable(database).all() == []


KILLED = """
import asyncio, sys
from pathlib import Path
from lama_tui.library.importing import filling
from lama_tui.library.importing.copying import copy_file
from lama_tui.library.importing.imports import Imports
from lama_tui.library.snapshot_table import SnapshotTable
from lama_tui.paths import Paths
from lama_tui.store.database import Database

def copy(folder, file, to, work):
    if file.path != "z.bin":
        return copy_file(folder, file, to, work)
    to.write_bytes(b"half of it")
    print("copying", flush=True)
    sys.stdin.read()

filling.copy_file = copy

async def main():
    paths = Paths.from_environment()
    database = await Database.open(paths)
    async def table(): return SnapshotTable(database)
    await Imports(paths, table).add(Path(sys.argv[1]))

asyncio.run(main())
"""


async def test_a_kill_leaves_nothing_that_is_taken_for_a_model(paths: Paths, model: Path, imports: Imports) -> None:
    (model / "z.bin").write_bytes(b"all of it, which never comes")
    command = [sys.executable, "-c", KILLED, str(model)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # noqa: ASYNC220
        assert process.stdout is not None
        assert process.stdout.readline() == b"copying\n"
        assert unfinished(paths.models) == [], "somebody works on it"
        process.send_signal(signal.SIGKILL)
    (left,) = paths.models.iterdir()
    assert unfinished(paths.models) == [left]
    assert [m.ref for m in await installed_models(paths)] == ["guide"]
    (model / "z.bin").unlink()
    done = await imports.add(model)
    assert isinstance(done, Imported) and (await describe(done.ref, paths)).usable
    assert not left.exists(), "what was left takes room twice"


def mounted(folder: Path) -> bool:
    """Mount a disk of eight megabytes; only root on Linux may."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    return not os.geteuid() and sys.platform == "linux" and not subprocess.run(command, capture_output=True).returncode


async def test_a_full_disk_is_told_and_left_clean(tmp_path: Path, model: Path, database: Database) -> None:
    if not mounted(disk := tmp_path / "small"):
        pytest.skip("mounting needs root on Linux")
    try:
        real = Paths.from_environment()
        small = Paths(real.config, disk / "data", real.state, real.cache)

        async def table() -> SnapshotTable:
            return SnapshotTable(database)

        (model / "z.bin").write_bytes(os.urandom(9_000_000))
        assert "too little space" in await refused(Imports(small, table), model, small)
        # what nobody could foresee: it fills up while files are copied
        file = list_files(model, work := Work(threading.Event(), None, asyncio.get_running_loop()))[-1]
        assert file.path == "z.bin"
        with pytest.raises(ModelError, match="disk is full"):
            copy_file(model, file, disk / "copy", work)
        (disk / "copy").unlink()
        (model / "z.bin").unlink()
        assert (await Imports(small, table).add(model)).size
    finally:
        await asyncio.to_thread(subprocess.run, ["umount", "-l", str(disk)])


async def test_an_unreadable_file_is_named(paths: Paths, model: Path, imports: Imports) -> None:
    if not os.geteuid():
        pytest.skip("root reads everything")
    (model / "secret.txt").write_text("x")
    (model / "secret.txt").chmod(0)
    assert "secret.txt" in await refused(imports, model, paths)
