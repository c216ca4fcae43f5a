"""What is known of an installed model beside its files: where it came from, what was checked, what it takes."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from textual.content import Content

from lama_tui.library.installed import InstalledModel
from lama_tui.security.gate import clean_line
from lama_tui.ui import figures
from lama_tui.ui.screens.models.table import fact

if TYPE_CHECKING:
    from lama_tui.library.benchmarking.estimate import SpeedEstimate
    from lama_tui.library.measurement_table import Measurement
    from lama_tui.library.storage.quota import DiskRoom, QuotaState
    from lama_tui.library.storage.usage import LibraryUsage, ModelStorage
    from lama_tui.library.verify.check import Checks, Level
    from lama_tui.security.signatures import SignatureFact
    from lama_tui.services import Services

MARKS = {"ok": ("✓", "$success"), "failed": ("✕", "$error"), "unknown": ("–", "$foreground-muted")}
LEVELS: dict["Level", str] = {
    "complete": "Complete",
    "hashes": "As published",
    "supported": "Supported",
    "generates": "Answers",
    "benchmarked": "Measured",
}
"""The levels of a check, in their order, as the names of facts."""

_NAMES, _COLUMN = 12, 14
"""Cells of the names of figures, and of a length of prompt."""


@dataclass(frozen=True, slots=True)
class Known:
    """Of one revision of one model. `checks` are by level; `source` is an address, an endpoint or a path.
    `measured` has an entry for each length of prompt, the shortest first; `trusted` is the digest of the program
    that may run, empty: none."""

    checks: "Checks" = field(default_factory=dict)
    signature: "SignatureFact | None" = None
    source: str = ""
    fetched: int | None = None
    speed: "SpeedEstimate | None" = None
    measured: "tuple[Measurement, ...]" = ()
    trusted: str = ""


@dataclass(frozen=True, slots=True)
class Storage:
    """What all models take, against the quota and the disk."""

    usage: "LibraryUsage"
    quota: "QuotaState"
    room: "DiskRoom | None"

    def hint(self, key: str) -> str:
        """What there is to say of all of it, and the key to do something about it; empty where there is room."""
        if self.room is not None and self.room.low:
            return f"the disk is low: {figures.size(self.room.free)} free, {key} makes room"
        if self.quota.over:
            return f"{figures.size(self.quota.over)} over the quota, {key} makes room"
        return ""


async def known(services: "Services", model: InstalledModel) -> Known:
    """Look it up. Raises `StoreError`."""
    from lama_tui.library.benchmarking.known import experts_in, newest
    from lama_tui.library.snapshot_table import SnapshotTable
    from lama_tui.library.verify.benchmarked import check_benchmarked
    from lama_tui.library.verify.check_table import CheckTable

    database = await services.database()
    checks = await CheckTable(database).of(model.ref, model.revision or "")
    signature = await (await services.signatures()).known(model)
    snapshots = [each for each in await SnapshotTable(database).all() if each.ref == model.ref]
    snapshot = next((each for each in snapshots if model.revision in (None, each.revision)), None)
    measurements = await services.measurements()
    checks = {**checks, "benchmarked": await check_benchmarked(model, measurements)}
    experts = await asyncio.to_thread(experts_in, Path(model.path)) if model.path else None
    speeds = await services.speeds([model])
    return Known(
        checks,
        signature,
        snapshot.source if snapshot is not None else "",
        snapshot.fetched if snapshot is not None else None,
        speeds.of(model.ref, model.weights, model.bits, experts),
        newest(await measurements.of(model.ref, model.revision or "")),
        (await services.trusting(model)).trusted,
    )


async def storage(services: "Services") -> Storage:
    """Measure the disk. Raises `StoreError`."""
    from lama_tui.library.hub_cache import hub_cache_folder
    from lama_tui.library.storage.quota import disk_room, quota_state
    from lama_tui.library.storage.usage import library_usage

    library = services.settings.library
    usage = await library_usage(services.paths)
    uses = await (await services.models()).all()
    loaded = await asyncio.to_thread(services.loaded_models)
    room = await disk_room(hub_cache_folder(), library.low_disk)
    kept = {services.settings.model, *loaded}
    return Storage(usage, quota_state(usage, uses, library.quota, kept), room)


def lines(found: Known, storage: "ModelStorage | None", now: int, width: int, verify: str, bench: str) -> list[Content]:
    """The facts, each on its line; `verify` and `bench` are the keys that check and measure."""
    text: list[Content] = []
    if found.speed is not None and not found.measured:
        text += fact("Speed", f"{figures.rate(found.speed.decode_tok_s)}, {found.speed.source}", width)
    if storage is not None:
        shared = storage.size - storage.alone
        also = f", {figures.size(shared)} of it shared with others" if shared else ""
        old = f", {figures.size(storage.old)} of it old revisions" if storage.old else ""
        text += fact("Takes", f"{figures.size(storage.size)} on the disk{also}{old}", width)
    if found.source:
        came = f", {figures.ago(found.fetched, now)}" if found.fetched else ""
        text += fact("From", clean_line(found.source, 400) + came, width)
    how = f"  {verify} checks all levels, {bench} measures"
    text += [Content(""), Content.assemble(("Checks", "bold"), (how, "$foreground-muted"))]
    for level, name in LEVELS.items():
        check = found.checks.get(level)
        mark, style = MARKS[check.status if check is not None else "unknown"]
        said = clean_line(check.detail, 300) if check is not None else "not looked at"
        when = f", {figures.ago(check.at, now)}" if check is not None and check.at and check.status == "ok" else ""
        text += fact(name, Content.assemble((f"{mark} ", style), f"{said}{when}"), width)
        if check is not None and check.status == "failed":
            text += [Content.styled(f"  {clean_line(each.path, 100)} {clean_line(each.what, 100)}", "$foreground-muted")
                     for each in check.differences[:5]]  # fmt: skip
            if check.hint:
                text += fact("", Content.assemble(("→ ", "$accent"), clean_line(check.hint, 300)), width)
    return [*text, *_signature(found.signature, width)]


def speeds(measured: "Sequence[Measurement]", now: int, width: int) -> list[Content]:
    """What was measured, a column for each length of prompt that there is room for; nothing where nothing was."""
    if not measured:
        return []
    shown = measured[: max(1, (width - _NAMES) // _COLUMN)]
    newest = max(measured, key=lambda each: each.at)
    rows = (
        ("Prompt", [f"{each.prompt_tokens:,} tokens" for each in shown]),
        ("Reads", [figures.rate(each.prefill_tok_s) for each in shown]),
        ("Writes", [figures.rate(each.decode_tok_s) for each in shown]),
        ("First token", [figures.milliseconds(each.ttft_ms) for each in shown]),
        ("Peak memory", [figures.size(each.peak_memory) for each in shown]),
        ("Medians of", [f"{each.runs} run{'s' if each.runs != 1 else ''}" for each in shown]),
    )
    where = f"  on {clean_line(newest.device, 60)}, {figures.ago(newest.at, now)}"
    text = [Content.assemble(("Measured", "bold"), (where, "$foreground-muted"))]
    return text + [
        Content.assemble((f"{name:<{_NAMES}}", "$foreground-muted"), "".join(f"{value:>{_COLUMN}}" for value in values))
        for name, values in rows
    ]


def _signature(fact_: "SignatureFact | None", width: int) -> list[Content]:
    """Who signed it, or that nobody did; a fact of its own."""
    if fact_ is None:
        return fact("Signature", f"{figures.UNKNOWN} not looked at", width)
    style = {"signed": "$success", "INVALID": "$error"}.get(fact_.verdict, "")
    text = fact("Signature", Content.assemble((str(fact_), style), f"  {fact_.detail}" if fact_.detail else ""), width)
    return text + (fact("", Content.assemble(("→ ", "$accent"), fact_.hint), width) if fact_.hint else [])
