"""What lists of models say of trust, in one look at the store."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lama_tui.library.verify.check_table import FRESH
from lama_tui.library.verify.record import FOUND

if TYPE_CHECKING:
    from lama_tui.store.database import Database


_FETCHED = """
SELECT s.ref, s.revision, s.kind, count(*) AS files, coalesce(sum(f.ok = 1), 0) AS fine,
    coalesce(sum(f.ok = 0), 0) AS wrong
FROM snapshots s JOIN snapshot_files f ON f.snapshot_id = s.id GROUP BY s.id ORDER BY s.fetched
"""
"""What was found of the hashes of each file, as it came or later."""


@dataclass(frozen=True, slots=True)
class Facts:
    """`verified`: whether its files are complete and what was published; None: not known. `signature` is what was
    found of its signature, in words; None: it was not looked at."""

    verified: bool | None = None
    signature: str | None = None


async def facts(database: "Database", ref: str, revision: str | None) -> Facts:
    """What is known of one revision of one model. Raises `StoreError`."""
    return (await all_facts(database)).get((ref, revision or ""), Facts())


async def all_facts(database: "Database") -> Mapping[tuple[str, str], Facts]:
    """What is known of every model, by reference and revision ("" where it has none). Raises `StoreError`."""
    found: dict[tuple[str, str], dict[str, tuple[str, str]]] = {}
    for row in await database.read(_FETCHED):
        status = "failed" if row["wrong"] else "ok" if row["fine"] == row["files"] else "unknown"
        found[row["ref"], row["revision"] if row["kind"] == "hub" else ""] = {"hashes": (status, "")}
    checked = f"SELECT ref, revision, level, status, detail FROM model_checks WHERE {FRESH}"  # noqa: S608
    for row in await database.read(checked, (FOUND,)):
        found.setdefault((row["ref"], row["revision"]), {})[row["level"]] = row["status"], row["detail"]
    return {key: _facts(levels) for key, levels in found.items()}


def _facts(levels: Mapping[str, tuple[str, str]]) -> Facts:
    statuses = {level: status for level, (status, _) in levels.items()}
    verified = None
    if "failed" in (statuses.get("complete"), statuses.get("hashes")):
        verified = False
    elif statuses.get("hashes") == "ok":
        verified = True
    _, signature = levels.get("signature", ("", ""))
    return Facts(verified, signature if signature not in ("", "–") else None)
