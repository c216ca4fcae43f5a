"""What the engine thread does next, decided from plain values.

Work is served in the order it came. One model is loaded at a time: work for another model
waits until what runs has ended, and what came after it waits behind it, so that a busy model
can never starve a question to another one.
"""

from dataclasses import dataclass
from enum import Enum, auto

from lama_tui.engine.backend import ModelSource


class Move(Enum):
    """The next thing to do."""

    LOAD = auto()
    """Replace what is loaded by the model of the first in line."""
    UNLOAD = auto()
    """The first in line asks to drop what is loaded."""
    ADMIT = auto()
    """The model of the first in line is loaded: let it begin."""
    STEP = auto()
    """Advance what runs."""
    WAIT = auto()
    """Nothing to do."""


@dataclass(frozen=True, slots=True)
class First:
    """Who is first in line. `source` None asks to unload; `generates` False only loads."""

    source: ModelSource | None
    generates: bool


def next_move(first: First | None, running: int, loaded: ModelSource | None, parallel: int) -> Move:
    """Choose the next move; `running` counts admitted requests, at most `parallel` of them."""
    ready = first is not None and first.source is not None and first.source == loaded
    if first is not None and ready and (running < parallel or not first.generates):
        return Move.ADMIT
    if running:
        return Move.STEP
    if first is None:
        return Move.WAIT
    return Move.UNLOAD if first.source is None else Move.LOAD
