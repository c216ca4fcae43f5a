"""Verifying: each level on its own, what differs by file, and what is remembered of it."""

import asyncio
import hashlib
import json
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from lama_tui.engine.architectures import supported
from lama_tui.library.downloads.job_table import JobOptions, JobTable
from lama_tui.library.hub.values import HubFile
from lama_tui.library.installed import InstalledModel, describe
from lama_tui.library.measurement_table import Measurement, MeasurementTable
from lama_tui.library.snapshot_table import SnapshotTable
from lama_tui.library.verify.check import LEVELS, Check, Difference, Level, Progress
from lama_tui.library.verify.check_table import CheckTable
from lama_tui.library.verify.facts import facts
from lama_tui.library.verify.verification import Verification
from lama_tui.paths import Paths
from lama_tui.store.database import Database
from tests.library.cached import COMMIT, lay_in_cache
from tests.library.gguf_files import write_gguf
from tests.library.hub_repos import files_in, store
from tests.models import make_tiny_llama

REF = "org/tiny"


@pytest.fixture
def paths(home: Path) -> Paths:
    return Paths.from_environment()


@pytest.fixture
async def database(paths: Paths) -> AsyncIterator[Database]:
    opened = await Database.open(paths)
    yield opened
    await opened.close()


async def levels(
    database: Database, ref: str, *, deep: bool = False, watch: Callable[[Progress], None] = lambda _: None
) -> dict[Level, Check]:
    model = await describe(ref, Paths.from_environment())
    return {check.level: check async for check in Verification(database).levels(model, deep=deep, watch=watch)}


def says(found: dict[Level, Check]) -> list[str]:
    assert tuple(found) == LEVELS
    return [check.status for check in found.values()]


async def fetched(database: Database, folder: Path) -> Path:
    """A model as lama itself fetches it: with its record in the store."""
    snapshot = lay_in_cache(REF, folder)
    files = [store(path, file, {}) for path, file in files_in(folder).items()]
    listing = [HubFile(f.path, f.size, "sha256" if f.lfs else "git-sha1", f.etag) for f in files]
    await SnapshotTable(database).record(REF, COMMIT, "hub", "http://127.0.0.1:1", str(snapshot), listing)
    return snapshot


def sharded(folder: Path) -> Path:
    """A model whose weights are in two files, with an index."""
    made = make_tiny_llama(folder)
    (made / "model.safetensors").rename(made / "model-00001-of-00002.safetensors")
    other = make_tiny_llama(folder.parent / f"{folder.name}-2", seed=2)
    (other / "model.safetensors").rename(made / "model-00002-of-00002.safetensors")
    names = [f"model-0000{n}-of-00002.safetensors" for n in (1, 2)]
    index = {"weight_map": {"a": names[0], "b": names[1]}}
    (made / "model.safetensors.index.json").write_text(json.dumps(index))
    return made


async def test_a_model_that_is_right_is_so_at_every_level_that_was_looked_at(
    database: Database, tmp_path: Path
) -> None:
    snapshot = await fetched(database, make_tiny_llama(tmp_path / "made"))
    assert says(await levels(database, REF)) == ["ok", "unknown", "ok", "unknown", "unknown"]
    seen: list[Progress] = []
    deep = await levels(database, REF, deep=True, watch=seen.append)
    assert says(deep) == ["ok", "ok", "ok", "unknown", "unknown"]
    assert "kept when it was fetched" in deep["hashes"].detail and "list kept" in deep["complete"].detail
    assert "safetensors, llama" in deep["supported"].detail
    # what was compared stays known, without reading again, until a file is written
    again = await levels(database, REF)
    assert again["hashes"].status == "ok" and "compared on" in again["hashes"].detail
    assert (await facts(database, REF, COMMIT)).verified is True
    os.utime(snapshot / "config.json", (1, 1))
    touched = await levels(database, REF)
    assert touched["hashes"].status == "unknown"
    assert [each.path for each in touched["hashes"].differences] == ["config.json"] and "--deep" in touched[
        "hashes"
    ].hint
    assert (await facts(database, REF, COMMIT)).verified is None


async def test_a_flipped_byte_is_found_in_the_file_where_it_is(database: Database, tmp_path: Path) -> None:
    snapshot = await fetched(database, make_tiny_llama(tmp_path / "made"))
    weights = snapshot / "model.safetensors"
    raw = bytearray(weights.read_bytes())
    raw[-5] ^= 1
    weights.write_bytes(raw)
    found = await levels(database, REF, deep=True)
    assert says(found) == ["ok", "failed", "ok", "unknown", "unknown"]
    assert [(d.path, d.what) for d in found["hashes"].differences] == [
        ("model.safetensors", "differs from what was published")
    ]
    assert f"lama pull {REF}" in found["hashes"].hint
    assert "hashes failed" in found["generates"].detail  # what was tampered with is not run
    assert (await facts(database, REF, COMMIT)).verified is False
    # known to be wrong without reading it again, by this revision's own record
    assert (await levels(database, REF))["hashes"].status == "failed"
    bad = [file.path for file in await SnapshotTable(database).files(REF, COMMIT) if file.ok is False]
    assert bad == ["model.safetensors"]


