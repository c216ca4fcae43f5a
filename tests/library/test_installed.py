"""The models on this machine: the guide, the hub's cache in its own layout, `data/models/`."""

import shutil
from dataclasses import fields
from pathlib import Path

import pytest
from test_inspect import write_model, write_safetensors

from lama_tui.engine.fit import HEADROOM
from lama_tui.errors import ModelFormatError, ModelNotFoundError
from lama_tui.library.hub_cache import hub_cache_folder
from lama_tui.library.installed import InstalledModel, describe, installed_models, resolve
from lama_tui.paths import Paths

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("LAMA_HOME", str(tmp_path / "lama"))
    return Paths.from_environment()


def cache(name: str, commit: str = COMMIT, *, ref: str | None = COMMIT) -> Path:
    """A model in the hub's cache as its own tools leave it; returns the snapshot."""
    repo = hub_cache_folder() / ("models--" + name.replace("/", "--"))
    made = write_model(repo / "made")
    snapshot = repo / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (repo / "blobs").mkdir(exist_ok=True)
    for file in made.iterdir():
        blob = repo / "blobs" / f"{file.name}-hash"
        file.rename(blob)
        (snapshot / file.name).symlink_to(Path("../../blobs") / blob.name)
    made.rmdir()
    if ref is not None:
        (repo / "refs").mkdir(exist_ok=True)
        (repo / "refs" / "main").write_text(ref)
    return snapshot


async def by_ref(paths: Paths) -> dict[str, InstalledModel]:
    return {model.ref: model for model in await installed_models(paths)}


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({"HF_HUB_CACHE": "/a", "HUGGINGFACE_HUB_CACHE": "/b", "HF_HOME": "/c"}, "/a"),
        ({"HUGGINGFACE_HUB_CACHE": "/b", "HF_HOME": "/c"}, "/b"),
        ({"HF_HOME": "/c", "XDG_CACHE_HOME": "/d"}, "/c/hub"),
        ({"XDG_CACHE_HOME": "/d"}, "/d/huggingface/hub"),
        ({}, str(Path.home() / ".cache/huggingface/hub")),
        ({"HF_HOME": "~/hf"}, str(Path.home() / "hf/hub")),
    ],
)
def test_the_cache_is_where_the_hubs_tools_look(variables: dict[str, str], folder: str) -> None:
    assert hub_cache_folder(variables) == Path(folder)


async def test_a_fresh_machine_has_the_guide_first(paths: Paths) -> None:
    models = await installed_models(paths)
    assert [model.ref for model in models] == ["guide"]


async def test_all_three_places_are_listed(paths: Paths) -> None:
    snapshot = cache("org/b-model")
    cache("Org/A-model")
    write_model(paths.models / "mine")
    models = await installed_models(paths)
    assert [model.ref for model in models] == ["guide", "mine", "Org/A-model", "org/b-model"]
    found = models[-1]
    assert (found.path, found.revision, found.problem) == (str(snapshot), COMMIT, "")
    assert found.size == sum(blob.stat().st_size for blob in (snapshot.parents[1] / "blobs").iterdir())
    assert found.params == 32


async def test_what_cannot_be_used_comes_last_with_a_reason(paths: Paths) -> None:
    snapshot = cache("org/a")
    (snapshot / "model.safetensors").resolve().unlink()
    for name, part in (("empty", b""), ("half", b"x" * 70)):
        blobs = hub_cache_folder() / f"models--org--{name}" / "blobs"
        blobs.mkdir(parents=True)
        (blobs / f"{'a' * 64}.part").write_bytes(part)
    (hub_cache_folder() / "datasets--org--data" / "snapshots").mkdir(parents=True)
    (hub_cache_folder() / "models--org--file").write_text("not a folder")
    cache("org/z")
    models = await installed_models(paths)
    assert [model.ref for model in models][1:] == ["org/z", "org/a", "org/empty", "org/file", "org/half"]
    assert models[2].problem == "model.safetensors was not downloaded completely"
    assert models[3].problem == "nothing of it was downloaded yet"
    assert (models[5].problem, models[5].size) == ("not all of it was downloaded yet", 70)


