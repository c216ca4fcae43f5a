"""What models take: measured on caches as the hub's own client leaves them."""

from pathlib import Path

import pytest

from lama_tui.library.hub_cache import hub_cache_folder
from lama_tui.library.storage.usage import library_usage
from lama_tui.paths import Paths
from tests.library.cache_layout import bytes_below, commit_of, fetch, lay_out, repo_folder
from tests.library.hub import TestHub

WEIGHTS, NEW_WEIGHTS = b"w" * 50_000, b"n" * 60_000


async def test_counts_what_the_hubs_client_left_once(home: Path) -> None:
    cache = hub_cache_folder()
    with TestHub() as hub:
        shared = {"config.json": b"{}", "tokenizer.json": b"t" * 9_000}
        old = hub.add("org/model", shared | {"model.safetensors": WEIGHTS})
        fetch(hub.endpoint, cache, ("org/model", old))
        new = hub.add("org/model", shared | {"model.safetensors": NEW_WEIGHTS})
        fetch(hub.endpoint, cache, ("org/model", "main"))

    usage = await library_usage(Paths.from_environment())

    model = usage.of("org/model")
    assert model is not None
    both = 2 + 9_000 + 50_000 + 60_000
    assert (model.size, model.alone, usage.total, usage.shared) == (both, both, both, 0)
    assert model.old == 50_000
    assert [(each.revision, each.size, each.current, each.old) for each in model.revisions] == [
        (new, 69_002, True, False),
        (old, 59_002, False, True),
    ]
    assert usage.total == bytes_below(cache / "models--org--model" / "blobs")


async def test_an_import_that_links_into_the_cache_is_counted_once(home: Path) -> None:
    paths = Paths.from_environment()
    snapshot = lay_out(hub_cache_folder(), "org/model", commit_of(1), {"model.safetensors": WEIGHTS}, refs=("main",))
    own = paths.models / "mine"
    own.mkdir(parents=True)
    (own / "model.safetensors").symlink_to(snapshot / "model.safetensors")
    (own / "config.json").write_bytes(b"{}")
    elsewhere = home / "elsewhere.gguf"
    elsewhere.write_bytes(b"g" * 700)
    (own / "elsewhere.gguf").symlink_to(elsewhere)

    usage = await library_usage(paths)

    assert (usage.total, usage.shared) == (50_002, 50_000)
    hub, mine = usage.of("org/model"), usage.of("mine")
    assert hub is not None and (hub.size, hub.alone) == (50_000, 0)
    assert mine is not None and (mine.size, mine.alone, mine.outside) == (50_002, 2, 700)


async def test_gguf_files_of_our_own_are_models(home: Path) -> None:
    paths = Paths.from_environment()
    paths.models.mkdir(parents=True)
    for name in ("one.gguf", "two-00001-of-00002.gguf", "two-00002-of-00002.gguf", "notes.txt"):
        (paths.models / name).write_bytes(b"GGUF")
    usage = await library_usage(paths)
    assert {model.ref: model.size for model in usage.models} == {"one.gguf": 4, "two-00001-of-00002.gguf": 8}


async def test_tells_parts_and_orphans_apart(home: Path) -> None:
    cache = hub_cache_folder()
    lay_out(cache, "org/model", commit_of(1), {"model.safetensors": WEIGHTS}, refs=("main",))
    blobs = repo_folder(cache, "org/model") / "blobs"
    (blobs / ("a" * 64 + ".part")).write_bytes(b"p" * 300)
    (blobs / ("b" * 64 + ".0f0f0f0f.incomplete")).write_bytes(b"i" * 40)
    (blobs / ("c" * 64)).write_bytes(b"o" * 5)

    usage = await library_usage(Paths.from_environment())

    model = usage.of("org/model")
    assert model is not None
    assert (model.size, model.parts, model.orphaned, model.old) == (50_345, 340, 5, 0)


async def test_a_hostile_cache_is_only_counted(home: Path) -> None:
    cache = hub_cache_folder()
    repo = repo_folder(cache, "org/\x1b[31mbad\n")
    snapshot = repo / "snapshots" / commit_of(1)
    snapshot.mkdir(parents=True)
    (home / "away").write_bytes(b"elsewhere")
    (snapshot / "loop").symlink_to("loop")
    (snapshot / "nowhere").symlink_to("../../blobs/missing")
    (snapshot / "away").symlink_to(home / "away")
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_bytes(b"\xff" * 4000)
    (cache / "models--").mkdir()
    (cache / "models--a-file").write_bytes(b"x")

    usage = await library_usage(Paths.from_environment())

    model = usage.of("org/\x1b[31mbad\n")
    assert model is not None and model.size == 0 and model.outside == 9
    assert usage.total == 0


async def test_nothing_is_there(home: Path) -> None:
    usage = await library_usage(Paths.from_environment())
    assert (usage.models, usage.total, usage.shared) == ((), 0, 0)


@pytest.mark.slow
async def test_a_large_library_is_measured_soon(home: Path) -> None:
    import time

    cache = hub_cache_folder()
    for number in range(500):
        files = {f"file{at}": f"{number} {at}".encode() for at in range(12)}
        lay_out(cache, f"org/model-{number}", commit_of(number), files, refs=("main",))
    began = time.process_time()
    usage = await library_usage(Paths.from_environment())
    assert len(usage.models) == 500
    print(f"500 models, 6,000 files: {time.process_time() - began:.2f} s of CPU")
