"""A download or an import in words and as a bar. No widgets."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from textual.content import Content

from lama_tui.library.downloads.job import Job, JobState
from lama_tui.library.hub.gguf_files import named
from lama_tui.security.gate import clean_line
from lama_tui.security.redaction import redact
from lama_tui.ui import figures

DONE, TODO = "█", "░"
"""Differ in shape, not only in colour."""

MARKS: dict[JobState, tuple[str, str]] = {
    "queued": ("◌", "$foreground-muted"),
    "running": ("↓", "$accent"),
    "paused": ("‖", "$foreground-muted"),
    "waiting": ("…", "$warning"),
    "done": ("✓", "$success"),
    "failed": ("✕", "$error"),
    "cancelled": ("–", "$foreground-muted"),
}

_LONGEST = 300
"""Characters of a reason."""


def title(job: Job) -> str:
    """The model, and of a GGUF repo which of its quantizations."""
    part = named(job.patterns)
    return clean_line(f"{job.ref} {part}" if part else job.ref, _LONGEST)


def is_local(job: Job) -> bool:
    """Whether it is an import from this disk: that leaves nothing behind when it is stopped, and begins again."""
    return job.kind == "import" and "://" not in job.source


def step(job: Job) -> str:
    """What an import does now, in one word: fetching, copying, unpacking, checking, hashing."""
    first = job.now.partition(" ")[0]
    if first in ("checking", "copying", "unpacking", "hashing"):
        return first
    return "checking" if is_local(job) else "fetching"  # which is said by the file alone


def origin(job: Job, longest: int = _LONGEST) -> str:
    """The hub, the address or the path that it comes from."""
    source, home = job.source, str(Path.home())
    if is_local(job) and source.startswith(f"{home}/"):
        return clean_line(f"~{source[len(home) :]}", longest)
    return clean_line(redact(source), longest)


def here(job: Job) -> int:
    """Bytes of it that are on the disk, and are not fetched or copied again."""
    is_gone = is_local(job) and job.state not in ("running", "done")
    return 0 if is_gone else job.done_bytes


def share(job: Job) -> float | None:
    """How much of it is here, 0 to 1; None where its size is not known yet."""
    if job.state == "done":
        return 1.0
    return min(1.0, here(job) / job.total_bytes) if job.total_bytes else None


def percent(part: float | None) -> str:
    """Never 100 before everything is here."""
    return figures.UNKNOWN if part is None else f"{int(100 * part)} %"


def bar(part: float | None, width: int) -> Content:
    """`part` of `width` cells."""
    full = int((part or 0.0) * width)
    return Content.assemble((DONE * full, "$accent"), (TODO * (width - full), "$foreground-muted"))


def amount(job: Job) -> str:
    """How much of how much."""
    if job.state == "done":
        return figures.size(job.total_bytes or job.done_bytes)
    bytes_here = here(job)
    if job.state in ("cancelled", "failed") and not bytes_here:
        return "nothing of it is here"
    if job.total_bytes is None:
        return figures.size(bytes_here) if bytes_here else "size not known yet"
    return figures.of_total(bytes_here, job.total_bytes)


def state(job: Job, now: int) -> str:
    """What it does, or why it does nothing. `now`: UTC milliseconds."""
    why = clean_line(job.why, _LONGEST)
    match job.state:
        case "queued":
            return why or "waits for its turn"
        case "running":
            return {"update": "updating", "import": f"importing: {step(job)}"}.get(job.kind, "downloading")
        case "paused":
            return "paused"
        case "waiting":
            seconds = 0 if job.retry_at is None else (job.retry_at - now) / 1000
            again = f"tries again in {figures.duration(seconds)}" if seconds > 0 else ""
            return ": ".join(filter(None, ("waits", ", ".join(filter(None, (why, again))))))
        case "done":
            return "is here"
        case "failed":
            return clean_line(job.error.title if job.error else why or "failed", _LONGEST)
        case "cancelled":
            return "given up"


def pace(job: Job) -> str:
    """How fast, and how long it takes; empty where nothing comes."""
    if job.state != "running":
        return ""
    left = f"{figures.duration(job.left)} left" if job.left is not None else ""
    return "  ".join(filter(None, (figures.speed(job.rate) if job.rate is not None else "", left)))


def progress(job: Job, now: int, room: int = 1000) -> str:
    """All on one line, as much of it as `room` cells are enough for; how far it is goes before how fast."""
    if job.state != "running":
        return state(job, now)
    pieces = [piece for piece in (percent(share(job)), amount(job), pace(job)) if piece]
    while len(pieces) > 1 and len("  ".join(pieces)) > room:
        pieces.pop()
    return "  ".join(pieces)


@dataclass(frozen=True, slots=True)
class Total:
    """All that is not ended, together. Bytes, bytes a second, seconds; None is unknown."""

    jobs: int = 0
    imports: int = 0
    running: int = 0
    done: int = 0
    total: int | None = None
    rate: float | None = None

    @classmethod
    def of(cls, jobs: Sequence[Job]) -> "Total":
        """Add up those that are not ended."""
        open_ = [job for job in jobs if not job.ended]
        running = [job for job in open_ if job.state == "running"]
        known = [job.total_bytes for job in open_ if job.total_bytes is not None]
        rates = [job.rate for job in running if job.rate is not None]
        return cls(
            len(open_),
            sum(job.kind == "import" for job in open_),
            len(running),
            sum(here(job) for job in open_),
            sum(known) if open_ and len(known) == len(open_) else None,
            sum(rates) if rates else None,
        )

    @property
    def share(self) -> float | None:
        """How much of everything is here, 0 to 1."""
        return min(1.0, self.done / self.total) if self.total else None

    @property
    def left(self) -> float | None:
        """Seconds, at the rate of now."""
        return (self.total - self.done) / self.rate if self.total is not None and self.rate else None

    def __str__(self) -> str:
        """The total line."""
        if not self.jobs:
            return "Nothing is being downloaded."
        counted = ((self.jobs - self.imports, "download"), (self.imports, "import"))
        what = ", ".join(f"{count} {name}{'s' if count > 1 else ''}" for count, name in counted if count)
        how_far = figures.of_total(self.done, self.total) if self.total is not None else figures.size(self.done)
        pieces = [what, how_far]
        if self.share is not None:
            pieces.append(percent(self.share))
        if self.rate is not None:
            pieces.append(figures.speed(self.rate))
        if self.left is not None:
            pieces.append(f"{figures.duration(self.left)} left")
        return "  ·  ".join(pieces)


def tab(jobs: Sequence[Job]) -> str:
    """For the name of the section: as `brief`, and how many failed and need somebody."""
    failed = sum(job.state == "failed" for job in jobs)
    return " ".join(filter(None, (brief(jobs), f"✕ {failed} failed" if failed else "")))


def brief(jobs: Sequence[Job]) -> str:
    """For the line of the workspace: `↓ 42 %`; empty where nothing is being downloaded."""
    total = Total.of(jobs)
    if not total.jobs:
        return ""
    if total.running:
        return f"↓ {percent(total.share)}" if total.share is not None else "↓"
    states = {job.state for job in jobs if not job.ended}
    return "↓ waits" if "waiting" in states else "↓ paused" if states == {"paused"} else "↓ queued"