@pytest.mark.parametrize("kept", [True, False], ids=["by the record", "by the header alone"])
async def test_a_truncated_file_is_not_complete(database: Database, tmp_path: Path, kept: bool) -> None:
    made = make_tiny_llama(tmp_path / "made")
    snapshot = await fetched(database, made) if kept else lay_in_cache(REF, made)
    size = (snapshot / "model.safetensors").stat().st_size
    os.truncate(snapshot / "model.safetensors", size - 4)
    found = await levels(database, REF)
    assert found["complete"].status == "failed" and found["supported"].status == "unknown"
    said = found["complete"].differences[0].what
    assert (f"instead of {size:,}" if kept else "is cut short") in said
    assert f"lama pull {REF}" in found["complete"].hint


async def test_a_missing_shard_is_named(database: Database, tmp_path: Path) -> None:
    snapshot = lay_in_cache(REF, sharded(tmp_path / "made"))
    assert (await levels(database, REF))["complete"].status == "ok"
    (snapshot / "model-00002-of-00002.safetensors").unlink()
    found = await levels(database, REF)
    assert [d.path for d in found["complete"].differences] == ["model-00002-of-00002.safetensors"]
    (snapshot / "model-00001-of-00002.safetensors").resolve().unlink()  # the blob: its link leads nowhere
    found = await levels(database, REF)
    assert len(found["complete"].differences) == 2 and "leads nowhere" in found["complete"].differences[0].what


@pytest.mark.parametrize(
    ("garbage", "said"),
    [
        *((b"", "cut short"), (b"\xff" * 64, "cut short")),
        *((b"version https://git-lfs", "LFS pointer"), (b"\x02" + b"\0" * 7 + b"[]", "header")),
    ],
)
async def test_a_wrong_header_is_told(database: Database, paths: Paths, garbage: bytes, said: str) -> None:
    folder = make_tiny_llama(paths.models / "own")
    (folder / "model.safetensors").write_bytes(garbage)
    found = await levels(database, "own", deep=True)
    assert says(found) == ["failed", "unknown", "unknown", "unknown", "unknown"]
    assert said in found["complete"].detail


async def test_what_other_tools_fetched_is_compared_with_the_names_of_its_blobs(
    database: Database, tmp_path: Path
) -> None:
    snapshot = lay_in_cache(REF, make_tiny_llama(tmp_path / "made"))
    found = await levels(database, REF, deep=True)
    assert found["hashes"].status == "ok" and "names of the blobs" in found["hashes"].detail
    assert (await levels(database, REF))["hashes"].status == "ok"  # remembered, although lama did not fetch it
    (snapshot / "config.json").write_text((snapshot / "config.json").read_text() + " ")
    found = await levels(database, REF, deep=True)
    assert [d.path for d in found["hashes"].differences] == ["config.json"]
    # what was found before its hashes were looked at for the first time counts too
    broken = lay_in_cache("org/broken", sharded(tmp_path / "other"))
    (broken / "model-00001-of-00002.safetensors").unlink()
    found = await levels(database, "org/broken", deep=True)
    assert (found["complete"].status, found["hashes"].status) == ("failed", "ok")
    assert (await facts(database, "org/broken", COMMIT)).verified is False


async def test_a_folder_without_a_record_is_not_said_to_be_right(database: Database, paths: Paths) -> None:
    make_tiny_llama(paths.models / "own")
    found = await levels(database, "own", deep=True)
    assert says(found) == ["ok", "unknown", "ok", "unknown", "unknown"]
    assert "nothing to compare" in found["hashes"].detail
    assert (await facts(database, "own", "")).verified is None


async def test_an_import_is_compared_with_what_was_kept_of_it(database: Database, paths: Paths) -> None:
    folder = make_tiny_llama(paths.models / "own")
    listing = [
        HubFile(path, file.stat().st_size, "sha256", hashlib.sha256(file.read_bytes()).hexdigest())
        for path, file in files_in(folder).items()
    ]
    await SnapshotTable(database).record("own", "f" * 64, "import", "/somewhere", str(folder), listing)
    assert (await levels(database, "own", deep=True))["hashes"].status == "ok"
    (folder / "tokenizer.json").write_bytes(b"{}")
    found = await levels(database, "own")
    assert found["complete"].status == found["hashes"].status == "failed"
    assert "import it again" in found["complete"].hint


