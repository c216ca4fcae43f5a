"""Folders as nobody should have them: an answer each time, and never an exception, a wait or a wrong ok."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lama_tui.library.hub.values import HubFile
from lama_tui.library.installed import InstalledModel
from lama_tui.library.snapshot_table import SnapshotTable
from lama_tui.library.verify.check import LEVELS, Check
from lama_tui.library.verify.verification import Verification
from lama_tui.paths import Paths
from lama_tui.store.database import Database
from tests.library.cached import COMMIT, lay_in_cache
from tests.models import make_tiny_llama

REF = "org/tiny"


@pytest.fixture
async def database(home: Path) -> AsyncIterator[Database]:
    opened = await Database.open(Paths.from_environment())
    yield opened
    await opened.close()


async def verify(database: Database, path: Path, revision: str | None = COMMIT) -> dict[str, Check]:
    model = InstalledModel(REF, str(path), revision)
    async with asyncio.timeout(60):
        found = {check.level: check async for check in Verification(database).levels(model, deep=True)}
    assert tuple(found) == LEVELS
    return found


def pipe(at: Path) -> None:
    os.mkfifo(at)


def loop(at: Path) -> None:
    at.symlink_to(at.name)


def device(at: Path) -> None:
    at.symlink_to("/dev/zero")


@pytest.mark.parametrize("what", [pipe, loop, device, Path.mkdir])
@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
async def test_what_is_no_file_is_told(database: Database, tmp_path: Path, what: object, name: str) -> None:
    snapshot = lay_in_cache(REF, make_tiny_llama(tmp_path / "made"))
    link = snapshot / name
    blob = HubFile(name, link.stat().st_size, "sha256", "a" * 64)
    await SnapshotTable(database).record(REF, COMMIT, "hub", "http://127.0.0.1:1", str(snapshot), [blob])
    link.unlink()
    what(link)  # type: ignore[operator]
    found = await verify(database, snapshot)
    assert "failed" in (found["complete"].status, found["hashes"].status)
    assert found["generates"].status == "unknown"
    assert [each.path for each in found["hashes"].differences] == [name]


@pytest.mark.parametrize(
    "garbage", [b"", b"[]", b"\xff", b"[" * 100_000, b'{"weight_map": 3}', b'{"weight_map": {"a": 1}}']
)
async def test_an_index_of_garbage_is_told(database: Database, tmp_path: Path, garbage: bytes) -> None:
    folder = make_tiny_llama(tmp_path / "made")
    (folder / "model.safetensors.index.json").write_bytes(garbage)
    found = await verify(database, folder, None)
    assert found["complete"].status == "failed"
    assert [each.path for each in found["complete"].differences] == ["model.safetensors.index.json"]


async def test_an_index_that_leads_elsewhere_finds_nothing_there(database: Database, tmp_path: Path) -> None:
    folder = make_tiny_llama(tmp_path / "made")
    (tmp_path / "secret").write_text("x")
    index = {"weight_map": {"a": "../secret", "b": "/etc/passwd", "c": "\0", "d": "model.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    found = await verify(database, folder, None)
    assert {each.path for each in found["complete"].differences} == {"../secret", "/etc/passwd", "\0"}


async def test_names_that_nobody_should_give(database: Database, tmp_path: Path) -> None:
    names = [os.fsdecode(b"\xff\xfe"), "\x1b[2J", "[nope]", "ü" * 100, " ", "-rf"]
    snapshot = lay_in_cache(REF, make_tiny_llama(tmp_path / "made"))
    for name in names:
        (snapshot / name).write_text("x")
        (snapshot / f"{name}.safetensors").write_text("x")
        (snapshot / f"{name}.link").symlink_to(f"../../blobs/{'a' * 64}")
        assert (await verify(database, snapshot))["complete"].status == "failed"
        (snapshot / f"{name}.link").unlink()
    found = await verify(database, snapshot)
    assert {f"{name}.safetensors" for name in names} == {each.path for each in found["complete"].differences}


async def test_a_model_whose_name_is_no_text(database: Database, tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff\xfe")
    model = InstalledModel(name, str(make_tiny_llama(tmp_path / name)))
    found = [check.status async for check in Verification(database).levels(model, deep=True)]
    assert found[0] == "ok"


@pytest.mark.slow
async def test_a_record_of_ten_thousand_files_takes_seconds(database: Database, tmp_path: Path) -> None:
    folder = make_tiny_llama(tmp_path / "made")
    listing = [HubFile(f"n/{n}", 1, "sha256", f"{n:064x}") for n in range(10_000)]
    await SnapshotTable(database).record(REF, COMMIT, "hub", "http://127.0.0.1:1", str(folder), listing)
    found = await verify(database, folder)
    assert len(found["complete"].differences) == len(found["hashes"].differences) == 10_000
