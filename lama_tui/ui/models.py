"""What the model picker offers: the models on this machine, then those of the configured servers."""

from typing import TYPE_CHECKING

from lama_tui.config.settings import Settings
from lama_tui.paths import Paths
from lama_tui.security.gate import clean_line
from lama_tui.types import GUIDE
from lama_tui.ui import figures
from lama_tui.ui.screens.chooser import Choice

if TYPE_CHECKING:
    from lama_tui.library.installed import InstalledModel

_MORE = (
    "For a real one run `hf download mlx-community/Qwen3-0.6B-4bit`, or put a folder with an MLX model into {folder}."
)
"""What to do where there is nothing but the guide."""


async def choices(paths: Paths, settings: Settings) -> list[Choice]:
    """Everything that can answer, or that looks as if it could and why it cannot."""
    from lama_tui.library.installed import installed_models

    installed = await installed_models(paths)
    alone = "" if settings.providers or len(installed) > 1 else _MORE.format(folder=clean_line(str(paths.models), 200))
    local = [_installed(model, alone) for model in installed]
    servers = [
        Choice(
            f"{name}:{server.model}",
            f"{name}:{server.model}",
            f"{server.kind} · {clean_line(server.endpoint, 60)}",
            "Answers come from this server: what you write is sent there.",
        )
        for name, server in settings.providers.items()
    ]
    return local + servers


def _installed(model: "InstalledModel", beside_guide: str) -> Choice:
    facts = [
        f"{model.params / 1e9:.1f} B" if model.params and model.params >= 1e8 else _millions(model.params),
        f"{model.bits}-bit" if model.bits else "",
        figures.size(model.size),
        f"context {figures.count(model.context)}" if model.context else "",
        "too big for the free memory" if model.fits is False else "",
    ]
    about = f"{clean_line(model.architecture or '', 60)} {model.format or ''} in {clean_line(model.path, 200)}".strip()
    if model.ref == GUIDE:
        about = f"Built in and tiny: it only knows this app. {beside_guide or 'Ask it anything about lama.'}"
    problem = clean_line(model.problem, 300)
    return Choice(model.ref, clean_line(model.ref, 4096), " · ".join(filter(None, facts)), problem or about, problem)


def _millions(params: int | None) -> str:
    return f"{params / 1e6:.1f} M" if params else ""
