"""Where the model of a conversation runs, and what that means for it: on this machine, on a server, nowhere."""

from typing import TYPE_CHECKING

from lama_tui.errors import ConfigError, LamaError
from lama_tui.types import Place

if TYPE_CHECKING:
    from lama_tui.ui.opening import Opened


def place_of(opened: "Opened | None", model: str) -> Place:
    """Where a model runs, or what is wrong with its name."""
    if opened is None:
        return Place("", True)
    try:
        provider, name = opened.services.providers.provider_for(model)
    except LamaError as error:
        return Place("unknown server" if isinstance(error, ConfigError) else "cannot run", True)
    return provider.place(name)


def server_of(opened: "Opened | None", model: str) -> str | None:
    """The server that answers as `model`; empty where this program does, None where nobody knows it."""
    if opened is None:
        return ""
    try:
        provider, name = opened.services.providers.provider_for(model)
    except LamaError:
        return None
    return "" if provider.name == "local" else provider.place(name).label


def continues(opened: "Opened | None", model: str) -> bool:
    """Whether a model can go on from the exact end of an answer."""
    if opened is None:
        return True
    try:
        provider, _ = opened.services.providers.provider_for(model)
    except LamaError:
        return True  # it fails, and says why
    return provider.capabilities.continues
