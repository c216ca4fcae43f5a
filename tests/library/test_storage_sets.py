"""Whatever is removed, in whatever order: what stays is whole, and the disk gains exactly what was said."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lama_tui.library.storage.plan import RemovalPlan, plan_removal
from lama_tui.library.storage.removal import Removed, delete, vanish
from lama_tui.library.storage.usage import measure
from lama_tui.paths import Paths
from tests.library.cache_layout import bytes_below, commit_of, is_whole, lay_out, repo_folder


def remove(plan: RemovalPlan) -> Removed:
    removed, graves = vanish(plan)
    return removed + delete(plan, graves)


REPOS = ("org/a", "org/b")
FILES = st.dictionaries(
    st.sampled_from(("config.json", "model.safetensors", "sub/tokenizer.json", "é.txt")),
    st.sampled_from((b"", b"1", b"22" * 50, b"333" * 4_000, b"4" * 9_999)),
    max_size=4,
)
REVISIONS = st.lists(FILES, min_size=1, max_size=3)


@settings(max_examples=10, deadline=None)
@given(
    repos=st.tuples(REVISIONS, REVISIONS),
    own=FILES,
    hard=st.booleans(),
    by=st.sampled_from(("links", "links", "hard", "copies")),
    removals=st.lists(
        st.tuples(st.sampled_from((*REPOS, "mine")), st.one_of(st.none(), st.integers(0, 2))), max_size=5
    ),
)
def test_any_set_of_removals(repos: tuple, own: dict, hard: bool, by: str, removals: list) -> None:
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        home = Path(name)
        cache = home / "cache"
        patch.setenv("HF_HUB_CACHE", str(cache))
        patch.setenv("LAMA_HOME", str(home / "lama"))
        paths = Paths.from_environment()
        there = {}
        for repo, revisions in zip(REPOS, repos, strict=True):
            for at, files in enumerate(revisions):
                refs = ("main",) if at == len(revisions) - 1 else ()
                there[repo, commit_of(at)] = (lay_out(cache, repo, commit_of(at), files, refs=refs, by=by), files)
        folder = paths.models / "mine"
        folder.mkdir(parents=True)
        for path, data in own.items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_bytes(data)
            if hard:  # the same bytes in the cache: a whole file that no revision leads to
                (repo_folder(cache, "org/a") / "blobs" / path.replace("/", "-")).hardlink_to(folder / path)
        there["mine", ""] = (folder, own)

        for ref, at in removals:
            commit = "" if at is None or ref == "mine" else commit_of(at)
            if (ref, commit) not in there and (commit or not any(known == ref for known, _ in there)):
                continue
            before = bytes_below(cache, paths.models)
            plan = plan_removal(ref, paths, revision=commit or None)
            removed = remove(plan)
            assert plan.freed == removed.freed == before - bytes_below(cache, paths.models)
            there = {
                key: value for key, value in there.items() if key[0] != ref or (not plan.whole and key[1] != commit)
            }
            for folder, files in there.values():
                assert is_whole(folder, files)
            counted = [repo_folder(cache, ref) / part for ref in REPOS for part in ("blobs", "snapshots")]
            assert measure(cache, paths.models).total == bytes_below(*counted, paths.models)
        left = {(ref, folder.name) for ref in REPOS for folder in (repo_folder(cache, ref) / "snapshots").glob("*")}
        assert left == {key for key in there if key[0] != "mine"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own of 8 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if shutil.which("mount") is None or os.geteuid() != 0:
        pytest.skip("only root may mount a disk")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("no disk may be mounted here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_has_again_what_was_said(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(small_disk))
    paths = Paths.from_environment()
    lay_out(small_disk, "org/a", commit_of(1), {"model.safetensors": os.urandom(3 << 20)})
    lay_out(small_disk, "org/a", commit_of(2), {"model.safetensors": os.urandom(2 << 20)}, refs=("main",))
    with pytest.raises(OSError, match="No space"), (small_disk / "filler").open("wb", buffering=0) as filler:
        while True:
            filler.write(b"f" * 4096)
    assert shutil.disk_usage(small_disk).free == 0

    plan = plan_removal("org/a", paths, old_revisions=True)
    removed = remove(plan)

    assert plan.freed == removed.freed == 3 << 20
    assert shutil.disk_usage(small_disk).free == 3 << 20


def test_a_disk_that_can_only_be_read(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(small_disk))
    files = {"model.safetensors": b"w" * 5_000}
    snapshot = lay_out(small_disk, "org/a", commit_of(1), files, refs=("main",))
    plan = plan_removal("org/a", Paths.from_environment())
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(OSError, match="Read-only"):
        remove(plan)
    assert is_whole(snapshot, files)
