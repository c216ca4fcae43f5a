"""`lama rm`: shows exactly what goes, asks, and does it."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lama_tui.library.hub_cache import hub_cache_folder
from lama_tui.monitor.presence import LoadedNow, Presence, present, write_presence
from lama_tui.paths import Paths
from tests.cli.conftest import Ended, Spawn
from tests.library.cache_layout import commit_of, is_whole, lay_out, repo_folder
from tests.models import make_tiny_llama

Lama = Callable[..., Ended]
OLD, NEW = {"model.safetensors": b"o" * 2048}, {"model.safetensors": b"n" * 4096}


@pytest.fixture
def repo(home: Path) -> Path:
    cache = hub_cache_folder()
    lay_out(cache, "org/model", commit_of(1), OLD)
    lay_out(cache, "org/model", commit_of(2), NEW, refs=("main",))
    return repo_folder(cache, "org/model")


def test_shows_first_and_removes_only_when_told(lama: Lama, repo: Path) -> None:
    asked = lama("rm", "org/model")  # nobody is there to answer
    assert asked.code == 1 and "--yes" in asked.err
    assert "6.0 KiB will be freed" in asked.out
    assert "  4.0 KiB  model.safetensors  " + str(repo / "blobs") in asked.out
    assert is_whole(repo / "snapshots" / commit_of(2), NEW)

    planned = json.loads(lama("rm", "org/model", "--old-revisions", "--json").out)
    assert (planned["removed"], planned["freed"], planned["revisions"]) == (False, 2048, [commit_of(1)])
    done = lama("rm", "org/model", "--old-revisions", "--yes", "--json")
    assert done.code == 0 and json.loads(done.out)["removed"] is True
    assert [entry.name for entry in (repo / "snapshots").iterdir()] == [commit_of(2)]

    assert "4.0 KiB freed" in lama("rm", "org/model", "--yes").out
    assert not repo.exists()
    gone = lama("rm", "org/model", "--yes")
    assert gone.code == 1 and "not on this machine" in gone.err


@pytest.mark.parametrize(
    ("answer", "stays"),
    [(b"y\n", False), *(pytest.param(no, True, marks=pytest.mark.slow) for no in (b"n\n", b"\n", b"\x04"))],
)
def test_asks_on_a_terminal(answer: bytes, stays: bool, repo: Path) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "lama_tui", "rm", "org/model", "--revision", commit_of(1)[:7]],
        stdin=theirs, stdout=theirs, stderr=theirs, env=dict(os.environ),
    ) as process:  # fmt: skip
        os.close(theirs)
        seen = b""
        while b"[y/N]" not in seen:
            seen += os.read(ours, 4096)
        os.write(ours, answer)
        assert process.wait(60) == 0
    os.close(ours)
    assert (repo / "snapshots" / commit_of(1)).exists() is stays
    assert is_whole(repo / "snapshots" / commit_of(2), NEW)


@pytest.mark.parametrize("loading", [False, True])
def test_refuses_what_another_instance_has_loaded(loading: bool, lama: Lama, repo: Path) -> None:
    paths = Paths.from_environment()
    loaded = () if loading else (LoadedNow("org/model", "cpu", 1),)
    presence = Presence(os.getppid(), time.time_ns() // 1_000_000, loaded, loading="org/model" if loading else "")
    write_presence(paths.run, presence)
    refused = lama("rm", "org/model", "--yes")
    assert refused.code == 1 and f"process {os.getppid()}" in refused.err
    assert lama("rm", "org/model", "--old-revisions", "--yes").code == 0
    assert is_whole(repo / "snapshots" / commit_of(2), NEW)


def test_cleans_up(lama: Lama, repo: Path) -> None:
    left = repo / "blobs" / ("a" * 64 + ".0a0a0a0a.incomplete")
    left.write_bytes(b"i" * 1024)
    os.utime(left, (1, 1))
    assert "1.0 KiB" in lama("rm", "--clean").out
    assert left.exists()
    planned = json.loads(lama("rm", "--clean", "--json").out)
    assert planned["leftovers"] == [{"kind": "incomplete", "ref": "org/model", "path": str(left), "size": 1024}]
    assert lama("rm", "--clean", "--yes").code == 0
    assert not left.exists()
    assert "nothing to clean" in lama("rm", "--clean", "--yes").out


@pytest.mark.parametrize(
    "words", [(), ("--yes",), ("org/model", "--clean"), ("org/model", "--revision", "a", "--old-revisions")]
)
def test_bad_usage(words: tuple[str, ...], lama: Lama, repo: Path) -> None:
    assert lama("rm", *words).code == 2
    assert is_whole(repo / "snapshots" / commit_of(2), NEW)


def test_names_are_cleaned(lama: Lama, home: Path) -> None:
    name = "org/\x1b]0;title\x07bad\n0 B will be freed"
    lay_out(hub_cache_folder(), name, commit_of(1), {"\x1b[31mred\nline": b"x" * 100}, refs=("main",))
    shown = lama("rm", name)
    assert "\x1b" not in shown.out + shown.err and "\x07" not in shown.out + shown.err
    assert shown.out.count("\n") == 2 and "140 B will be freed" in shown.out


@pytest.mark.slow
def test_refuses_while_another_lama_answers_with_it(lama: Lama, spawn: Spawn) -> None:
    made = make_tiny_llama(Paths.from_environment().cache / "made", window=100_000)
    files = {path.name: path.read_bytes() for path in made.iterdir()}
    snapshot = lay_out(hub_cache_folder(), "org/tiny", commit_of(1), files, refs=("main",))
    with spawn("run", "org/tiny", "hello", "--max-tokens", "90000", "--temperature", "0") as other:
        deadline = time.monotonic() + 60
        while not any(each.loaded for each in present(Paths.from_environment().run)):
            assert other.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        refused = lama("rm", "org/tiny", "--yes")
        assert refused.code == 1 and f"process {other.pid}" in refused.err
        assert is_whole(snapshot, files)
        other.send_signal(signal.SIGINT)
        other.communicate(timeout=60)
    assert lama("rm", "org/tiny", "--yes").code == 0
    assert not snapshot.exists()


@pytest.mark.slow
@pytest.mark.parametrize("attempt", range(4))
def test_two_at_once_remove_it_once(attempt: int, spawn: Spawn, repo: Path) -> None:
    both = [spawn("rm", "org/model", "--yes") for _ in range(2)]
    ended = [process.communicate(timeout=60) for process in both]
    assert 0 in [process.returncode for process in both]
    for process, (_, err) in zip(both, ended, strict=True):
        assert process.returncode == 0 or err.count(b"\n") == 1
    assert not repo.exists()
