"""What was found about a model, as plain values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

Level = Literal["complete", "hashes", "supported", "generates", "benchmarked"]
"""`complete`: all its files are there, sizes and headers right. `hashes`: they are what was published. `supported`:
the backend knows its format and architecture. `generates`: it answered. `benchmarked`: its speed was measured here."""

LEVELS: tuple[Level, ...] = ("complete", "hashes", "supported", "generates", "benchmarked")

Status = Literal["ok", "failed", "unknown"]
"""`unknown`: it was not looked at, or there is nothing to compare with; `detail` says which."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A file that is not as it should be; `path` is relative to the model's folder, with `/`."""

    path: str
    what: str


@dataclass(frozen=True, slots=True)
class Check:
    """What one level said. `detail` is one line for people, `hint` what to do; `at` is UTC milliseconds.

    Paths come from listings of the hub and from folders: they are untrusted.
    """

    level: Level
    status: Status
    detail: str = ""
    differences: tuple[Difference, ...] = ()
    hint: str = ""
    at: int | None = None

    def with_hint(self, hint: str) -> "Check":
        """The same with what to do, where it failed and says nothing itself."""
        return replace(self, hint=hint) if self.status == "failed" and not self.hint else self


Checks: TypeAlias = Mapping[Level, Check]
"""What is known of one revision of one model, by level."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a level is: bytes of `total` (0: unknown), and the file or the step that it is at."""

    level: Level
    done: int = 0
    total: int = 0
    now: str = ""


Watch: TypeAlias = Callable[[Progress], None]
"""Gets the progress on the event loop, ten times a second at most for each level."""
