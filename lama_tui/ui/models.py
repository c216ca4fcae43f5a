"""The models that can be talked to: those on this machine, then those of the configured servers."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lama_tui.config.settings import ProviderSettings, Settings
from lama_tui.paths import Paths
from lama_tui.security.gate import clean_line
from lama_tui.types import GUIDE, ModelReference
from lama_tui.ui import figures
from lama_tui.ui.screens.chooser import FACTS_APART, Choice

if TYPE_CHECKING:
    from lama_tui.library.installed import InstalledModel
    from lama_tui.library.model_table import ModelUse

_MORE = (
    "For a real one search the hub in the model browser, run `lama pull mlx-community/Qwen3-0.6B-4bit` in a shell, or"
    " put a folder with an MLX model into {folder}."
)


def what_to_do(folder: str) -> str:
    """How to get a model, where there is nothing but the guide; `folder` is where models can be put."""
    return _MORE.format(folder=clean_line(folder, 200))


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model in the browser; every text is fit to be shown. Bytes, tokens, UTC milliseconds; None is unknown.

    `server` says which server answers, and is empty for a model on this machine, which is `installed`.
    `problem` says why it cannot be used.
    """

    reference: str
    name: str
    server: str = ""
    problem: str = ""
    installed: "InstalledModel | None" = None
    last_used: int | None = None
    pinned: bool = False

    @property
    def format(self) -> str:
        """What its files are; `server` where it has none here."""
        return "server" if self.server else clean_line((self.installed and self.installed.format) or "", 20)

    @property
    def params(self) -> int | None:
        """Its parameters."""
        return self.installed.params if self.installed else None

    @property
    def quantization(self) -> str:
        """Bits a weight, in words."""
        if self.installed is not None and self.installed.quantization:
            return clean_line(self.installed.quantization, 20)
        return f"{self.installed.bits}-bit" if self.installed and self.installed.bits else figures.UNKNOWN

    @property
    def size(self) -> int | None:
        """Bytes on disk."""
        return self.installed.size if self.installed else None

    @property
    def context(self) -> int | None:
        """Its context window."""
        return self.installed.context if self.installed else None


def listed(
    installed: Sequence["InstalledModel"], settings: Settings, uses: Mapping[str, "ModelUse"]
) -> list[ListedModel]:
    """The models on this machine as they come, then those of the configured servers."""
    local = [
        ListedModel(
            model.ref, clean_line(model.ref, 4096), problem=clean_line(model.problem, 300), installed=model,
            last_used=use.last_used if (use := uses.get(model.ref)) else None, pinned=bool(use and use.pinned),
        )
        for model in installed
    ]  # fmt: skip
    return local + [_served(name, server) for name, server in settings.providers.items()]


def _served(name: str, server: ProviderSettings) -> ListedModel:
    reference = f"{name}:{server.model}"
    problem = "" if server.model else clean_line(f"it names no model: set providers.{name}.model", 300)
    return ListedModel(
        reference, clean_line(reference, 4096), f"{server.kind} at {clean_line(server.endpoint, 200)}", problem
    )


async def choices(paths: Paths, settings: Settings) -> list[Choice]:
    """Everything that can answer, or that looks as if it could and why it cannot."""
    from lama_tui.library.installed import installed_models

    installed = await installed_models(paths)
    alone = "" if settings.providers or len(installed) > 1 else what_to_do(str(paths.models))
    local = [_installed(model, alone) for model in installed]
    servers = [
        Choice(
            f"{name}:{server.model}",
            f"{name}:{server.model}",
            f"{server.kind} · {clean_line(server.endpoint, 60)}",
            clean_line(f"{name}:{server.model} answers at {server.endpoint}: what you write is sent there.", 400),
        )
        for name, server in settings.providers.items()
    ]
    return local + servers


async def called(name: str, paths: Paths, settings: Settings) -> str | None:
    """The reference of the model that someone means by `name`; None where that could be none or several.

    A part of a reference is enough where no other model has it. Another model of a configured server, and a
    folder that exists, need not be listed.
    """
    found = [choice.value for choice in await choices(paths, settings) if not choice.problem]
    if name in found:
        return name
    words = name.casefold().split()
    meant = [value for value in found if all(word in value.casefold() for word in words)]
    if len(meant) == 1:
        return meant[0]
    reference = await asyncio.to_thread(ModelReference.parse, name, os.path.exists)
    if reference.provider in settings.providers or (reference.kind in ("folder", "gguf") and not meant):
        return str(reference)
    return None


def _installed(model: "InstalledModel", beside_guide: str) -> Choice:
    facts = [
        "too big" if model.fits is False else "",
        figures.parameters(model.params) if model.params else "",
        f"{model.bits}-bit" if model.bits else "",
        figures.size(model.size),
        f"context {figures.count(model.context)}" if model.context else "",
    ]
    about = f"{clean_line(model.architecture or '', 60)} {model.format or ''} in {clean_line(model.path, 200)}".strip()
    if model.ref == GUIDE:
        about = f"Built in and tiny: it only knows this app. {beside_guide or 'Ask it anything about lama.'}"
    if model.fits is False:
        about = f"Too big for the memory that is free now. {about}"
    problem = clean_line(model.problem, 300)
    return Choice(
        model.ref, clean_line(model.ref, 4096), FACTS_APART.join(filter(None, facts)), problem or about, problem
    )
