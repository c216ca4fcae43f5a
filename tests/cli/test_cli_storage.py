"""What `ls` and `show` say of use, checks, newer revisions, speed and room."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from lama_tui.library.hub_cache import hub_cache_folder
from lama_tui.library.measurement_table import Measurement, MeasurementTable
from lama_tui.library.model_table import ModelTable
from lama_tui.library.updates.update import FileChange, Update
from lama_tui.library.updates.update_table import UpdateTable
from lama_tui.library.verify.check import Check
from lama_tui.library.verify.check_table import CheckTable
from lama_tui.paths import Paths
from lama_tui.store.database import Database
from tests.cli.conftest import Ended
from tests.library.cache_layout import commit_of, lay_out
from tests.library.hub import TestHub
from tests.models import make_tiny_llama

Lama = Callable[..., Ended]


def in_store(paths: Paths, work: Callable[[Database], Awaitable[None]]) -> None:
    async def run() -> None:
        database = await Database.open(paths)
        try:
            await work(database)
        finally:
            await database.close()

    asyncio.run(run())


@pytest.fixture
def model(paths: Paths) -> str:
    """A model of the hub with an old revision, used, pinned, checked, and with a newer one."""
    files = {path.name: path.read_bytes() for path in make_tiny_llama(paths.cache / "made").iterdir()}
    lay_out(hub_cache_folder(), "org/tiny", commit_of(1), files | {"model.safetensors": b"o" * 4096})
    lay_out(hub_cache_folder(), "org/tiny", commit_of(2), files, refs=("main",))

    async def known(database: Database) -> None:
        await ModelTable(database).note_use("org/tiny")
        await ModelTable(database).pin("org/tiny", True)
        await CheckTable(database).record("org/tiny", commit_of(2), Check("hashes", "ok", "all"))
        change = FileChange("model.safetensors", "changed", 9)
        await UpdateTable(database).found(Update("org/tiny", commit_of(2), commit_of(3), (change,), 9, checked=1))
        measurement = Measurement(
            "org/tiny", commit_of(2), "chip", "llama", 9, 32, 149_120, 64, 8, 900.0, 123.4, 9.0, 1, 5
        )
        await MeasurementTable(database).record(measurement)

    in_store(paths, known)
    return "org/tiny"


def test_ls_and_show_say_what_is_known(lama: Lama, model: str) -> None:
    (listed,) = [each for each in json.loads(lama("ls", "--json").out) if each["ref"] == model]
    assert (listed["pinned"], listed["verified"], listed["update"]) == (True, True, commit_of(3))
    assert listed["last_used"] > 1_600_000_000_000
    assert (listed["old_revisions"], listed["disk"]) == (4096, listed["size"] + 4096)
    row = next(line for line in lama("ls").out.splitlines() if line.startswith(model)).split()
    assert row[-5:] == ["just", "now", "yes", "yes", "yes"]

    shown = json.loads(lama("show", model, "--json").out)
    assert (shown["decode_tok_s"], shown["speed_source"]) == (123.4, "measured here")
    assert (shown["old_revisions"], shown["frees"], shown["verified"]) == ([commit_of(1)], listed["disk"], True)
    text = lama("show", model).out
    assert "123 tok/s, measured here" in text and "just now, pinned" in text and "4.0 KiB of old revisions" in text


def test_show_estimates_a_model_of_the_hub(lama: Lama, model: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with TestHub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        monkeypatch.setenv("HF_HUB_OFFLINE", "0")
        hub.add("org/like", make_tiny_llama(home / "like", seed=2), tags=("mlx",))
        hub.add("org/mixture", make_tiny_llama(home / "mixture", config={"num_local_experts": 8}), tags=("mlx",))
        shown = json.loads(lama("show", "org/like", "--json").out)
        assert shown["decode_tok_s"] == pytest.approx(123.4, rel=0.05)
        assert shown["speed_source"] == "from 1 run of 1 similar model"
        assert "tok/s, from 1 run of 1 similar model" in lama("show", "org/like").out
        assert json.loads(lama("show", "org/mixture", "--json").out)["decode_tok_s"] is None


def test_ls_ends_with_what_all_models_take(lama: Lama, model: str, paths: Paths) -> None:
    mine = paths.models / "mine"
    mine.mkdir(parents=True)
    weights = next(hub_cache_folder().glob(f"*/snapshots/{commit_of(2)}/model.safetensors"))
    (mine / "model.safetensors").symlink_to(weights)
    out = lama("ls").out
    assert "2 models: " in out and "of it shared and counted once" in out
    assert "4.0 KiB are old revisions (`lama rm REF --old-revisions`: org/tiny)" in out
    assert "quota" not in out


def test_over_the_quota_it_is_told_what_could_go(lama: Lama, model: str, paths: Paths) -> None:
    paths.config.mkdir(parents=True, exist_ok=True)
    paths.config_file.write_text('[library]\nquota = "1KiB"\nlow_disk = "100000TiB"\n')
    out = lama("ls").out
    assert "over the quota of 1.0 KiB" in out and "The disk runs low" in out
    assert "  lama rm org/tiny --old-revisions  4.0 KiB\n" in out
    assert "  lama rm org/tiny  " not in out  # it is pinned
    assert "`lama rm --clean`" in out and "c in the model browser" in out
    assert next(hub_cache_folder().glob(f"*/snapshots/{commit_of(1)}/model.safetensors")).exists()


def test_a_store_that_cannot_be_read_hides_no_model(lama: Lama, model: str, paths: Paths) -> None:
    paths.database.write_bytes(os.urandom(8192))
    for side in ("-wal", "-shm"):
        paths.database.with_name(paths.database.name + side).unlink(missing_ok=True)
    ended = lama("ls", "--json")
    (listed,) = [each for each in json.loads(ended.out) if each["ref"] == model]
    assert (listed["verified"], listed["last_used"], ended.code) == (None, None, 0)
    assert ended.err.startswith("lama: What is known of models") and ended.err.count("\n") == 1


def test_ls_makes_no_store(lama: Lama, paths: Paths) -> None:
    assert lama("ls").code == 0
    assert not paths.data.exists()
