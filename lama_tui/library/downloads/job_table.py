"""The queue as every instance sees it: jobs, who works on them, and what people wish of them.

One owner at a time: a job is claimed in one transaction, and what an instance that is gone had claimed is
free again. Everybody may wish; the owner alone follows. Every method raises `StoreError`.
"""

import json
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Literal

from lama_tui.errors import DownloadError, LamaError
from lama_tui.library.downloads.job import ENDED, Job, JobId, JobKind, JobState
from lama_tui.library.hub.values import HubFile
from lama_tui.security.gate import clean_line
from lama_tui.security.redaction import redact

if TYPE_CHECKING:
    import sqlite3

    from aiosqlite import Connection

    from lama_tui.store.database import Database

Wish = Literal["run", "pause", "cancel"]

_SHOWN = 200  # ended jobs that are still listed
_WORKABLE = ("queued", "running", "waiting")
_WISHED: dict[JobState, Wish] = {"paused": "pause", "cancelled": "cancel"}
_AT_ONCE = 0  # instead of the time of the next try: somebody wishes it now


@dataclass(frozen=True, slots=True)
class JobOptions:
    """`patterns` are the files that are wanted, as shell patterns; none: all that the model needs.

    `keep_parts` is of a cancelled job: whether what came so far stays. The others are of imports, as `lama import`
    takes them.
    """

    patterns: tuple[str, ...] = ()
    keep_parts: bool = True
    sha256: str = ""
    link: bool = False
    insecure_http: bool = False

    def to_json(self) -> str:
        """As the table keeps it."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "JobOptions":
        """What `to_json` wrote; unknown keys are another version's."""
        known = json.loads(text)
        return cls(
            tuple(known.get("patterns", ())),
            bool(known.get("keep_parts", True)),
            str(known.get("sha256", "")),
            bool(known.get("link", False)),
            bool(known.get("insecure_http", False)),
        )

    def same_work(self, other: "JobOptions") -> bool:
        """Whether both ask for the same."""
        return replace(self, keep_parts=other.keep_parts) == other


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """A row: the job, what is wished of it, what to fetch, and whether one that waits is to try now."""

    job: Job
    wish: Wish
    options: JobOptions
    at_once: bool = False


@dataclass(frozen=True, slots=True)
class Figures:
    """How far a job is, as its owner tells the others. Bytes, bytes a second."""

    done_bytes: int
    total_bytes: int | None
    files_done: int
    files: int | None
    rate: float | None
    now: str


