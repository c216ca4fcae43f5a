"""`lama pull`, the real program: killed and resumed, by two at once, interrupted, on a full disk."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from busy import in_time

from lama_tui.cli.main import main
from tests.library.downloading import model_files, random_bytes
from tests.library.hub import TestHub

REPO = "org/tiny-4bit"
WEIGHTS = r"/resolve/.*model\.safetensors"
MB = 1_000_000


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[TestHub]:
    with TestHub() as hub:
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        yield hub


def begun(*words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "lama_tui", "pull", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def pulled(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "lama_tui", "pull", *words], capture_output=True, text=True, timeout=60
    )


def part_size() -> int:
    sizes = [0]
    for part in Path(os.environ["HF_HOME"]).glob("hub/models--*/blobs/*.part"):
        with suppress(FileNotFoundError):  # it is whole by now
            sizes.append(part.stat().st_size)
    return max(sizes)


def until(met: object, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not met():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.005)


def check_cache(files: dict[str, bytes]) -> None:
    """Every blob that is whole is one of these, and every name leads to the right one."""
    (repo,) = Path(os.environ["HF_HOME"]).glob("hub/models--*")
    blobs = {path.read_bytes() for path in repo.glob("blobs/*") if not path.name.endswith(".part")}
    assert blobs <= set(files.values())
    for snapshot in repo.glob("snapshots/*"):
        assert {path.name: path.read_bytes() for path in snapshot.iterdir()} == files


def test_a_model_is_pulled_killed_and_pulled_on(hub):
    files = model_files(4 * MB)
    hub.add(REPO, files)
    held = hub.trouble(WEIGHTS, hold=2 * MB)
    first = begun(REPO)
    until(lambda: part_size() > MB)
    first.kill()
    first.communicate()
    check_cache(files)
    assert not list(Path(os.environ["HF_HOME"]).glob("hub/models--*/snapshots/*"))
    at = part_size()
    held.release()
    done = pulled(REPO, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    *progress, result = map(json.loads, done.stdout.splitlines())
    assert all(line["type"] == "progress" for line in progress)
    assert (result["type"], result["error"], result["bytes"]) == ("result", None, sum(map(len, files.values())))
    assert Path(result["path"]).is_dir()
    assert [asked.range for asked in hub.asked("GET", WEIGHTS)] == [None, f"bytes={at}-"]
    check_cache(files)


def test_ctrl_c_pauses_and_says_how_to_go_on(hub):
    hub.add(REPO, model_files(4 * MB))
    held = hub.trouble(WEIGHTS, hold=2 * MB)
    first = begun(REPO)
    until(lambda: part_size() > 0)
    first.send_signal(signal.SIGINT)
    _, err = first.communicate(timeout=60)
    assert first.returncode == 130
    assert f"lama pull {REPO}" in err
    held.release()
    done = pulled(REPO)
    assert done.returncode == 0
    assert "is here" in done.stdout


def test_what_cannot_be_pulled_is_one_line(hub, capsys):
    hub.add("org/gated", model_files(100), gated="manual")
    for reference, says in (
        ("org/nothing", "is not on the hub"),
        ("org/gated", "asks for an agreement"),
        ("guide", "part of lama"),
        ("https://example.invalid/x", "lama import"),
        ("../../etc", "no name of a model"),
    ):
        assert main(["pull", reference]) == 1
        err = capsys.readouterr().err
        assert says in err and err.count("\n") == 1
    assert not hub.asked("GET", "example")


@pytest.mark.slow
def test_ten_kills_fetch_little_twice_and_spoil_nothing(hub):
    files = model_files(64 * MB)
    hub.add(REPO, files)
    hub.trouble(WEIGHTS, rate=8 * MB)
    chance = random.Random(7)
    kept: list[int] = []
    for _ in range(10):
        wanted = part_size() + chance.randrange(MB // 2, 5 * MB)
        running = begun(REPO)
        until(lambda wanted=wanted: part_size() >= wanted)
        time.sleep(chance.random() * 0.05)
        kept.append(part_size())
        running.kill()
        running.communicate()
        check_cache(files)
    done = pulled(REPO)
    assert done.returncode == 0, done.stderr
    check_cache(files)
    twice = hub.sent - 64 * MB
    print(f"fetched twice: {twice / MB:.2f} MB in ten kills")
    assert twice <= in_time(10) * MB  # a busy machine leaves more in the line, which counts as sent
    begins = [int(asked.range[6:-1]) if asked.range else 0 for asked in hub.asked("GET", WEIGHTS)]
    assert len(begins) == 11
    assert begins == sorted(set(begins))
    assert all(begin >= size for begin, size in zip(begins[1:], kept, strict=True))


@pytest.mark.slow
def test_two_pull_the_same_and_one_is_killed(hub):
    files = model_files(12 * MB)
    hub.add(REPO, files)
    hub.trouble(WEIGHTS, hold=6 * MB, times=1)  # the first one is at it until it is killed
    first = begun(REPO)
    until(lambda: part_size() > 5 * MB)
    second = begun(REPO, "--json")
    assert second.stdout is not None
    while json.loads(second.stdout.readline())["bytes"] <= 5 * MB:  # it tells of what the first one fetches
        pass
    assert len(hub.asked("GET", WEIGHTS)) == 1
    first.kill()
    first.communicate()
    out, err = second.communicate(timeout=60)
    assert second.returncode == 0, err
    assert json.loads(out.splitlines()[-1])["state"] == "done"
    assert len(hub.asked("GET", WEIGHTS)) == 2
    assert hub.sent - 12 * MB <= MB
    check_cache(files)


@contextmanager
def small_disk(at: Path, size: str) -> Iterator[None]:
    at.mkdir(parents=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(at)], capture_output=True).returncode:
        pytest.skip("disks cannot be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(at)], check=True)


@pytest.mark.slow
@pytest.mark.skipif(
    not shutil.which("mount") or sys.platform != "linux" or os.geteuid() != 0, reason="needs a small disk"
)
def test_a_disk_that_fills_is_waited_for(hub):
    files = {"config.json": b"{}", "model.safetensors": random_bytes(6 * MB)}
    hub.add(REPO, files)
    hub.trouble(WEIGHTS, rate=4 * MB)
    cache = Path(os.environ["HF_HOME"]) / "hub"
    with small_disk(cache, "8m"):
        running = begun(REPO, "--json")
        until(lambda: part_size() > MB)
        running.send_signal(signal.SIGSTOP)  # so that none of the room goes while it is taken
        (cache / "ballast").write_bytes(bytes(8 * MB - part_size() - 2 * MB))  # another program takes the room
        running.send_signal(signal.SIGCONT)
        assert running.stdout is not None
        for line in running.stdout:
            told = json.loads(line)
            if told["state"] == "waiting":
                break
        assert "disk is full" in told["why"]
        (cache / "ballast").unlink()
        out, err = running.communicate(timeout=60)
        assert running.returncode == 0, err
        assert json.loads(out.splitlines()[-1])["error"] is None
        check_cache(files)
