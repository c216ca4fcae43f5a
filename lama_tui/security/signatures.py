"""Who signed a model: OpenSSF model signing, by key or by identity.

    signed by NAME   what is there is what was signed, by somebody you trust
    unsigned         there is no signature
    INVALID          a signature that does not fit what is there, or is forged
    –                it cannot be told: nobody who signed is trusted, or what is needed is not installed

The library for it is an optional extra, reads files that come from anywhere, and prints: it runs in a child
process, which asks nothing of any network. Sigstore's public roots are those that came with it.
"""

import asyncio
import contextlib
import importlib.util
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lama_tui.errors import SignatureError
from lama_tui.security.gate import clean_line

Verdict = Literal["signed", "unsigned", "INVALID", "unknown"]

NAMES = ("model.sig", "model.sigstore.json", "model.sig.json")
"""What a signature beside the files of a model is called, as the tools for it call it; else the one `*.sig` is."""

INSTALL = "pip install 'lama-tui[signing]'"

_LINE = 1 << 16  # bytes of the child's answer


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody as an issuer of identities knows them."""

    name: str
    issuer: str


@dataclass(frozen=True, slots=True)
class SignaturePolicy:
    """Whom to trust, and what is refused. `keys` are files with public keys."""

    require: Literal["never", "warn", "always"] = "never"
    keys: tuple[Path, ...] = ()
    identities: tuple[Identity, ...] = ()

    @classmethod
    def of(
        cls, require: Literal["never", "warn", "always"], keys: Sequence[str], who: Sequence[str]
    ) -> "SignaturePolicy":
        """The policy that the settings describe. Raises `SignatureError` for an identity without an issuer."""
        identities = []
        for text in who:
            name, _, issuer = text.rpartition(" ")
            if not name.strip() or not issuer.startswith("https://"):
                raise SignatureError(
                    "library.trusted_identities cannot be used",
                    f"{clean_line(text, 80)} is not an identity and its issuer",
                    "Write it like name@example.org https://issuer.example",
                )
            identities.append(Identity(name.strip(), issuer))
        return cls(require, tuple(Path(key).expanduser() for key in keys), tuple(identities))


@dataclass(frozen=True, slots=True)
class SignatureFact:
    """What is known of a signature. `by` is who signed; `detail` says why, `hint` what to do. Clean texts."""

    verdict: Verdict
    by: str = ""
    detail: str = ""
    hint: str = ""

    def __str__(self) -> str:
        """As people read it."""
        return {"signed": f"signed by {self.by}", "unknown": "–"}.get(self.verdict, self.verdict)


async def check_signature(folder: Path, policy: SignaturePolicy) -> SignatureFact:
    """Check the signature of the model in `folder`: every byte of it is read, in a child process.

    Cancelled, the child ends. Never raises for what is wrong with the model.
    """
    signature = await asyncio.to_thread(find_signature, folder)
    if signature is None:
        return SignatureFact("unsigned", detail="No signature lies beside its files")
    if not (policy.keys or policy.identities):
        return SignatureFact(
            "unknown",
            detail="It has a signature, and nobody is trusted to sign",
            hint="Name the publisher's public key in library.trusted_keys",
        )
    if not await asyncio.to_thread(is_installed):
        return SignatureFact("unknown", detail="What checks signatures is not installed", hint=INSTALL)
    asked = {
        "folder": str(folder),
        "signature": str(signature),
        "keys": [str(key) for key in policy.keys],
        "identities": [[identity.name, identity.issuer] for identity in policy.identities],
    }
    return _fact(await _ask_child(json.dumps(asked).encode()))


def find_signature(folder: Path) -> Path | None:
    """The signature beside the files of a model; None where there is none, or none can be told. Blocks."""
    with contextlib.suppress(OSError, ValueError):
        for name in NAMES:
            if (folder / name).is_file():
                return folder / name
        others = [path for path in folder.iterdir() if path.suffix == ".sig" and path.is_file()]
        if len(others) == 1:
            return others[0]
    return None


def is_installed() -> bool:
    """Whether signatures can be checked here. Imports nothing."""
    return all(importlib.util.find_spec(name) is not None for name in ("model_signing", "OpenSSL"))


def require(ref: str, fact: SignatureFact) -> None:
    """Raise `SignatureError` for a model that is not signed by somebody who is trusted."""
    if fact.verdict == "signed":
        return
    what = {"unsigned": "is not signed", "INVALID": "has an INVALID signature"}.get(
        fact.verdict, "cannot be told to be signed"
    )
    own = 'library.require_signatures = "always" refuses it'
    raise SignatureError(
        f"{clean_line(ref, 120)} {what}",
        f"{fact.detail}; {own}" if fact.detail else own,
        fact.hint or "Get it from a publisher who signs, or set library.require_signatures to warn",
    )


async def _ask_child(asked: bytes) -> dict[str, Any]:
    child = await asyncio.create_subprocess_exec(
        # -P: nothing is imported from the folder that lama was started in
        *(sys.executable, "-P", "-m", "lama_tui.security.signature_child"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        out, _ = await child.communicate(asked)
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()
        raise
    with contextlib.suppress(ValueError):
        if isinstance(said := json.loads(out[-_LINE:].splitlines()[-1] if out.strip() else b""), dict):
            return said
    return {"verdict": "unknown", "detail": f"The check ended with status {child.returncode}"}


def _fact(said: dict[str, Any]) -> SignatureFact:
    verdict = said.get("verdict")
    by, detail, hint = (clean_line(str(said.get(key, "")), 300) for key in ("by", "detail", "hint"))
    if verdict == "signed" and by:
        return SignatureFact("signed", by, detail, hint)
    return SignatureFact("INVALID" if verdict == "INVALID" else "unknown", "", detail, hint)
