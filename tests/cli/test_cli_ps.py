"""`lama ps`: what every running lama has loaded and is doing."""

import json
import os
import pty
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import pytest

from lama_tui.monitor.presence import LoadedNow, Presence, present, write_presence
from lama_tui.paths import Paths
from tests.cli.conftest import Ended, Spawn
from tests.models import make_tiny_llama

Lama = Callable[..., Ended]
MIB = 1 << 20


def now() -> int:
    return time.time_ns() // 1_000_000


@contextmanager
def ended_process() -> Iterator[int]:
    """The id of a process that lived."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    yield process.pid


def busy(pid: int) -> Presence:
    """Two models, of which one answers, and one that comes."""
    return Presence(
        pid,
        now() - 3_600_000,
        (
            LoadedNow("mlx-community/Qwen3-8B-4bit", "metal", 4400 * MIB, 2),
            LoadedNow("guide", "metal", 3 * MIB, pinned=True),
            LoadedNow("org/other", "metal", 5 * MIB, unload_at=now() + 90_400),
        ),
        running=2,
        waiting=1,
        memory=5000 * MIB,
        decode_tok_s=41.3,
        loading="org/next",
        loaded_bytes=45,
        total_bytes=100,
        kv=500 * MIB,
        prompts=100 * MIB,
    )


def test_tells_what_each_does_and_cleans_up_after_the_dead(lama: Lama, paths: Paths) -> None:
    said = "No lama is running on this machine. `lama` opens one.\n"
    assert (lama("ps").out, json.loads(lama("ps", "--json").out)) == (said, [])

    presence = busy(os.getpid())
    write_presence(paths.run, presence)
    with ended_process() as gone:
        write_presence(paths.run, replace(presence, pid=gone))
    left = paths.run / ".half"
    left.write_text("{")
    os.utime(left, (1, 1))
    lines = lama("ps").out.splitlines()
    assert lines[1].split()[:3] == [str(os.getpid()), "1", "h"]
    told = [[cell.strip() for cell in line.split("  ") if cell][2:] for line in lines[1:5]]
    assert told[0] == ["mlx-community/Qwen3-8B-4bit", "4.3 GiB", "2 answers at 41 tok/s, 1 waiting", "–"]
    assert told[1] == ["guide", "3.0 MiB", "idle", "pinned"]
    assert told[2][:3] == ["org/other", "5.0 MiB", "idle"] and "in 1 min" in told[2][3]
    assert told[3] == ["org/next", "45 B", "loading 45 %", "–"]
    assert lines[5] == (
        f"{os.getpid()} uses 4.9 GiB: 4.3 GiB of weights, 500 MiB of running answers, 100 MiB of remembered prompts."
    )
    assert [file.name for file in paths.run.iterdir()] == [f"{os.getpid()}.json"]

    [told] = json.loads(lama("ps", "--json").out)
    assert told["models"][2] == {
        "model": "org/other", "device": "metal", "weights": 5 * MIB, "running": 0, "pinned": False,
        "unload_at": presence.loaded[2].unload_at,
    }  # fmt: skip
    assert told["loading"] == {"model": "org/next", "done": 45, "total": 100}
    assert (told["running"], told["waiting"], told["decode_tok_s"]) == (2, 1, 41.3)
    assert (told["memory"], told["kv"], told["prompts"]) == (5000 * MIB, 500 * MIB, 100 * MIB)


def test_names_are_cleaned_and_numbers_believed_only_where_they_can_be(lama: Lama, paths: Paths) -> None:
    naughty = LoadedNow("org/\x1b]0;title\x07bad\nname", "cpu", 10)
    write_presence(paths.run, Presence(os.getpid(), now(), (naughty,)))
    shown = lama("ps").out
    assert "\x1b" not in shown and "\x07" not in shown and shown.count("\n") == 2
    file = paths.run / f"{os.getpid()}.json"
    values = json.loads(file.read_text())
    for wrong in ({"decode_tok_s": float("nan")}, {"memory": 10**400}, {"loaded": [{"weights": 1}]}, {"kv": "much"}):
        file.write_text(json.dumps(values | wrong))
        assert json.loads(lama("ps", "--json").out) == []
    for name in ("loaded_bytes", "total_bytes", "kv", "prompts"):  # as an older lama wrote it
        del values[name]
    for name in ("running", "pinned", "unload_at"):
        del values["loaded"][0][name]
    file.write_text(json.dumps(values))
    assert json.loads(lama("ps", "--json").out)[0]["models"][0]["weights"] == 10


def test_what_is_no_file_is_not_waited_for(paths: Paths) -> None:
    paths.run.mkdir(parents=True)
    os.mkfifo(paths.run / f"{os.getppid()}.json")
    (paths.run / "5.json").mkdir()
    (paths.run / "6.json").symlink_to(paths.run / "nothing")
    with ThreadPoolExecutor(1) as thread:
        looking = thread.submit(present, paths.run)
        try:
            assert looking.result(timeout=60) == []
        finally:
            os.close(os.open(paths.run / f"{os.getppid()}.json", os.O_RDWR))  # who waits goes on


def test_another_process_with_the_number_of_one_that_is_gone_is_not_it(paths: Paths) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        write_presence(paths.run, Presence(process.pid, now()))
        assert [each.pid for each in present(paths.run)] == [process.pid]
        write_presence(paths.run, Presence(process.pid, now() - 86_400_000))
        assert present(paths.run) == []
        process.kill()


def test_a_narrow_terminal_gets_a_list(paths: Paths) -> None:
    import fcntl
    import termios

    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        write_presence(paths.run, replace(busy(other.pid), started=now()))
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 20, 60, 0, 0))
        with subprocess.Popen(
            [sys.executable, "-m", "lama_tui", "ps"], stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs,
            env={name: value for name, value in os.environ.items() if name != "COLUMNS"},
        ) as process:  # fmt: skip
            os.close(theirs)
            seen = b""
            try:
                while data := os.read(ours, 4096):
                    seen += data
            except OSError:  # Linux says so where the other end is closed
                pass
            assert process.wait(60) == 0
        os.close(ours)
        other.kill()
    lines = seen.decode().splitlines()
    assert lines[0].startswith(f"{other.pid}, for ")
    assert lines[1:3] == ["  mlx-community/Qwen3-8B-4bit", "    4.3 GiB, 2 answers at 41 tok/s, 1 waiting"]
    assert lines[3:5] == ["  guide", "    3.0 MiB, idle, pinned"]


@pytest.mark.slow
def test_sees_what_another_lama_does_and_that_it_was_killed(lama: Lama, spawn: Spawn, paths: Paths) -> None:
    make_tiny_llama(paths.models / "tiny", window=100_000)
    with spawn("run", "tiny", "hello", "--max-tokens", "90000", "--temperature", "0") as other:
        deadline = time.monotonic() + 60
        told: list[dict[str, object]] = []
        while not (told and told[0]["running"] and told[0]["decode_tok_s"]):
            assert other.poll() is None and time.monotonic() < deadline
            told = json.loads(lama("ps", "--json").out)
            time.sleep(0.05)
        [model] = told[0]["models"]
        assert (told[0]["pid"], model["model"], model["running"]) == (other.pid, "tiny", 1)
        assert model["weights"] > 0 and told[0]["memory"] >= model["weights"] and told[0]["kv"] > 0
        other.send_signal(signal.SIGKILL)
        other.communicate(timeout=60)
    assert (paths.run / f"{other.pid}.json").exists()
    assert json.loads(lama("ps", "--json").out) == []
    assert list(paths.run.iterdir()) == []
