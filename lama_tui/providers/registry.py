"""Which provider answers for a model reference."""

import dataclasses
import difflib
from collections.abc import Sequence
from pathlib import Path

from lama_tui.config.settings import ProviderSettings, Settings
from lama_tui.errors import ConfigError, ModelFormatError
from lama_tui.providers.base import Provider
from lama_tui.providers.openai import OpenAIProvider
from lama_tui.security.gate import clean_line
from lama_tui.types import ModelReference


class Providers:
    """The local provider and those of the config; made when they are first asked for, by what is set then."""

    def __init__(self, settings: Settings, local: Provider) -> None:
        self._settings = settings
        self._local = local
        self._remote: dict[str, OpenAIProvider] = {}
        self._replaced: list[OpenAIProvider] = []  # their answers may go on to the end

    async def use(self, settings: Settings) -> None:
        """Follow changed settings from the next request on; under `local_only` also what runs stops at once."""
        before, self._settings = self._settings, settings
        same_privacy = before.privacy.local_only == settings.privacy.local_only
        for name in tuple(self._remote):
            if not same_privacy or before.providers.get(name) != settings.providers.get(name):
                self._replaced.append(self._remote.pop(name))
        if settings.privacy.local_only:
            for provider in self._replaced:
                await provider.stay_local()

    def names(self) -> Sequence[str]:
        """`local`, then the names in `[providers]`."""
        return (self._local.name, *self._settings.providers)

    def named(self, name: str) -> Provider:
        """Return one provider by its name. Raises `ConfigError`."""
        if name == self._local.name:
            return self._local
        if name not in self._remote:
            self._remote[name] = self._made(name)
        return self._remote[name]

    def provider_for(self, model: str) -> tuple[Provider, str]:
        """Return who answers for the reference `model`, and the model's name there.

        Raises `ConfigError` for a provider that is not configured or not spoken yet, and
        `ModelFormatError` for a GGUF file.
        """
        reference = ModelReference.parse(model, _exists)
        if reference.kind == "gguf":
            raise ModelFormatError(
                "GGUF files cannot be used yet",
                f"{clean_line(reference.name)} is a GGUF file",
                "Use the model in MLX format, or through a server that loads GGUF",
            )
        if reference.kind != "provider":
            return self._local, reference.name
        provider = self.named(reference.provider)
        name = reference.name.strip()
        if not name and reference.provider in self._settings.providers:
            name = self._settings.providers[reference.provider].model
        if not name:
            raise ConfigError(
                f"`{clean_line(model)}` names no model",
                f"`{reference.provider}` has no model of its own in the config",
                f"Write {reference.provider}:MODEL, or set providers.{reference.provider}.model",
            )
        return provider, name

    async def close(self) -> None:
        """Close every provider, the local one included; safe to call twice."""
        remote = [*self._remote.values(), *self._replaced]
        self._remote, self._replaced = {}, []
        for provider in remote:
            await provider.close()
        await self._local.close()

    def _made(self, name: str) -> OpenAIProvider:
        settings = self._settings.providers.get(name)
        if settings is None:
            raise self._unknown(name)
        if settings.kind == "anthropic":
            raise ConfigError(
                f"`{name}` cannot be used yet",
                "This version does not speak Anthropic's interface",
                'Use an OpenAI-compatible endpoint (kind = "openai")',
            )
        if settings.kind == "ollama":
            settings = _with_v1(settings)
        return OpenAIProvider(name, settings, self._settings.privacy.local_only)

    def _unknown(self, name: str) -> ConfigError:
        known = list(self._settings.providers)
        nearest = difflib.get_close_matches(name, known, 1, 0.5)
        shown = clean_line(name, 60)
        if nearest:
            hint = f"Did you mean `{nearest[0]}`?"
        else:
            hint = f"Configured are: {', '.join(known)}" if known else f"Add [providers.{shown}] to config.toml"
        return ConfigError(f"There is no provider `{shown}`", "The part before the colon names a provider", hint)


def _with_v1(settings: ProviderSettings) -> ProviderSettings:
    """Ollama speaks OpenAI's interface below /v1; its own address has no path."""
    endpoint = settings.endpoint.rstrip("/")
    return settings if endpoint.endswith("/v1") else dataclasses.replace(settings, endpoint=f"{endpoint}/v1")


def _exists(path: str) -> bool:
    try:
        return bool(path) and Path(path).expanduser().exists()
    except (OSError, RuntimeError):  # a name that is too long, a home that nobody has
        return False
