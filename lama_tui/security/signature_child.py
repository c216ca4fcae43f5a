"""Checks one signature, in a process of its own: `python -m lama_tui.security.signature_child`.

Reads JSON from stdin (`folder`, `signature`, `keys`, `identities`) and writes a line of JSON to stdout (`verdict`,
`by`, `detail`, `hint`). Whatever libraries print goes to stderr.
"""

import base64
import contextlib
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_LARGEST = 64 * 1024**2  # bytes of a signature: one names every shard of every file


class _Forged(Exception):
    """What should say who signed cannot be read."""


class _Unusable(Exception):
    """A key of the settings cannot be used."""


def check(asked: dict[str, Any]) -> dict[str, str]:
    """The answer. Each of those who are trusted is tried; one whose signature fits is enough."""
    folder, signature = Path(asked["folder"]), Path(asked["signature"])
    if signature.stat().st_size > _LARGEST:
        return {"verdict": "INVALID", "detail": "The signature is too large to be one"}
    try:
        bundle = json.loads(signature.read_bytes())
        payload = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
        material = bundle["verificationMaterial"]
        serialization = payload["predicate"]["serialization"] if "predicate" in payload else {}
        by_key = "publicKey" in material
        hint = material["publicKey"].get("hint") if by_key else None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {"verdict": "INVALID", "detail": f"{signature.name} is not a signature"}
    wrong = ""
    try:
        for who, verifier in (
            _of_keys(asked["keys"], hint) if by_key else _of_identities(asked["identities"], signature)
        ):
            try:
                _verify(verifier, folder, signature, serialization)
                return {"verdict": "signed", "by": who}
            except (ImportError, OSError):
                raise
            except Exception as error:  # whatever the library says of a signature: it does not fit
                if hint or not by_key or type(error).__name__ != "InvalidSignature":  # else perhaps another's key
                    wrong = wrong or _said(error)
    except _Forged as error:
        return {"verdict": "INVALID", "detail": str(error)}
    except _Unusable as error:
        return {"verdict": "unknown", "detail": str(error), "hint": "Correct library.trusted_keys"}
    except OSError as error:  # of the model's files
        return {"verdict": "unknown", "detail": f"It cannot be read: {error.strerror or error}"}
    if wrong:
        return {"verdict": "INVALID", "detail": wrong, "hint": "Get the model again; do not use it as it is"}
    how = "a key" if by_key else "an identity"
    return {
        "verdict": "unknown",
        "detail": f"It is signed by {how} that is not trusted here",
        "hint": "If you know whose it is, add it to library.trusted_keys or library.trusted_identities",
    }


def _of_keys(keys: list[str], hint: object) -> Iterator[tuple[str, Any]]:
    """The keys that could have signed: their names, and what checks that they did."""
    from model_signing import verifying

    for text in keys:
        key = Path(text)
        try:
            fingerprint = _fingerprint(key)
            verifier = verifying.Config().use_elliptic_key_verifier(public_key=key)
        except OSError as error:
            raise _Unusable(f"The key {key} cannot be read: {error.strerror or error}") from error
        except Exception as error:
            raise _Unusable(f"{key} is not a public key that can be used: {_said(error)}") from error
        if not hint or hint == fingerprint:
            yield f"{key.stem} (key {fingerprint[:16]})", verifier


def _of_identities(identities: list[list[str]], signature: Path) -> Iterator[tuple[str, Any]]:
    """The identities that could have signed."""
    from model_signing import verifying

    named = _names_in(signature)
    for name, issuer in identities:
        if name in named:
            with _offline_roots() as roots:
                config = verifying.Config()
                yield name, config.use_sigstore_verifier(identity=name, oidc_issuer=issuer, trust_config=roots)


def _names_in(signature: Path) -> list[str]:
    """Who signed, as the certificate says before anybody checked it."""
    from cryptography import x509
    from sigstore.models import Bundle

    try:
        certificate = Bundle.from_json(signature.read_bytes()).signing_certificate
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return [str(name.value) for name in names]
    except Exception as error:  # whatever the libraries stumble over
        raise _Forged(f"Its certificate cannot be used: {_said(error)}") from error


def _fingerprint(key: Path) -> str:
    """As the signature names a key: the hash of its PEM."""
    from cryptography.hazmat.primitives import serialization

    public = serialization.load_pem_public_key(key.read_bytes())
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return hashlib.sha256(public.public_bytes(serialization.Encoding.PEM, form)).hexdigest()


@contextlib.contextmanager
def _offline_roots() -> Iterator[Path]:
    """Sigstore's roots as they came with it, or as another tool fetched them: no network is asked."""
    from sigstore.models import ClientTrustConfig

    roots = ClientTrustConfig.production(offline=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "roots.json")
        path.write_text(roots._inner.to_json())
        yield path


def _verify(verifier: Any, folder: Path, signature: Path, serialization: dict[str, Any]) -> None:
    """Raises for a signature that does not fit. How to hash is what the signature says, which proves itself."""
    from model_signing import hashing

    algorithm = serialization.get("hash_type", "sha256")
    config = hashing.Config()
    if serialization.get("method") == "shards":
        config.use_shard_serialization(hashing_algorithm=algorithm, shard_size=int(serialization["shard_size"]))
    else:
        config.use_file_serialization(hashing_algorithm=algorithm)
    config.set_ignored_paths(paths=[signature.relative_to(folder)])
    config.set_allow_symlinks(True)  # the hub's cache is made of links
    verifier.set_hashing_config(config).verify(folder, signature)


def _said(error: Exception) -> str:
    name = type(error).__name__
    return {"InvalidSignature": "The signature is forged or damaged"}.get(name, str(error).strip() or name)


def main() -> None:
    """Read, check, answer."""
    answer_to = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries print
    try:
        said = check(json.load(sys.stdin))
    except Exception as error:
        said = {"verdict": "unknown", "detail": f"{type(error).__name__}: {error}"}
    with answer_to:
        answer_to.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main()
