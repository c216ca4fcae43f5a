"""TLS still checks the name, although the connection goes to an address."""

import asyncio
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from lama_tui.config.settings import ProviderSettings
from lama_tui.errors import ConnectionLost
from lama_tui.providers.openai import OpenAIProvider

from .server import LoopbackServer, whole

OPENSSL = shutil.which("openssl") or pytest.skip("no openssl to make a certificate with", allow_module_level=True)


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for `localhost` alone, and its key."""
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    make = [OPENSSL, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    make += ["-addext", "subjectAltName=DNS:localhost", "-out", str(cert), "-keyout", str(key)]
    subprocess.run(make, check=True, capture_output=True, timeout=60)
    return cert, key


@pytest.mark.parametrize(
    ("host", "trusted", "refused_for"),
    [("localhost", True, ""), ("127.0.0.1", True, "mismatch"), ("localhost", False, "self-signed")],
)
async def test_the_certificate_must_be_trusted_and_for_the_name(
    host: str, trusted: bool, refused_for: str, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    else:
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    served = LoopbackServer(whole("200 OK", {"data": [{"id": "m"}]}))
    listening = await asyncio.start_server(served.serve, "127.0.0.1", 0, ssl=context)
    port = listening.sockets[0].getsockname()[1]
    provider = OpenAIProvider("work", ProviderSettings("openai", f"https://{host}:{port}/v1"), True, {})
    if refused_for:
        with pytest.raises(ConnectionLost, match=r"could not be reached") as raised:
            await provider.models()
        assert refused_for in raised.value.detail.replace("self signed", "self-signed")
        assert served.requests == []
    else:
        assert await provider.models() == ["m"]
    await provider.close()
    listening.close()
