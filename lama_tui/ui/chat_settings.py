"""The settings of a conversation in words: what differs, what counts, and where each value comes from."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lama_tui.config.loader import LoadedSettings
from lama_tui.ui import figures

if TYPE_CHECKING:
    from lama_tui.conversations.messages import ConversationSettings
    from lama_tui.engine.sampling import Own

HERE, MODEL, SERVER, DEFAULT = "this conversation", "the model's own", "the server decides", "default"
"""Where a value can be from, beside the config file."""

_OFF = {"top_k": "0", "min_p": "0", "repetition_penalty": "1"}
"""What the config file does not know: off unless a conversation or a model says so."""


@dataclass(frozen=True, slots=True)
class Counting:
    """A value that counts, as it is shown, and where it is from."""

    value: str
    source: str


def marks(settings: "ConversationSettings") -> str:
    """What differs from the defaults, in as few letters as say it; empty where nothing does."""
    thinking = {True: "think", False: "no think", None: ""}[settings.thinking]
    pieces = [
        "system" if settings.system.strip() else "",
        "" if settings.temperature is None else f"t {settings.temperature:g}",
        "" if settings.top_p is None else f"p {settings.top_p:g}",
        "" if settings.top_k is None else f"k {settings.top_k}",
        "" if settings.min_p is None else f"min-p {settings.min_p:g}",
        "" if settings.repetition_penalty is None else f"rep {settings.repetition_penalty:g}",
        "" if settings.seed is None else f"seed {settings.seed}",
        "stop" if settings.stop else "",
        *(name for name in ("draft", "adapter", "tokenizer") if getattr(settings, name)),
        "" if settings.max_tokens is None else f"max {figures.count(settings.max_tokens)}",
        "" if settings.context in (None, "refuse") else settings.context,
        thinking,
    ]
    return " · ".join(filter(None, pieces))


def counting(name: str, here: float | None, own: "Own | None", loaded: LoadedSettings, config_file: str) -> Counting:
    """The value of a number of `ConversationSettings`, in the order in which they are asked.

    `own` is None for a model on a server, which decides by itself what nobody says.
    """
    if here is not None:
        return Counting(_shown(here), HERE)
    if name == "seed":
        return Counting("none", DEFAULT)
    if own is None:
        return Counting("–", SERVER)
    if (said := getattr(own, name)) is not None:
        return Counting(_shown(said), MODEL)
    if name in _OFF:
        return Counting(_OFF[name], DEFAULT)
    source = loaded.sources.get(f"generation.{name}", DEFAULT)
    return Counting(
        _shown(getattr(loaded.settings.generation, name)),
        config_file if source.endswith(f"/{config_file}") else source,
    )


def _shown(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"
