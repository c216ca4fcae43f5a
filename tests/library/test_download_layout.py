"""What lies in the cache is what the hub's own client puts there, and accepts."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lama_tui.library.downloads import layout
from lama_tui.library.downloads.layout import GivenUp, RepoFolder, lay_out
from lama_tui.library.hub.values import HubFile
from lama_tui.library.hub_cache import cached_repo
from lama_tui.store.locks import try_lock
from tests.library.downloading import REPO, instance, model_files
from tests.library.hub import TestHub

FILES = {**model_files(1_500_000), "sub/deep/notes.txt": b"deep", "empty.txt": b""}


@pytest.fixture
def hub():
    with TestHub(cdn=True) as hub:
        hub.add(REPO, FILES, tags=("mlx",))
        yield hub


def tree(folder: Path) -> dict[str, object]:
    """Everything there: where a link leads, or what is in a file."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.is_file() and not name.startswith("trees/"):  # that client's own memory of listings
            found[name] = path.read_bytes()
    return found


def refuse(*_: object, **__: object) -> None:
    raise PermissionError(errno.EPERM, "Operation not permitted")  # as FAT says it


def by_the_hubs_own_client(cache: Path, endpoint: str, code: str) -> str:
    script = (
        "import json, sys\nfrom huggingface_hub import HfApi, scan_cache_dir, snapshot_download\n"
        f"cache, endpoint, repo = {str(cache)!r}, {endpoint!r}, {REPO!r}\n{code}"
    )
    environment = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout


async def test_the_hubs_own_client_lays_it_out_the_same_and_accepts_ours(hub, tmp_path):
    async with instance(hub, tmp_path) as lama:
        done = await lama.ended(await lama.downloads.add(REPO))
        assert done.state == "done"
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    code = f"""
snapshot_download(repo, cache_dir={str(theirs)!r}, endpoint=endpoint, max_workers=1)
path = snapshot_download(repo, cache_dir=cache, local_files_only=True)
scanned = scan_cache_dir(cache)
checked = HfApi(endpoint=endpoint).verify_repo_checksums(repo, cache_dir=cache)
print(json.dumps([path, len(scanned.warnings), [(r.repo_id, r.size_on_disk) for r in scanned.repos],
    checked.checked_count, len(checked.mismatches), len(checked.missing_paths), len(checked.extra_paths)]))
"""
    path, warnings, repos, checked, *wrong = json.loads(by_the_hubs_own_client(lama.cache, hub.endpoint, code))
    assert path == str(lama.folder().snapshot(done.commit or ""))
    assert (warnings, repos) == (0, [[REPO, sum(map(len, FILES.values()))]])
    assert (checked, wrong) == (len(FILES), [0, 0, 0])
    name = lama.folder().name
    assert tree(lama.cache / name) == tree(theirs / name)


async def test_one_blob_with_two_names_is_fetched_once_and_nothing_twice(hub, tmp_path):
    hub.add("org/twins", {**FILES, "again.safetensors": FILES["model.safetensors"]})
    async with instance(hub, tmp_path) as lama:
        done = await lama.ended(await lama.downloads.add("org/twins"))
        assert (done.state, done.files_done) == ("done", len(FILES) + 1)
        before = len(hub.asked("GET", "/resolve/"))
        hub.add("org/twins", {**FILES, "README.md": b"# new\n"})
        newer = await lama.ended(await lama.downloads.add("org/twins"))
        assert newer.commit != done.commit
        assert (lama.folder("org/twins").path / "refs" / "main").read_text() == newer.commit
        assert lama.folder("org/twins").snapshot(done.commit or "").is_dir()  # to go back to
    fetched = [asked.path for asked in hub.asked("GET", "/resolve/")[before:] if "config.json" not in asked.path]
    assert len(fetched) == 1 and "README.md" in fetched[0]


async def test_who_holds_the_lock_of_the_hubs_client_writes_alone(hub, tmp_path):
    async with instance(hub, tmp_path) as lama:
        folder = lama.folder()
        hash_ = next(file.etag for path, file in hub.repos[REPO].files.items() if path == "model.safetensors")
        folder.lock(hash_).parent.mkdir(parents=True)
        held = os.open(folder.lock(hash_), os.O_RDWR | os.O_CREAT)
        assert try_lock(held)
        job = await lama.downloads.add(REPO)
        await lama.until(job, lambda now: "another program" in now.now)
        assert not folder.part(hash_).exists()
        os.close(held)
        assert (await lama.ended(job)).state == "done"


def test_files_where_there_are_no_links(tmp_path, hub):
    folder = RepoFolder(tmp_path / "cache", REPO)
    files = []
    for path, stored in hub.repos[REPO].files.items():
        blob = folder.blob(stored.etag)
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(FILES[path])
        files.append(HubFile(path, stored.size, "sha256" if stored.lfs else "git-sha1", stored.etag))
    for links in (False, True, False):  # once more changes nothing
        snapshot = lay_out(folder, "c" * 40, "main", files, links=links)
        assert {
            str(path.relative_to(snapshot)): path.read_bytes() for path in snapshot.rglob("*") if path.is_file()
        } == FILES
    found = cached_repo(folder.cache, REPO)
    assert found is not None and found.folder == snapshot
    assert not list(folder.path.glob(".lama-*"))


def test_files_where_there_is_but_one_name_for_each(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(os, "symlink", refuse)
    folder = RepoFolder(tmp_path / "cache", REPO)
    files = [HubFile("config.json", 2, "git-sha1", "1" * 40), HubFile("a.safetensors", 2, "sha256", "2" * 64)]
    folder.blob("").mkdir(parents=True)
    for file in files:
        folder.blob(file.hash).write_bytes(b"{}")
    placed = [lay_out(folder, "c" * 40, "main", files) / file.path for file in files]
    assert [path.read_bytes() for path in placed] == [b"{}", b"{}"]
    before = [path.stat().st_ino for path in placed]
    os.utime(folder.blob(files[1].hash), ns=(1, 1))  # fetched again, because it was wrong
    lay_out(folder, "c" * 40, "main", files)
    after = [path.stat().st_ino for path in placed]
    assert (after[0] == before[0], after[1] == before[1]) == (True, False)  # and what is right is not copied again


def test_a_copy_that_nobody_wants_any_more_is_undone(tmp_path, monkeypatch):
    monkeypatch.setattr(layout, "_linked", lambda *_: False)
    monkeypatch.setattr(os, "link", refuse)
    folder = RepoFolder(tmp_path / "cache", REPO)
    files = [HubFile(f"{hash_}.safetensors", 2, "sha256", hash_ * 64) for hash_ in "123"]
    folder.blob("").mkdir(parents=True)
    for file in files:
        folder.blob(file.hash).write_bytes(b"{}")
    asked = iter((False, False, True))  # at the beginning, with the first file, with the second
    with pytest.raises(GivenUp):
        lay_out(folder, "c" * 40, "main", files, given_up=lambda: next(asked))
    assert [path.name for path in folder.path.iterdir()] == ["blobs"]


async def test_only_a_part_of_it_and_the_rest_later(hub, tmp_path):
    async with instance(hub, tmp_path) as lama:
        job = await lama.downloads.add(REPO, files=["*.json"])
        first = await lama.ended(job)
        assert (first.state, first.files) == ("done", 2)
        whole = await lama.ended(await lama.downloads.add(REPO))
        assert (whole.state, whole.files) == ("done", len(FILES))
        snapshot = lama.folder().snapshot(whole.commit or "")
        assert sum(path.is_file() for path in snapshot.rglob("*")) == len(FILES)
