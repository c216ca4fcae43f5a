"""What a streaming answer costs: 2,000 tokens at a steady pace from a server on loopback, into the real workspace.

The installed command is measured for processor time and bytes, with all panes and with the transcript alone, and once
more with Textual's own drawing; the same app with a look at its loop for lag, also with a long conversation above.
The terminal is read as fast as it is written, and answers nothing. Frames come as over SSH, at most ten a second.
"""

import asyncio
import itertools
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue

from tests.benchmarks.answer import pieces
from tests.benchmarks.program import WIDE, Program, lama
from tests.benchmarks.replay import Chunk, Replay

_ROOT = Path(__file__).parents[2]
_SETTLE = 1.0  # seconds after the last token
_SSH = {"SSH_CONNECTION": "192.0.2.1 50000 192.0.2.2 22"}
_STOCK = [sys.executable, "-m", "tests.benchmarks.stock"]
_ALONE = """[workspace]
monitor = "off"
conversations = false
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """`cpu` as a share of one core while tokens came; `bytes_a_token` to the terminal; `alive`, the share of
    quarter-seconds in which the screen changed."""

    cpu: float
    bytes_a_token: float
    alive: float


@dataclass(frozen=True, slots=True)
class Lag:
    """Seconds that the event loop was late, at the 50th and 99th percentile and at worst."""

    median: float
    p99: float
    worst: float


def measure_cost(rate: float, *, alone: bool = False, stock: bool = False) -> Cost:
    """Processor time and bytes: with all panes or the transcript `alone`, drawn thinly or as Textual does."""
    with serve(rate) as server, tempfile.TemporaryDirectory() as home:
        configure(Path(home), server.port, _ALONE if alone else "")
        with Program(_STOCK if stock else lama(), Path(home), env=_SSH | {"PYTHONPATH": str(_ROOT)}) as program:
            stream = _stream(program, server)
    screens = list(Replay(*WIDE).samples(stream.chunks, 0.25))
    changes = sum(before != after for before, after in itertools.pairwise(screens))
    return Cost(
        stream.cpu / (stream.ended - stream.began), stream.written / len(pieces()), changes / (len(screens) - 1)
    )


def measure_lag(rate: float, above: int = 0) -> Lag:
    """How late the event loop was, with so many messages above the answer."""
    with serve(rate) as server, tempfile.TemporaryDirectory() as home:
        configure(Path(home), server.port)
        if above:
            asyncio.run(_fill(Path(home) / "lama", above))
        file = Path(home) / "lag.json"
        command = [sys.executable, "-m", "tests.benchmarks.watched", str(file)]
        with Program(command, Path(home), env=_SSH | {"PYTHONPATH": str(_ROOT)}) as program:
            stream = _stream(program, server)
            assert program.quit() == 0
        looks: list[tuple[float, float]] = json.loads(file.read_text())
    late = sorted(late for due, late in looks if stream.began <= due <= stream.ended)
    return Lag(late[len(late) // 2], late[len(late) * 99 // 100], late[-1])


async def _fill(home: Path, messages: int) -> None:
    """One conversation of so many messages."""
    from lama_tui.conversations.table import Conversations
    from lama_tui.paths import Paths
    from lama_tui.store.database import Database

    database = await Database.open(Paths.from_environment({"LAMA_HOME": str(home)}))
    conversations = Conversations(database)
    conversation = await conversations.create("", "bench:steady")
    for number in range(messages // 2):
        _, answer = await conversations.add_turn(conversation, f"Question {number}: what is it?", "bench:steady")
        text = f"## Answer {number}\n\nIt is *this*, and `that`.\n"
        await conversations.finish(answer, "complete", text=text, finish_reason="stop")
    await database.close()


@dataclass(frozen=True, slots=True)
class _Stream:
    """When the first and last token left the server, and what the app used and wrote in between."""

    began: float
    ended: float
    cpu: float
    written: int
    chunks: list[Chunk]


def _stream(program: Program, server: "Server") -> _Stream:
    program.ready()
    program.read_for(3.0)  # what start-up leaves behind is not the stream's
    program.send("\x7fHow much memory does a long conversation take?")
    program.read_for(0.3)
    program.send("\r")
    began = server.says(program, 10)
    program.taken()
    cpu, written = program.cpu(), program.read_bytes
    ended = server.says(program, 120)
    cpu, chunks = program.cpu() - cpu, program.taken()
    program.read_for(_SETTLE)
    assert program.process.is_running()
    return _Stream(began, ended, cpu, program.read_bytes - written, chunks)


class Server:
    """The server's process, as seen from here."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        self.port = int(process.stdout.readline())
        self._said: SimpleQueue[float] = SimpleQueue()
        self._thread = threading.Thread(target=self._listen, args=(process.stdout,), daemon=True)
        self._thread.start()

    def _listen(self, lines: Sequence[str]) -> None:
        for line in lines:
            self._said.put(float(line))

    def says(self, program: Program, timeout: float) -> float:
        """The next time that the server tells; the program is read meanwhile."""
        for _ in range(int(timeout / 0.02)):
            try:
                return self._said.get_nowait()
            except Empty:
                program.read_for(0.02)
        raise AssertionError(f"the server had nothing to do for {timeout:g} s")

    def is_busy(self, program: Program) -> bool:
        """Whether it tells nothing new for now."""
        program.read_for(0.02)
        return self._said.empty()


@contextmanager
def serve(rate: float) -> Iterator[Server]:
    """A server that answers with `rate` tokens a second."""
    command = [sys.executable, "-m", "tests.benchmarks.server", str(rate)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=_ROOT)
    try:
        yield Server(process)
    finally:
        process.terminate()
        process.wait()


def configure(home: Path, port: int, more: str = "") -> None:
    """Let the program talk to the server at `port`."""
    folder = home / "lama" / "config"
    folder.mkdir(parents=True, mode=0o700)
    (folder / "config.toml").write_text(
        f"""model = "bench:steady"
[providers.bench]
kind = "openai"
endpoint = "http://127.0.0.1:{port}/v1"
model = "steady"
key_env = "BENCH_KEY"
{more}"""
    )