class JobTable:
    """The tables `jobs` and `job_files` of a database, as the instance `database.instance` uses them."""

    def __init__(self, database: "Database") -> None:
        self._database = database
        self.instance = database.instance

    async def add(
        self, kind: JobKind, ref: str, source: str, revision: str, options: JobOptions, cache: str = ""
    ) -> JobId:
        """A new job, or the one that already does the same. Raises `DownloadError` where another import that is not
        ended will have the name."""
        async with self._database.transaction(durable=True) as connection:
            rows = await connection.execute_fetchall(
                "SELECT id, state, source, options FROM jobs WHERE ref = ? AND revision = ? AND kind = ?"
                " AND cache = ? AND state != 'done' ORDER BY state IN ('failed', 'cancelled'), id DESC",
                (ref, revision, kind, cache),
            )
            for row in rows:
                same = row["source"] == source and JobOptions.from_json(row["options"]).same_work(options)
                if not same and kind == "import" and row["state"] not in ENDED:
                    raise DownloadError(
                        f"Another import will be named {ref}", clean_line(redact(row["source"]), 160),
                        "Choose another name, or cancel that one first",
                    )  # fmt: skip
                if not same:
                    continue
                if row["state"] in ENDED:  # begin again: what the revision is now is asked anew
                    await connection.execute(
                        "UPDATE jobs SET state = 'queued', wish = 'run', commit_id = NULL, why = '', error = NULL,"
                        " attempts = 0, retry_at = NULL, owner = NULL, updated = ? WHERE id = ?",
                        (_now(), row["id"]),
                    )
                return JobId(row["id"])
            cursor = await connection.execute(
                "INSERT INTO jobs (kind, ref, source, revision, state, options, cache, created, updated)"
                " VALUES (?, ?, ?, ?, 'queued', ?, ?, ?, ?)",
                (kind, ref, source, revision, options.to_json(), cache, _now(), _now()),
            )
            return JobId(cursor.lastrowid or 0)

    async def job(self, job: JobId) -> QueuedJob | None:
        """One job; None when it was forgotten."""
        rows = await self._database.read("SELECT * FROM jobs WHERE id = ?", (job,))
        return self._queued(rows[0]) if rows else None

    async def jobs(self) -> list[QueuedJob]:
        """Those that are not ended, oldest first, then the newest of the ended."""
        rows = await self._database.read(
            f"SELECT * FROM jobs WHERE {_not_ended()} UNION ALL SELECT * FROM"  # noqa: S608
            f" (SELECT * FROM jobs WHERE NOT {_not_ended()} ORDER BY updated DESC LIMIT ?)",
            (_SHOWN,),
        )
        queued = [self._queued(row) for row in rows]
        return sorted(queued, key=lambda row: (row.job.ended, -row.job.updated if row.job.ended else row.job.id))

    async def watched(self, known: Collection[JobId]) -> list[QueuedJob]:
        """Those that are not ended, and of the others those that are `known`; oldest first."""
        rows = await self._database.read(
            f"SELECT * FROM jobs WHERE {_not_ended()} OR id IN (SELECT value FROM json_each(?)) ORDER BY id",  # noqa: S608
            (json.dumps(list(known)),),
        )
        return [self._queued(row) for row in rows]

    async def has_import(self, ref: str, source: str) -> bool:
        """Whether an import of this name and source is not ended."""
        sql = f"SELECT 1 FROM jobs WHERE kind = 'import' AND ref = ? AND source = ? AND {_not_ended()} LIMIT 1"  # noqa: S608
        return bool(await self._database.read(sql, (ref, source)))

    async def any_running(self) -> bool:
        """Whether some instance fetches now."""
        return bool(await self._database.read("SELECT 1 FROM jobs WHERE state = 'running' LIMIT 1"))

    async def any_workable(self) -> bool:
        """Whether there is a job that is to go on by itself."""
        return bool(await self._database.read(f"SELECT 1 FROM jobs WHERE state IN {_WORKABLE} LIMIT 1"))  # noqa: S608

    async def claim(self, job: JobId, live: Collection[str], at_once: int) -> bool:
        """Make it this instance's, if nobody that lives has it and fewer than `at_once` jobs are at work.

        One that waits for its next try leaves its place to others: a model that cannot be had now must not keep
        those that can be had waiting. When it goes on there are more for a while, thrice as many at most.
        """
        async with self._database.transaction() as connection:
            rows = await connection.execute_fetchall(
                f"SELECT id, owner, retry_at FROM jobs WHERE state IN {_WORKABLE} AND wish = 'run'"  # noqa: S608
            )
            owned = {row["id"] for row in rows if await self._lives(row["owner"], live)}
            if job in owned or job not in {row["id"] for row in rows}:
                return False
            at_work = sum(row["id"] in owned and not row["retry_at"] for row in rows)
            if at_work >= at_once or len(owned) >= 3 * at_once:
                return False
            await connection.execute(
                "UPDATE jobs SET owner = ?, state = 'running', why = '', retry_at = NULL, updated = ? WHERE id = ?",
                (self.instance, _now(), job),
            )
            return True

    async def settle(
        self, job: JobId, state: JobState, *, why: str = "", error: LamaError | None = None,
        retry_at: int | None = None, attempts: int | None = None, keep: bool = False,
    ) -> bool:  # fmt: skip
        """Its owner says how it stands; without `keep` it has no owner afterwards.

        What was paused or cancelled, and is wished otherwise by now, is queued: whoever finds it follows the new wish.
        False when it is no longer this instance's: another took it over, or it was forgotten.
        """
        async with self._database.transaction(durable=state in ENDED) as connection:
            cursor = await connection.execute(
                "UPDATE jobs SET state = CASE WHEN ? AND wish != ? THEN 'queued' ELSE ? END, why = ?, error = ?,"
                " retry_at = CASE WHEN ? AND retry_at = ? THEN retry_at ELSE ? END, attempts = coalesce(?, attempts),"
                " owner = ?, rate = NULL, doing = '', updated = ? WHERE id = ? AND owner = ?",
                (
                    state in _WISHED, _WISHED.get(state), state, why, _error_json(error),
                    keep, _AT_ONCE, retry_at, attempts,
                    self.instance if keep else None, _now(), job, self.instance,
                ),
            )  # fmt: skip
            return bool(cursor.rowcount)

    async def tell(self, figures: Iterable[tuple[JobId, Figures]]) -> None:
        """Write how far this instance's jobs are."""
        async with self._database.transaction(quiet=True) as connection:
            await connection.executemany(
                "UPDATE jobs SET done_bytes = ?, total_bytes = ?, files_done = ?, files = ?, rate = ?, doing = ?,"
                " updated = ? WHERE id = ? AND owner = ?",
                [
                    (f.done_bytes, f.total_bytes, f.files_done, f.files, f.rate, f.now, _now(), job, self.instance)
                    for job, f in figures
                ],
            )

    async def wish(self, job: JobId, wish: Wish, live: Collection[str], keep_parts: bool = True) -> bool:
        """Wish that it goes on, pauses or ends; True when nobody has to follow, because nobody works on it."""
        async with self._database.transaction(durable=True) as connection:
            row = await _row(connection, job)
            if row is None or row["state"] == "done" or (wish != "run" and row["state"] == "cancelled"):
                return False
            owned = row["state"] in _WORKABLE and await self._lives(row["owner"], live)
            options = replace(JobOptions.from_json(row["options"]), keep_parts=keep_parts)
            await connection.execute(
                "UPDATE jobs SET wish = ?, options = ?, updated = ? WHERE id = ?",
                (wish, options.to_json(), _now(), job),
            )
            if owned:
                if wish == "run":  # of one that waits: try now
                    await connection.execute("UPDATE jobs SET retry_at = ? WHERE id = ?", (_AT_ONCE, job))
                return False
            state = {"run": "queued", "pause": "paused", "cancel": "cancelled"}[wish]
            if wish == "pause" and row["state"] == "failed":
                return False
            await connection.execute(
                "UPDATE jobs SET state = ?, owner = NULL, why = '', error = NULL, retry_at = NULL, attempts = 0"
                " WHERE id = ?",
                (state, job),
            )
            return True

    async def _lives(self, owner: str | None, live: Collection[str]) -> bool:
        """Whether an owner lives; one that is not among the `live` may have come since these were looked for."""
        return owner is not None and (owner in live or await self._database.lives(owner))

    async def heard(self, job: JobId) -> None:
        """Its owner follows the wish that it tries now."""
        async with self._database.transaction(quiet=True) as connection:
            await connection.execute("UPDATE jobs SET retry_at = NULL WHERE id = ? AND retry_at = ?", (job, _AT_ONCE))

    async def forget(self, job: JobId) -> bool:
        """Take it off the list; False for one that has not ended."""
        async with self._database.transaction() as connection:
            cursor = await connection.execute(f"DELETE FROM jobs WHERE id = ? AND NOT {_not_ended()}", (job,))  # noqa: S608
            return bool(cursor.rowcount)

    async def set_files(self, job: JobId, commit: str, files: Sequence[HubFile], total: int) -> None:
        """What it fetches, decided once: a job keeps its commit, whatever its revision becomes."""
        async with self._database.transaction(durable=True) as connection:
            await connection.execute("DELETE FROM job_files WHERE job_id = ?", (job,))
            await connection.executemany(
                "INSERT INTO job_files (job_id, path, size, algorithm, hash) VALUES (?, ?, ?, ?, ?)",
                [(job, file.path, file.size, file.algorithm, file.hash) for file in files],
            )
            await connection.execute(
                "UPDATE jobs SET commit_id = ?, files = ?, total_bytes = ?, updated = ? WHERE id = ?",
                (commit, len(files), total, _now(), job),
            )

    async def files(self, job: JobId) -> tuple[HubFile, ...]:
        """What it fetches; empty until that was asked."""
        rows = await self._database.read(
            "SELECT path, size, algorithm, hash FROM job_files WHERE job_id = ? ORDER BY path", (job,)
        )
        return tuple(HubFile(row["path"], row["size"], row["algorithm"], row["hash"]) for row in rows)

    async def needed_by_others(self, job: JobId) -> frozenset[str]:
        """The hashes of files of the same repo that other jobs need, which have not ended."""
        rows = await self._database.read(
            "SELECT DISTINCT f.hash FROM jobs mine JOIN jobs j ON j.ref = mine.ref AND j.cache = mine.cache"
            " AND j.id != mine.id JOIN job_files f ON f.job_id = j.id"
            " WHERE mine.id = ? AND j.state IN ('queued', 'running', 'paused', 'waiting')",
            (job,),
        )
        return frozenset(row["hash"] for row in rows)

    async def mark_done(self, job: JobId, paths: Iterable[str]) -> None:
        """These files are whole, checked and in place."""
        async with self._database.transaction(quiet=True) as connection:
            await connection.executemany(
                "UPDATE job_files SET done = 1 WHERE job_id = ? AND path = ?", [(job, path) for path in paths]
            )

    def _queued(self, row: "sqlite3.Row") -> QueuedJob:
        total, rate, options = row["total_bytes"], row["rate"], JobOptions.from_json(row["options"])
        removed = row["state"] == "cancelled" and not options.keep_parts
        job = Job(
            id=JobId(row["id"]),
            kind=row["kind"],
            ref=row["ref"],
            source=row["source"],
            revision=row["revision"],
            state=row["state"],
            commit=row["commit_id"],
            why=row["why"],
            error=_error(row["error"]),
            attempts=row["attempts"],
            retry_at=row["retry_at"] or None,
            owner=row["owner"],
            mine=row["owner"] == self.instance,
            done_bytes=0 if removed else row["done_bytes"],
            total_bytes=total,
            files_done=0 if removed else row["files_done"],
            files=row["files"],
            rate=rate,
            left=max(0, total - row["done_bytes"]) / rate if rate and total is not None else None,
            now=row["doing"],
            cache=row["cache"],
            patterns=options.patterns,
            created=row["created"],
            updated=row["updated"],
        )
        return QueuedJob(job, row["wish"], options, row["retry_at"] == _AT_ONCE)


def _now() -> int:
    return time.time_ns() // 1_000_000


def _not_ended() -> str:
    return "(state IN ('queued', 'running', 'paused', 'waiting'))"


async def _row(connection: "Connection", job: JobId) -> "sqlite3.Row | None":
    return next(iter(await connection.execute_fetchall("SELECT * FROM jobs WHERE id = ?", (job,))), None)


def _error_json(error: LamaError | None) -> str | None:
    if error is None:
        return None
    return json.dumps({"kind": error.kind, "title": error.title, "detail": error.detail, "hint": error.hint})


def _error(text: str | None) -> LamaError | None:
    """The error of a failed job, of the class that it was."""
    if text is None:
        return None
    said = json.loads(text)
    kinds: dict[str, type[LamaError]] = {}
    left: list[type[LamaError]] = [LamaError]
    while left:
        kind = left.pop()
        kinds[kind.kind] = kind
        left += kind.__subclasses__()
    return kinds.get(said["kind"], DownloadError)(said["title"], said["detail"], said["hint"])
