"""Who signed the models here: what is checked is kept in the store, and a policy refuses what nobody trusted signed.

A check reads every byte. What it said holds as long as no file of the model and nothing of whom you trust changed.
"""

import asyncio
import hashlib
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from lama_tui.config.settings import LibrarySettings
from lama_tui.errors import SignatureError
from lama_tui.library.installed import InstalledModel
from lama_tui.security.signatures import SignatureFact, SignaturePolicy, Verdict, check_signature, require
from lama_tui.types import GUIDE

if TYPE_CHECKING:
    from lama_tui.store.database import Database

_STATUS: dict[Verdict, str] = {"signed": "ok", "INVALID": "failed", "unsigned": "unknown", "unknown": "unknown"}
_POLICY = "policy"


class Signatures:
    """Checks signatures by the policy of the settings. Raises `StoreError` and, for bad settings, `SignatureError`."""

    def __init__(self, database: "Database", settings: LibrarySettings) -> None:
        self._database = database
        self._policy = SignaturePolicy.of(
            settings.require_signatures, settings.trusted_keys, settings.trusted_identities
        )

    async def check(self, model: InstalledModel) -> SignatureFact:
        """Check it now, and keep what is found. Cancelled, it stops."""
        began = time.time_ns() // 1_000_000
        digest = await asyncio.to_thread(_digest, self._policy)
        fact = await check_signature(_folder(model), self._policy)
        hint = " ".join(part for part in (fact.detail and f"{fact.detail}.", fact.hint) if part)
        async with self._database.transaction() as connection:
            await connection.execute(
                "INSERT OR REPLACE INTO model_checks (ref, revision, level, status, detail, differences, hint, at)"
                " VALUES (?, ?, 'signature', ?, ?, ?, ?, ?)",
                (
                    model.ref, model.revision or "", _STATUS[fact.verdict], str(fact),
                    json.dumps([[_POLICY, digest]]), hint, began,
                ),
            )  # fmt: skip
        return fact

    async def known(self, model: InstalledModel) -> SignatureFact | None:
        """What was found last; None where it was never checked, or something changed since."""
        rows = await self._database.read(
            "SELECT detail, differences, hint, at FROM model_checks"
            " WHERE ref = ? AND revision = ? AND level = 'signature'",
            (model.ref, model.revision or ""),
        )
        if not rows:
            return None
        row = rows[0]
        digest, newest = await asyncio.to_thread(lambda: (_digest(self._policy), _newest(_folder(model))))
        # a file that changed in the same millisecond may have changed after it was read
        if row["differences"] != json.dumps([[_POLICY, digest]]) or newest is None or newest >= row["at"]:
            return None
        return _fact(row["detail"], row["hint"])

    async def demand(self, model: InstalledModel) -> SignatureFact | None:
        """What the policy wants of a model before it is used, checked where that is not known.

        Raises `SignatureError` where "always" refuses it. None: nothing is wanted.
        """
        if self._policy.require == "never" or model.ref == GUIDE:
            return None
        fact = await self.known(model) or await self.check(model)
        if self._policy.require == "always":
            require(model.ref, fact)
        return fact

    async def demand_of_new(self, ref: str, folder: Path) -> SignatureFact | None:
        """The same of a folder that is about to become a model. Keeps nothing."""
        if self._policy.require == "never":
            return None
        fact = await check_signature(folder, self._policy)
        if self._policy.require == "always":
            require(ref, fact)
        return fact


def warning(ref: str, fact: SignatureFact | None) -> str:
    """What "warn" tells of a model; empty where it is signed, or nothing is wanted."""
    if fact is None or fact.verdict == "signed":
        return ""
    try:
        require(ref, fact)
    except SignatureError as error:
        return f"{error.title}: {fact.detail}" if fact.detail else error.title
    return ""


def _folder(model: InstalledModel) -> Path:
    path = Path(model.path)
    return path.parent if model.format == "gguf" and path.suffix.lower() == ".gguf" else path


def _newest(folder: Path) -> int | None:
    """UTC milliseconds of the last change of anything in it, which nobody can set back; None: it cannot be told."""
    newest = 0
    try:
        for base, folders, names in os.walk(folder, onerror=_raise):
            for path in (base, *(os.path.join(base, name) for name in (*folders, *names))):  # noqa: PTH118 — many
                # of a link in the hub's cache both it and what it leads to
                newest = max(newest, os.lstat(path).st_ctime_ns, os.stat(path).st_ctime_ns)  # noqa: PTH116
    except OSError:
        return None
    return newest // 1_000_000


def _raise(error: OSError) -> None:
    raise error


def _digest(policy: SignaturePolicy) -> str:
    """Whom it trusts: the bytes of their keys, not where these are."""
    digest = hashlib.sha256()
    for key in policy.keys:
        try:
            digest.update(f"{key}\0".encode() + key.read_bytes())
        except OSError:
            digest.update(f"{key} cannot be read\0".encode())
    for identity in policy.identities:
        digest.update(f"{identity.name}\0{identity.issuer}\0".encode())
    return digest.hexdigest()


def _fact(detail: str, hint: str) -> SignatureFact:
    """What `check` kept."""
    if detail.startswith("signed by "):
        return SignatureFact("signed", detail.removeprefix("signed by "))
    verdict: Verdict = "unsigned" if detail == "unsigned" else "INVALID" if detail == "INVALID" else "unknown"
    return SignatureFact(verdict, detail=hint)