async def test_what_this_backend_cannot_run_is_told(database: Database, paths: Paths, tmp_path: Path) -> None:
    make_tiny_llama(paths.models / "strange", config={"model_type": "quux9"})
    found = await levels(database, "strange")
    assert found["supported"].status == "failed" and "quux9" in found["supported"].detail
    found = await levels(database, str(write_gguf(tmp_path / "a.gguf")), deep=True)
    assert says(found) == ["ok", "unknown", "failed", "unknown", "unknown"]


async def test_of_a_gguf_repo_each_model_has_its_own_files(database: Database, tmp_path: Path) -> None:
    made = {f"m-{name}.gguf": write_gguf(tmp_path / f"m-{name}.gguf") for name in ("Q4_K_M", "Q8_0")}
    made["m-Q8_0.gguf"].write_bytes(made["m-Q8_0.gguf"].read_bytes() + b"\0" * 32)
    snapshot = lay_in_cache(REF, dict(made))
    one, other = f"{REF}/m-Q4_K_M.gguf", f"{REF}/m-Q8_0.gguf"
    for ref in (one, other):
        assert says(await levels(database, ref, deep=True))[:3] == ["ok", "ok", "failed"]
    weights = (snapshot / "m-Q8_0.gguf").resolve()
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    assert (await levels(database, one, deep=True))["hashes"].status == "ok"
    assert [d.path for d in (await levels(database, other, deep=True))["hashes"].differences] == ["m-Q8_0.gguf"]
    os.truncate((snapshot / "m-Q4_K_M.gguf").resolve(), 400)
    assert (await levels(database, one))["complete"].status == "failed"


def test_architectures_are_those_of_mlx_lm_and_nothing_is_imported_for_it() -> None:
    assert supported("llama") and supported("mistral") and supported("phi-msft")
    assert supported("../utils") is False and supported("quux9") is False


async def test_a_measured_speed_is_told(database: Database, paths: Paths) -> None:
    make_tiny_llama(paths.models / "own")
    measured = Measurement("own", "", "cpu", "llama", 1, 32, 1, 512, 64, 90.0, 12.34, 5.0, 1, 77)
    await MeasurementTable(database).record(measured)
    found = await levels(database, "own")
    assert (found["benchmarked"].status, found["benchmarked"].detail) == ("ok", "12.3 tok/s on cpu")


async def test_hashing_is_stopped_between_two_reads(database: Database) -> None:
    snapshot = lay_in_cache(REF, {"extra.bin": b"x"})
    os.truncate((snapshot / "extra.bin").resolve(), 1 << 37)  # a hole: a minute of hashing
    started = asyncio.Event()
    checking = asyncio.create_task(levels(database, REF, deep=True, watch=lambda _: started.set()))
    await asyncio.wait_for(started.wait(), 20)
    checking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(checking, 20)
    assert [file.checked for file in await SnapshotTable(database).files(REF, COMMIT)] == [None]


async def test_what_was_found_is_kept_with_its_files_and_cut_where_it_is_endless(database: Database) -> None:
    table = CheckTable(database)
    many = tuple(Difference(f"{n}\x1b[2J[/x]", "differs") for n in range(500))
    kept = await table.record("a", "", Check("hashes", "failed", "all", many, "do"))
    assert kept.at is not None
    back = (await table.of("a", ""))["hashes"]
    assert back.differences == many[:100] and back.hint == "do"
    assert (await table.all())["a", ""]["hashes"] == back
    await table.forget("a", "")
    assert await table.all() == {}


async def test_models_that_are_gone_are_told(database: Database) -> None:
    gone = InstalledModel("gone", "/nowhere/at/all")
    found = {check.level: check async for check in Verification(database).levels(gone)}
    assert found["complete"].status == "failed" and "not there" in found["complete"].detail


async def test_what_is_still_being_downloaded_has_not_failed(database: Database, tmp_path: Path) -> None:
    snapshot = lay_in_cache(REF, sharded(tmp_path / "made"))
    (snapshot / "model-00002-of-00002.safetensors").unlink()  # as other tools lay it out: files come one by one
    jobs = JobTable(database)
    job = await jobs.add("download", REF, "https://hub.example", "main", JobOptions())
    for deep in (False, True):
        found = await levels(database, REF, deep=deep)
        assert says(found) == ["unknown"] * 5 and found["complete"].detail == "Still being downloaded"
    await jobs.wish(job, "cancel", frozenset())
    await jobs.forget(job)
    assert (await levels(database, REF))["complete"].status == "failed"
