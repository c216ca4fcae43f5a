"""From a key to what it opens: every screen, and a switch between two conversations of 1,000 messages.

The time is until a text that only stands there is on screen. Each screen is opened twice: the
first time imports it.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.program import WIDE, Program, lama
from tests.benchmarks.replay import Replay

_MESSAGES = 1000
_ROUNDS = 7

SCREENS: Mapping[str, tuple[str, str]] = {
    "palette": ("\x10", "do you want to do?"),
    "help": ("\x1bOP", "a key, or what it does"),
    "model browser": ("\x0c", "Downloads"),
    "model picker": ("\x1b[17~", "Model of this conversation"),
    "settings": ("\x1bOS", "prompt_cache_ram"),
    "chat settings": ("\x1bOR", "Context policy"),
    "themes": ("\x1b[18~", "contrast-dark"),
    "log": ("\x1b[19~", "Nothing went wrong"),
    "search": ("\x06", "Search in all conversations"),
    "prompt history": ("\x12", "What you wrote before"),
}
"""What the terminal sends for the key of each, and what stands on no other."""

_ENDS = ("the very last words of the first", "the very last words of the second")


@dataclass(frozen=True, slots=True)
class Screens:
    """Seconds: each screen when first opened and again; a switch between two long conversations, median and worst."""

    first: Mapping[str, float]
    again: Mapping[str, float]
    switch: float
    worst_switch: float


def measure() -> Screens:
    """Open everything in a home with two long conversations."""
    with tempfile.TemporaryDirectory() as home:
        asyncio.run(_fill(Path(home) / "lama"))
        with Program(lama(), Path(home)) as program:
            program.ready()
            program.read_for(3.0)
            program.send("\x7f")
            replay = Replay(*WIDE)
            first = {name: _open(program, replay, *screen) for name, screen in SCREENS.items()}
            again = {name: _open(program, replay, *screen) for name, screen in SCREENS.items()}
            switches = [_switch(program, replay, number) for number in range(2 * _ROUNDS)][2:]
    return Screens(first, again, statistics.median(switches), max(switches))


def _open(program: Program, replay: Replay, key: str, text: str) -> float:
    took = _until(program, replay, key, text)
    program.send("\x1b")
    program.read_for(0.6)
    return took


def _switch(program: Program, replay: Replay, number: int) -> float:
    """Go to the other conversation: the list has two, and is in the order of their last words."""
    program.send("\x13")
    program.read_for(0.3)
    program.send("\x1b[B" if number % 2 == 0 else "\x1b[A")
    return _until(program, replay, "\r", _ENDS[number % 2])


def _until(program: Program, replay: Replay, key: str, text: str) -> float:
    """Seconds from a key until a text is on screen."""
    program.read_for(0.4)
    replay.feed(program.taken())
    assert text not in replay.text()
    pressed = time.perf_counter()
    program.send(key)
    program.read_for(0.6)
    return replay.when(program.taken(), lambda screen: text in screen) - pressed


async def _fill(home: Path) -> None:
    """Two conversations; the second is the newer one, which opens first."""
    from lama_tui.conversations.table import Conversations
    from lama_tui.paths import Paths
    from lama_tui.store.database import Database

    database = await Database.open(Paths.from_environment({"LAMA_HOME": str(home)}))
    conversations = Conversations(database)
    for end in _ENDS:
        conversation = await conversations.create("", "guide")
        for number in range(_MESSAGES // 2):
            _, answer = await conversations.add_turn(conversation, f"Question {number}: what is it?", "guide")
            text = (
                f"## Answer {number}\n\nIt is *this*, and `that`:\n\n- one\n- two\n\n```python\nprint({number})\n```\n"
            )
            last = f"\n{end}" if number == _MESSAGES // 2 - 1 else ""
            await conversations.finish(answer, "complete", text=text + last, finish_reason="stop")
    await database.close()
