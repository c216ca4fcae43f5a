"""Where the hub is and who asks: what other tools of the hub read from the environment, read the same way."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from lama_tui.errors import ConfigError
from lama_tui.providers.address import is_loopback
from lama_tui.security.gate import clean_line
from lama_tui.security.redaction import redact, register_secret

PUBLIC = "https://huggingface.co"

_TOKEN_BYTES = 4096
_YES = ("1", "on", "yes", "true")


@dataclass(frozen=True, slots=True)
class HubAccess:
    """`endpoint` has no `/` at its end. `token` is None where none is known, or none may be sent.

    `offline` is the person's wish that nothing is asked.
    """

    endpoint: str = PUBLIC
    token: str | None = field(default=None, repr=False)
    offline: bool = False

    @property
    def host(self) -> str:
        """Its name, as people know it."""
        return urlsplit(self.endpoint).hostname or ""

    @property
    def sent_token(self) -> str | None:
        """The token where it may be sent: nobody on the way can read it."""
        safe = self.endpoint.startswith("https://") or is_loopback(self.host)
        return self.token if safe else None

    def may_be_asked(self, local_only: bool) -> bool:
        """Whether a request to it may be sent at all."""
        return not self.offline and (not local_only or is_loopback(self.host))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "HubAccess":
        """Read `HF_ENDPOINT`, `HF_TOKEN`, `HF_TOKEN_PATH` or `$HF_HOME/token`, `HF_HUB_OFFLINE`. Reads a file.

        Raises `ConfigError` for an endpoint or a token that cannot be used.
        """
        env = os.environ if environment is None else environment
        hidden = _is_yes(env.get("HF_HUB_DISABLE_IMPLICIT_TOKEN"))
        return cls(
            endpoint=_endpoint(env.get("HF_ENDPOINT") or PUBLIC),
            token=None if hidden else _token(env),
            offline=is_offline(env),
        )


def is_offline(environment: Mapping[str, str] | None = None) -> bool:
    """Whether a person wishes that nothing is asked (`HF_HUB_OFFLINE`)."""
    env = os.environ if environment is None else environment
    return _is_yes(env.get("HF_HUB_OFFLINE") or env.get("TRANSFORMERS_OFFLINE"))


def _is_yes(value: str | None) -> bool:
    return (value or "").strip().lower() in _YES


def _endpoint(text: str) -> str:
    shown = redact(clean_line(text, 120))
    try:
        split = urlsplit(text.strip())
        usable = split.scheme in ("http", "https") and bool(split.hostname) and (split.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError("HF_ENDPOINT is no address", shown, f"Set it to one like {PUBLIC}, or unset it")
    if split.username is not None or split.query or split.fragment:
        raise ConfigError("HF_ENDPOINT holds more than an address", shown, f"Set it to one like {PUBLIC}")
    return text.strip().rstrip("/")


def _token(env: Mapping[str, str]) -> str | None:
    token = _bare(env.get("HF_TOKEN") or env.get("HUGGING_FACE_HUB_TOKEN") or "")
    if not token:
        token = _bare(_read(_token_file(env)))
    if not token:
        return None
    register_secret(token)
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise ConfigError(
            "The token for the hub cannot be sent",
            "It holds characters that no token has",
            "Correct HF_TOKEN, or run `hf auth login` again",
        )
    return token


def _bare(text: str) -> str:
    return text.replace("\r", "").replace("\n", "").strip()


def _token_file(env: Mapping[str, str]) -> Path:
    if named := env.get("HF_TOKEN_PATH"):
        return Path(os.path.expandvars(named)).expanduser()
    if home := env.get("HF_HOME"):
        return Path(os.path.expandvars(home)).expanduser() / "token"
    cache = env.get("XDG_CACHE_HOME")
    return (Path(cache).expanduser() if cache else Path.home() / ".cache") / "huggingface" / "token"


def _read(file: Path) -> str:
    """What the file holds; empty where it cannot be read: a token is not needed for most models."""
    try:
        if not file.is_file():
            return ""
        with file.open("rb") as opened:
            return opened.read(_TOKEN_BYTES).decode("utf-8", "replace")
    except (OSError, ValueError):
        return ""
