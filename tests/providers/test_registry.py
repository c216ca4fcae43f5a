"""Which provider answers for a model reference."""

import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from lama_tui.config.settings import PrivacySettings, ProviderSettings, Settings
from lama_tui.errors import ConfigError, ModelFormatError, ProviderError
from lama_tui.events import StreamEvent
from lama_tui.providers.base import Capabilities, ChatRequest, Provider
from lama_tui.providers.registry import Providers
from lama_tui.types import NO_PARTS, ChatMessage, ModelParts, Place, Sampling

from .server import DONE, delta, pieces, serving


class Local:
    """Stands for the engine's provider; only its name and its end matter here."""

    name = "local"
    capabilities = Capabilities(continues=True, reasoning=False, seed=True)

    def __init__(self) -> None:
        self.closed = 0

    def place(self, model: str) -> Place:
        return Place("CPU", True)

    async def stream(self, request: ChatRequest) -> AsyncIterator[StreamEvent]:
        raise AssertionError("not asked here")
        yield

    async def models(self) -> list[str]:
        return []

    async def count_tokens(
        self,
        model: str,
        messages: Sequence[ChatMessage],
        *,
        parts: ModelParts = NO_PARTS,
        thinking: bool | None = None,
    ) -> int | None:
        return None

    def context_window(self, model: str) -> int | None:
        return None

    async def close(self) -> None:
        self.closed += 1


SETTINGS = Settings(
    providers={
        "work": ProviderSettings("openai", "https://api.example.org/v1", model="big"),
        "claude": ProviderSettings("anthropic", "https://api.example.org"),
        "ollama": ProviderSettings("ollama", "http://localhost:11434"),
    }
)


@pytest.fixture
def local() -> Provider:
    return Local()


@pytest.mark.parametrize("model", ["guide", "org/model", "~/models/x", "/models/y"])
def test_local_references(model: str, local: Provider) -> None:
    assert Providers(SETTINGS, local).provider_for(model) == (local, model)


def test_provider_references(local: Provider) -> None:
    providers = Providers(SETTINGS, local)
    assert providers.names() == ("local", "work", "claude", "ollama")
    work, name = providers.provider_for("work:org/model:free")
    assert (work.name, name) == ("work", "org/model:free")
    assert providers.provider_for("work:") == (work, "big")
    ollama, name = providers.provider_for("ollama:llama3:8b")
    assert (ollama.place(name), name) == (Place("localhost:11434", True), "llama3:8b")


def test_a_folder_with_a_colon_is_a_folder(local: Provider, tmp_path: Path) -> None:
    folder = tmp_path / "work:model"
    folder.mkdir()
    assert Providers(SETTINGS, local).provider_for(str(folder)) == (local, str(folder))


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("wrok:big", "Did you mean `work`?"),
        ("qwen:8b", "Configured are: work, claude, ollama"),
        ("ollama:", "names no model"),
        ("claude:opus", "Anthropic"),
        ("zzzzzz\x1b[2J:x", "Configured are"),
        (":x", "Configured are"),
    ],
)
def test_references_that_cannot_be_used(model: str, told: str, local: Provider) -> None:
    with pytest.raises(ConfigError) as raised:
        Providers(SETTINGS, local).provider_for(model)
    assert told in str(raised.value)
    assert "\x1b" not in str(raised.value)


def test_without_providers_the_hint_says_where_to_add_one(local: Provider) -> None:
    with pytest.raises(ConfigError, match=r"config\.toml"):
        Providers(Settings(), local).provider_for("work:big")


@pytest.mark.parametrize("model", ["x.gguf", "/models/x.GGUF", "org/x.gguf"])
def test_gguf_is_not_yet(model: str, local: Provider) -> None:
    with pytest.raises(ModelFormatError, match="yet"):
        Providers(SETTINGS, local).provider_for(model)


@pytest.mark.parametrize("model", ["x" * 5000, "~nobody-has-this-name/x", "a\0b"])
def test_odd_names_are_judged_without_a_crash(model: str, local: Provider) -> None:
    assert Providers(SETTINGS, local).provider_for(model)[0] is local


async def test_local_only_reaches_every_provider(local: Provider) -> None:
    import dataclasses

    settings = dataclasses.replace(SETTINGS, privacy=PrivacySettings(local_only=True))
    provider, name = Providers(settings, local).provider_for("work:big")
    with pytest.raises(ProviderError, match="Local only is on"):
        await anext(provider.stream(ChatRequest(name, (), Sampling())))  # type: ignore[call-overload]


async def test_ollama_is_asked_below_v1_and_closing_closes_everything() -> None:
    local = Local()
    async with serving(pieces(delta("stop", content="x"), DONE)) as server:
        settings = Settings(providers={"o": ProviderSettings("ollama", f"http://127.0.0.1:{server.port}/")})
        providers = Providers(settings, local)
        provider, name = providers.provider_for("o:m")
        async for _ in provider.stream(ChatRequest(name, (), Sampling())):
            pass
        assert server.requests[0].path == "/v1/chat/completions"
        await providers.close()
        await providers.close()
    assert local.closed == 2


def test_importing_the_registry_imports_nothing_slow() -> None:
    code = (
        "import sys, lama_tui.providers.registry, lama_tui.config.loader, lama_tui.config.themes, lama_tui.security.log"
    )
    check = "; print(*({'httpx', 'keyring', 'anyio', 'mlx', 'textual', 'lama_tui.engine'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code + check], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")