@pytest.mark.parametrize("ref", [None, "", "../../../../../etc", "v1.0", "\xff\xfe", "f" * 40])
async def test_a_ref_that_names_no_snapshot(paths: Paths, ref: str | None) -> None:
    cache("org/a", ref=ref)
    found = (await by_ref(paths))["org/a"]
    if ref == "f" * 40:  # main moved on and that commit was never downloaded
        assert found.problem == "nothing of it was downloaded yet"
    else:
        assert (found.revision, found.problem) == (COMMIT, "")


@pytest.mark.parametrize("enough", [True, False])
async def test_fits_compares_with_what_is_available(
    paths: Paths, enough: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psutil

    memory = psutil.virtual_memory()._replace(available=HEADROOM + ((1 << 20) if enough else -(1 << 20)))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)  # others take and free it meanwhile
    write_model(paths.models / "small")
    huge = write_model(paths.models / "huge")
    size = write_safetensors(huge / "model.safetensors", {"a": ("U8", [8])})
    with (huge / "model.safetensors").open("r+b") as file:
        file.truncate(memory.total + size)  # a hole: takes no disk
    models = await by_ref(paths)
    assert models["small"].fits is enough
    assert models["huge"].fits is False


async def test_references_resolve_to_folders(paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = cache("org/a")
    mine = write_model(paths.models / "mine")
    elsewhere = write_model(tmp_path / "elsewhere")
    assert (await resolve("org/a", paths)).folder == str(snapshot)
    assert (await resolve("mine", paths)).folder == str(mine)
    absolute = await resolve(str(elsewhere), paths)
    monkeypatch.chdir(tmp_path)
    assert await resolve("./elsewhere", paths) == await resolve("elsewhere", paths) == absolute
    assert absolute.reference == absolute.folder == str(elsewhere)


@pytest.mark.parametrize(
    "reference",
    ["org/none", "none", "", " ", "..", ".", "/no/where", "~/no/where", "a/../../b", "x\0y", "work:gpt", "/a.gguf"],
)
async def test_what_is_not_here_is_not_found(
    paths: Paths, reference: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises((ModelNotFoundError, ModelFormatError)) as raised:
        await resolve(reference, paths)
    assert raised.value.detail and raised.value.hint


async def test_a_hub_model_that_is_not_here_says_how_to_get_it(paths: Paths) -> None:
    with pytest.raises(ModelNotFoundError) as raised:
        await resolve("org/none", paths)
    assert "lama pull org/none" in str(raised.value)


async def test_a_damaged_model_says_why(paths: Paths) -> None:
    snapshot = cache("org/a")
    (snapshot / "model.safetensors").resolve().write_bytes(b"junk")
    with pytest.raises(ModelFormatError) as raised:
        await resolve("org/a", paths)
    assert "cut short" in str(raised.value)
    assert "lama pull org/a" in str(raised.value)


async def test_a_gguf_file_is_shown_and_refused(paths: Paths, tmp_path: Path) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(b"GGUF" + bytes(20))
    found = await describe(str(file), paths)
    assert (found.format, found.size) == ("gguf", 24)
    with pytest.raises(ModelFormatError):
        await resolve(str(file), paths)


async def test_the_lists_hold_when_a_folder_vanishes_or_is_closed(paths: Paths) -> None:
    shutil.rmtree(cache("org/a").parents[1] / "blobs")
    paths.models.parent.mkdir(parents=True)
    paths.models.write_text("a file where the folder should be")
    assert [model.ref for model in await installed_models(paths)] == ["guide", "org/a"]


def test_the_contracts_fields_are_there() -> None:
    contract = "ref path revision format architecture params bits size context license fits"
    assert set(contract.split()) <= {field.name for field in fields(InstalledModel)}
