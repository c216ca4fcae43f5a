"""What a download is, as plain values."""

from dataclasses import dataclass
from typing import Literal, NewType

from lama_tui.errors import LamaError

JobId = NewType("JobId", int)

JobKind = Literal["download", "update", "import"]
JobState = Literal["queued", "running", "paused", "waiting", "done", "failed", "cancelled"]
"""`waiting`: for its next try, for a network, for power; `why` says which. `paused`: by a person."""

ENDED: frozenset[JobState] = frozenset(("done", "failed", "cancelled"))


@dataclass(frozen=True, slots=True)
class Job:
    """One fetch of one model, as it is now. Bytes, bytes a second, seconds, UTC milliseconds; None is unknown.

    `rate` is that of the last seconds, `left` what it means for the time. `owner` is the instance that works
    on it, `mine` whether that is this one. `now` names the file that is being fetched, or the step and the file.
    `source` is the endpoint of a hub; of imports an address or an absolute path. `cache` is the folder of the hub's
    cache that it fills; empty for imports. `patterns` are of the files that were asked for; none: the usual ones.
    """

    id: JobId
    kind: JobKind
    ref: str
    source: str
    revision: str
    state: JobState
    commit: str | None = None
    why: str = ""
    error: LamaError | None = None
    attempts: int = 0
    retry_at: int | None = None
    owner: str | None = None
    mine: bool = False
    done_bytes: int = 0
    total_bytes: int | None = None
    files_done: int = 0
    files: int | None = None
    rate: float | None = None
    left: float | None = None
    now: str = ""
    cache: str = ""
    patterns: tuple[str, ...] = ()
    created: int = 0
    updated: int = 0

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to it by itself."""
        return self.state in ENDED
