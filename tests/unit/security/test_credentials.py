"""Where keys come from. Key stores are classes of this file, set through keyring's own API."""

import threading
from collections.abc import Callable, Iterator

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import NoKeyringError

from lama_tui.config.settings import ProviderSettings
from lama_tui.errors import ConfigError
from lama_tui.security.credentials import find_key
from lama_tui.security.redaction import redact

SETTINGS = ProviderSettings(kind="openai", endpoint="https://api.example.org/v1", key_env="WORK_API_KEY")
Answer = Callable[[str, str], str | None]


@pytest.fixture
def use_store() -> Iterator[Callable[..., None]]:
    before = keyring.get_keyring()

    def use(answer: Answer, module: str = "keyring.backends.SecretService") -> None:
        class Store(KeyringBackend):
            priority = 1  # type: ignore[assignment]

            def get_password(self, service: str, username: str) -> str | None:
                return answer(service, username)

            def set_password(self, service: str, username: str, password: str) -> None:
                raise AssertionError("looking for a key writes nothing")

        Store.__module__ = module
        keyring.set_keyring(Store())

    yield use
    keyring.set_keyring(before)


def test_the_environment_comes_first(use_store: Callable[..., None]) -> None:
    use_store(lambda service, user: "from-the-store")
    found = find_key("work", SETTINGS, {"WORK_API_KEY": " from-environment\n"})
    assert found is not None
    assert (found.key, found.source, found.where) == ("from-environment", "environment", "WORK_API_KEY")
    assert "from-environment" not in repr(found)
    assert "from-environment" not in redact("sent from-environment to the server")


def test_then_the_key_store(use_store: Callable[..., None]) -> None:
    use_store(lambda service, user: {("lama", "work"): "kept-key"}.get((service, user)))
    found = find_key("work", SETTINGS, {}, limit=60)
    assert found is not None
    assert (found.key, found.source) == ("kept-key", "keyring")
    assert find_key("play", SETTINGS, {}) is None


def test_a_plain_text_plugin_is_not_asked(use_store: Callable[..., None]) -> None:
    use_store(lambda service, user: "plain", module="keyrings.alt.file")
    assert find_key("work", SETTINGS, {}) is None


def test_a_machine_without_a_key_store(use_store: Callable[..., None]) -> None:
    from keyring.backends.fail import Keyring as NoKeyring
    from keyring.backends.null import Keyring as Forgets

    for store in (NoKeyring(), Forgets()):
        keyring.set_keyring(store)
        assert find_key("work", SETTINGS, {}) is None


def test_a_key_store_that_raises(use_store: Callable[..., None]) -> None:
    def fail(service: str, user: str) -> str:
        raise NoKeyringError("locked")

    use_store(fail)
    assert find_key("work", SETTINGS, {}) is None


def test_a_key_store_that_hangs_is_given_up(use_store: Callable[..., None]) -> None:
    release = threading.Event()

    def hang(service: str, user: str) -> str:
        release.wait(30)
        return "late"

    use_store(hang)
    assert find_key("work", SETTINGS, {}, limit=0.05) is None
    release.set()


@pytest.mark.parametrize("key", ["two words", "schlüssel", "a\rb"])
def test_a_key_that_cannot_be_sent_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(ConfigError, match="WORK_API_KEY") as raised:
        find_key("work", SETTINGS, {"WORK_API_KEY": key})
    assert key not in str(raised.value)
