"""Signatures of models, made and checked by the real library; every verdict is its own."""

import asyncio
import base64
import json
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from lama_tui.errors import SignatureError
from lama_tui.security.signatures import (
    INSTALL,
    Identity,
    SignatureFact,
    SignaturePolicy,
    check_signature,
    is_installed,
    require,
)
from tests.models import make_tiny_llama

installed = pytest.mark.skipif(not is_installed(), reason=f"what signs is not installed: {INSTALL}")


def make_keys(folder: Path, name: str) -> tuple[Path, Path]:
    """A private and a public key of an elliptic curve."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    private, public = folder / f"{name}.key", folder / f"{name}.pem"
    pem = serialization.Encoding.PEM
    private.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo))
    return private, public


def sign(folder: Path, private: Path, name: str = "model.sig", shards: bool = False) -> Path:
    from model_signing import hashing, signing

    config = hashing.Config()
    if shards:
        config.use_shard_serialization(shard_size=1000)
    config.set_ignored_paths(paths=[name]).set_allow_symlinks(True)
    signing.Config().use_elliptic_key_signer(private_key=private).set_hashing_config(config).sign(folder, folder / name)
    return folder / name


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return make_tiny_llama(tmp_path / "model")


async def test_what_has_no_signature_is_unsigned(model: Path) -> None:
    fact = await check_signature(model, SignaturePolicy(keys=(model / "any.pem",)))
    assert (fact.verdict, str(fact)) == ("unsigned", "unsigned")
    with pytest.raises(SignatureError, match="is not signed"):
        require("org/m", fact)


@installed
async def test_a_signature_is_signed_by_its_key_and_by_no_other(model: Path, tmp_path: Path) -> None:
    (private, public), (_, other) = make_keys(tmp_path, "acme"), make_keys(tmp_path, "other")
    sign(model, private)
    fact = await check_signature(model, SignaturePolicy(keys=(other, public)))
    assert str(fact).startswith("signed by acme (key ")
    require("org/m", fact)
    weights = model / "model.safetensors"
    raw = weights.read_bytes()
    weights.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    fact = await check_signature(model, SignaturePolicy(keys=(public,)))
    assert fact.verdict == "INVALID" and "model.safetensors" in fact.detail
    with pytest.raises(SignatureError, match="INVALID"):
        require("org/m", fact)


@installed
@pytest.mark.slow
async def test_who_is_not_trusted_did_not_sign(model: Path, tmp_path: Path) -> None:
    (private, _), (_, other) = make_keys(tmp_path, "acme"), make_keys(tmp_path, "other")
    sign(model, private)
    fact = await check_signature(model, SignaturePolicy(keys=(other,)))
    assert (fact.verdict, str(fact)) == ("unknown", "–") and "not trusted" in fact.detail
    with pytest.raises(SignatureError, match="trusted_keys"):
        require("org/m", fact)
    fact = await check_signature(model, SignaturePolicy())
    assert fact.verdict == "unknown" and "nobody is trusted" in fact.detail


@installed
@pytest.mark.slow
async def test_what_is_not_what_was_signed_is_invalid(model: Path, tmp_path: Path) -> None:
    private, public = make_keys(tmp_path, "acme")
    signature = sign(model, private)
    policy = SignaturePolicy(keys=(public,))
    (model / "more\x1b[31m.py").write_text("print()")
    fact = await check_signature(model, policy)
    assert fact.verdict == "INVALID" and "\x1b" not in fact.detail
    (model / "more\x1b[31m.py").unlink()
    (model / "config.json").rename(tmp_path / "config.json")
    assert (await check_signature(model, policy)).verdict == "INVALID"
    (tmp_path / "config.json").rename(model / "config.json")
    assert (await check_signature(model, policy)).verdict == "signed"
    # a list of files that was changed after it was signed
    bundle: dict[str, Any] = json.loads(signature.read_text())
    payload = base64.b64decode(bundle["dsseEnvelope"]["payload"]).replace(b"config.json", b"donfig.json")
    bundle["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()
    signature.write_text(json.dumps(bundle))
    fact = await check_signature(model, policy)
    assert fact.verdict == "INVALID" and "forged" in fact.detail


@installed
@pytest.mark.slow
async def test_snapshots_of_links_and_shards_are_checked_too(model: Path, tmp_path: Path) -> None:
    private, public = make_keys(tmp_path, "acme")
    sign(model, private, name="release.sig", shards=True)
    snapshot = tmp_path / "snapshot"
    snapshot.mkdir()
    for number, file in enumerate(list(model.iterdir())):  # noqa: ASYNC240
        blob = tmp_path / f"blob{number}"
        file.rename(blob)
        (snapshot / file.name).symlink_to(blob)
    assert (await check_signature(snapshot, SignaturePolicy(keys=(public,)))).verdict == "signed"


@installed
@pytest.mark.slow
async def test_garbage_is_no_signature_and_bad_keys_are_named(model: Path, tmp_path: Path) -> None:
    private, public = make_keys(tmp_path, "acme")
    policy = SignaturePolicy(keys=(public,), identities=(Identity("a@b", "https://issuer"),))
    for garbage in (
        *(b"", b"\xff\x00", b"{}", b"[1]", b"[" * 100_000),
        b'{"dsseEnvelope": {"payload": "e30="}, "verificationMaterial": 1}',
        b'{"dsseEnvelope": {"payload": "W10="}, "verificationMaterial": {"publicKey": []}}',
    ):
        (model / "model.sig").write_bytes(garbage)
        assert (await check_signature(model, policy)).verdict == "INVALID", garbage
    (model / "model.sig").write_text(json.dumps({
        "dsseEnvelope": {"payload": "e30="}, "verificationMaterial": {"certificate": {"rawBytes": "AAAA"}},
    }))  # fmt: skip
    assert (await check_signature(model, policy)).verdict == "INVALID"
    sign(model, private)
    for key in (tmp_path / "absent.pem", model / "config.json"):
        fact = await check_signature(model, SignaturePolicy(keys=(key,)))
        assert fact.verdict == "unknown" and key.name in fact.detail and "trusted_keys" in fact.hint


@installed
async def test_a_check_that_is_cancelled_ends_its_child(model: Path, tmp_path: Path) -> None:
    private, public = make_keys(tmp_path, "acme")
    sign(model, private)
    with (model / "huge.bin").open("wb") as file:
        file.truncate(1 << 42)  # nobody lives to see it hashed
    running = asyncio.create_task(check_signature(model, SignaturePolicy(keys=(public,))))
    while not (mine := children()):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    for pid in mine:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, signal.SIG_DFL)


def children() -> list[int]:
    import psutil

    found = []
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):  # it ended just now
            if "signature_child" in " ".join(child.cmdline()):
                found.append(child.pid)
    return found


def test_policies_are_read_from_settings() -> None:
    policy = SignaturePolicy.of("always", ["~/k.pem"], ["a@b.org https://issuer.example"])
    assert policy.keys == (Path.home() / "k.pem",) and policy.identities == (
        Identity("a@b.org", "https://issuer.example"),
    )
    for wrong in ("a@b.org", "https://issuer.example", "a http://issuer.example"):
        with pytest.raises(SignatureError, match="trusted_identities"):
            SignaturePolicy.of("never", [], [wrong])
    assert str(SignatureFact("INVALID")) == "INVALID"
