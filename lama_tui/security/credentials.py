"""API keys: from the environment, else from a key store of the desktop. Never from the config.

Only key stores that encrypt are asked: what `keyring` finds can also be a plugin that writes
plain text, or one that accepts keys and forgets them.
"""

import logging
import os
from collections.abc import Mapping
from concurrent.futures import TimeoutError as Expired
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from lama_tui.config.settings import ProviderSettings
from lama_tui.errors import ConfigError
from lama_tui.security.hanging import begin
from lama_tui.security.redaction import register_secret

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SERVICE = "lama"
"""What keys are stored under; the provider's name is the user name."""

LIMIT = 2.0  # seconds; a key store without its daemon can hang for ever

_TRUSTED = (
    "keyring.backends.macOS",
    "keyring.backends.SecretService",
    "keyring.backends.libsecret",
    "keyring.backends.kwallet",
    "keyring.backends.Windows",
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Credential:
    """A key and where it is from. The key is not in its `repr`, so that no trace shows it."""

    key: str = field(repr=False)
    source: Literal["environment", "keyring"]
    where: str
    """The variable's name, or the key store's."""


def find_key(
    name: str,
    settings: ProviderSettings,
    environment: Mapping[str, str] | None = None,
    limit: float = LIMIT,
) -> Credential | None:
    """Return the key of provider `name`, or None where there is none.

    May wait up to `limit` seconds for the key store: call it off the event loop. Raises
    `ConfigError` for a key that cannot be sent.
    """
    env = os.environ if environment is None else environment
    if settings.key_env and (key := env.get(settings.key_env, "").strip()):
        return _usable(Credential(key, "environment", settings.key_env))
    try:
        found = begin(lambda: _ask_keyring(name)).result(limit)
    except Expired:
        logger.warning("the key store did not answer in %g s", limit)
        return None
    except Exception as error:  # any backend may raise anything: the key is then not there
        logger.info("no key store: %s", type(error).__name__)
        return None
    return _usable(found) if found else None


def key_store() -> tuple[str, bool]:
    """The key store of the desktop, empty for none, and whether keys are read from it.

    Asks for its name only. May hang: call it through `begin`.
    """
    import keyring
    from keyring.backends import fail, null

    backend = keyring.get_keyring()
    if isinstance(backend, fail.Keyring | null.Keyring):
        return "", False
    return str(backend.name), bool(_trusted_backends(backend))


def _usable(credential: Credential) -> Credential:
    register_secret(credential.key)
    if not (credential.key.isascii() and credential.key.isprintable()) or " " in credential.key:
        raise ConfigError(
            f"The API key in {credential.where} cannot be sent",
            "It has spaces or characters that no key has",
            "Set it again, perhaps a quote or a line break was copied with it",
        )
    return credential


def _ask_keyring(name: str) -> Credential | None:
    import keyring

    for backend in _trusted_backends(keyring.get_keyring()):
        key = backend.get_password(SERVICE, name)
        if key and key.strip():
            return Credential(key.strip(), "keyring", backend.name)
    return None


def _trusted_backends(backend: "KeyringBackend") -> "list[KeyringBackend]":
    """Return those parts of `backend` that keep keys encrypted; a chain has several."""
    module = type(backend).__module__
    if module == "keyring.backends.chainer":
        return [one for part in backend.backends for one in _trusted_backends(part)]  # type: ignore[attr-defined]
    return [backend] if module in _TRUSTED else []
