"""What lists of models say of trust, in one look at the store."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lama_tui.store.database import Database


@dataclass(frozen=True, slots=True)
class Facts:
    """`verified`: whether its files are complete and what was published; None: not known. `signature` is what was
    found of its signature, in words; None: it was not looked at."""

    verified: bool | None = None
    signature: str | None = None


async def facts(database: "Database", ref: str, revision: str | None) -> Facts:
    """What is known of one revision of one model. Raises `StoreError`."""
    rows = await database.read(
        "SELECT level, status, detail FROM model_checks WHERE ref = ? AND revision = ?", (ref, revision or "")
    )
    return _facts({row["level"]: (row["status"], row["detail"]) for row in rows})


async def all_facts(database: "Database") -> Mapping[tuple[str, str], Facts]:
    """What is known of every model, by reference and revision ("" where it has none). Raises `StoreError`."""
    found: dict[tuple[str, str], dict[str, tuple[str, str]]] = {}
    for row in await database.read("SELECT ref, revision, level, status, detail FROM model_checks"):
        found.setdefault((row["ref"], row["revision"]), {})[row["level"]] = row["status"], row["detail"]
    return {key: _facts(levels) for key, levels in found.items()}


def _facts(levels: Mapping[str, tuple[str, str]]) -> Facts:
    statuses = {level: status for level, (status, _) in levels.items()}
    verified = None
    if "failed" in (statuses.get("complete"), statuses.get("hashes")):
        verified = False
    elif statuses.get("hashes") == "ok":
        verified = True
    return Facts(verified, levels["signature"][1] if "signature" in levels else None)
