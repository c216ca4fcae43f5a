"""What is done when memory is short, one step after the other, from what costs least to what costs most. Pure."""

import time
from collections.abc import Collection
from dataclasses import dataclass
from enum import IntEnum
from typing import Self


class Rung(IntEnum):
    """A step of the ladder."""

    BUFFERS = 1
    """Hand back free buffers: they are made again when they are needed."""
    PROMPTS = 2
    """Let remembered prompts go: they are read again."""
    REFUSE = 3
    """Begin nothing new until there is memory again."""
    UNLOAD = 4
    """Unload a model that nobody uses: it is loaded again."""
    STOP = 5
    """Stop the answer that began last."""


@dataclass(frozen=True, slots=True)
class Relief:
    """A step that was taken because memory was short, or to make room. `freed` is bytes, `at` UTC milliseconds."""

    rung: Rung
    at: int
    freed: int = 0
    model: str = ""

    @classmethod
    def by(cls, rung: Rung, freed: int = 0, model: str = "") -> Self:
        """One that was taken now."""
        return cls(rung, time.time_ns() // 1_000_000, freed, model)

    @property
    def words(self) -> str:
        """What was done, for people: what it was comes first, a narrow pane cuts the rest."""
        size = f"{self.freed / 1024**2:,.0f} MiB"
        match self.rung:
            case Rung.BUFFERS:
                return f"buffers dropped, {size}"
            case Rung.PROMPTS:
                return f"prompts dropped, {size}"
            case Rung.REFUSE:
                return "no new answers for now"
            case Rung.UNLOAD:
                return f"unloaded {self.model}, {size}"
            case Rung.STOP:
                return f"stopped an answer of {self.model}"


def next_rung(last: Rung | None, over: int, useful: Collection[Rung]) -> Rung | None:
    """The next step, None where all is well or nothing is left to do.

    `last` is the newest step since memory became short, `over` how many bytes too many are in use now, and `useful`
    are the steps that could do something. After the highest one the ladder begins anew: what an answer that was
    stopped had computed is remembered, until that is let go too.
    """
    if not over or not useful:
        return None
    higher = [rung for rung in useful if last is None or rung > last]
    return min(higher or useful)
