"""Downloads from a hub on loopback, beside the hub's own client with the same files, each in a process of its own.

`python -m tests.benchmarks.downloads --gigabytes 4` measures ours alone, with one file of that size.
"""

import argparse
import asyncio
import http.client
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

REPO = "bench/model"
_MB = 1_000_000
_SHARDS, _SHARD = 3, 200 * _MB
_LAG = 0.005  # seconds between two looks at the loop


@dataclass(frozen=True)
class Run:
    """One download: seconds, seconds of processor time, bytes of memory that it took more than before, worst lag.

    `starved` is how much of that lag the loop was ready and had no processor, in seconds; 0 where nothing tells.
    """

    seconds: float
    cpu: float
    memory: int
    lag: float
    starved: float = 0.0


@dataclass(frozen=True)
class Downloads:
    """Figures of one run. `alone` is what the hub gives to who throws it away, in bytes a second."""

    size: int
    alone: float
    ours: tuple[Run, ...]
    theirs: tuple[Run, ...]

    @property
    def speed(self) -> float:
        """Ours over theirs, the median of what ran one after the other."""
        return statistics.median(them.seconds / us.seconds for us, them in zip(self.ours, self.theirs, strict=True))

    @property
    def cpu(self) -> float:
        """The same of processor time."""
        return statistics.median(us.cpu / them.cpu for us, them in zip(self.ours, self.theirs, strict=True))


def measure(rounds: int) -> Downloads:
    """Both take turns, ours first in every second round."""
    with _folder() as folder:
        source = folder / "source"
        source.mkdir()
        (source / "config.json").write_text("{}")
        for number in range(_SHARDS):
            _fill(source / f"model-{number + 1:05d}-of-{_SHARDS:05d}.safetensors", _SHARD, number)
        with _hub(source) as endpoint:
            alone = _alone(endpoint, source)
            ours, theirs = [], []
            for number in range(rounds):
                for who in ("ours", "theirs") if number % 2 else ("theirs", "ours"):
                    (ours if who == "ours" else theirs).append(_run(who, endpoint, folder / "home"))
        return Downloads(_SHARDS * _SHARD, alone, tuple(ours), tuple(theirs))


def measure_large(size: int) -> Run:
    """Ours, with one file of `size` bytes, most of it a hole on the hub's side."""
    with _folder() as folder:
        source = folder / "source"
        source.mkdir()
        (source / "config.json").write_text("{}")
        with (source / "model.safetensors").open("wb") as file:
            file.truncate(size)
        with _hub(source) as endpoint:
            return _run("ours", endpoint, folder / "home")


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="lama-downloads-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fill(path: Path, size: int, seed: int) -> None:
    block = bytes(range(256)) * 4096 + seed.to_bytes(4, "little")
    with path.open("wb") as file:
        while (left := size - file.tell()) > 0:
            file.write(block[:left])


@contextmanager
def _hub(source: Path) -> Iterator[str]:
    hub = subprocess.Popen(
        [sys.executable, "-m", "tests.library.hub", f"{REPO}={source}"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert hub.stdin is not None and hub.stdout is not None
    try:
        yield hub.stdout.readline().strip()
    finally:
        hub.stdin.close()
        hub.wait(10)
        hub.stdout.close()


def _alone(endpoint: str, source: Path) -> float:
    """Bytes a second that the hub gives to one reader."""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(endpoint).netloc)
    buffer = memoryview(bytearray(1 << 20))
    name = max(source.iterdir(), key=lambda path: path.stat().st_size).name
    begin = time.perf_counter()
    connection.request("GET", f"/{REPO}/resolve/main/{name}")
    response, read = connection.getresponse(), 0
    while count := response.readinto(buffer):
        read += count
    connection.close()
    return read / (time.perf_counter() - begin)


def _run(who: str, endpoint: str, home: Path) -> Run:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "LAMA_"))}
    environment |= {
        "HF_ENDPOINT": endpoint, "HF_HOME": str(home / "hub"), "LAMA_HOME": str(home / "lama"),
        "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1",
    }  # fmt: skip
    os.sync()  # what the last one wrote is not this one's to wait for
    try:
        done = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.downloads", "--as", who],
            env=environment, stdout=subprocess.PIPE, text=True, check=True, timeout=600,
        )  # fmt: skip
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return Run(**json.loads(done.stdout.splitlines()[-1]))


def _theirs() -> Run:
    from huggingface_hub import snapshot_download

    before = _memory()
    begin, used = time.perf_counter(), _cpu()
    snapshot_download(REPO)
    return Run(time.perf_counter() - begin, _cpu() - used, _peak() - before, 0.0)


async def _ours() -> Run:
    from lama_tui.config.loader import load_settings
    from lama_tui.paths import Paths
    from lama_tui.services import open_services

    paths = Paths.from_environment()
    services = await open_services(paths, load_settings(paths))
    try:
        downloads = await services.downloads()
        ended = asyncio.Event()
        downloads.subscribe(lambda job: ended.set() if job.ended else None)
        watching = asyncio.create_task(_worst_lag())
        await asyncio.sleep(0.2)
        before = _memory()
        begin, used = time.perf_counter(), _cpu()
        job = await downloads.add(REPO)
        await ended.wait()
        run = Run(time.perf_counter() - begin, _cpu() - used, _peak() - before, 0.0)
        watching.cancel()
        lag, starved = 0.0, 0.0
        with suppress(asyncio.CancelledError):
            lag, starved = await watching
        done = await downloads.job(job)
        assert done is not None and done.state == "done", done
        return Run(run.seconds, run.cpu, run.memory, lag, starved)
    finally:
        await services.close()


async def _worst_lag() -> tuple[float, float]:
    worst = (0.0, 0.0)
    try:
        while True:
            begin, before = time.perf_counter(), _starved()
            await asyncio.sleep(_LAG)
            lag = time.perf_counter() - begin - _LAG
            if lag > worst[0]:
                worst = (lag, min(lag, _starved() - before))
    except asyncio.CancelledError:
        return worst


def _starved() -> float:
    """Seconds that this thread was ready to run and had no processor, as Linux counts them."""
    try:
        return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9
    except OSError:
        return 0.0


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _memory() -> int:
    import psutil

    return int(psutil.Process().memory_info().rss)


def _peak() -> int:
    """The most that was resident so far.

    Not what Linux says of the resources used: that begins with what the program had that started this one.
    """
    if sys.platform == "linux":
        line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--as", dest="who", choices=("ours", "theirs"), help=argparse.SUPPRESS)
    parser.add_argument("--gigabytes", type=float, default=4.0, help="the size of the file")
    options = parser.parse_args()
    if options.who:
        run = _theirs() if options.who == "theirs" else asyncio.run(_ours())
        print(json.dumps(vars(run)))
        return
    size = round(options.gigabytes * 1e9)
    run = measure_large(size)
    print(
        f"{size / 1e9:g} GB in {run.seconds:.1f} s, {size / run.seconds / _MB:.0f} MB/s, processor {run.cpu:.1f} s,"
        f" memory {run.memory / _MB:.0f} MB more, loop lag {1000 * run.lag:.0f} ms at most,"
        f" {1000 * run.starved:.0f} ms of it without a processor"
    )


if __name__ == "__main__":
    main()
