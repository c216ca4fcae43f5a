"""How a model on this machine wants to be asked, as its files say it without being loaded."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lama_tui.engine.prompt import THINKING_SWITCH
from lama_tui.engine.sampling import Own, own
from lama_tui.library.installed import resolve
from lama_tui.paths import Paths

_LARGEST = 16 * 1024**2
"""Bytes of a file that is looked at."""


@dataclass(frozen=True, slots=True)
class Answering:
    """`own` are the values of its generation_config; `thinks`: its chat template can be told to think, or not to."""

    own: Own = field(default_factory=Own)
    thinks: bool = False


async def answering(reference: str, paths: Paths) -> Answering:
    """What the files of `reference` say. Raises a `ModelError` where there is no such model here."""
    source = await resolve(reference, paths)
    return await asyncio.to_thread(_look, Path(source.folder))


def _look(folder: Path) -> Answering:
    templates = (_text(folder / "chat_template.jinja"), *_templates(_object(folder / "tokenizer_config.json")))
    return Answering(own(_object(folder / "generation_config.json")), any(THINKING_SWITCH in t for t in templates))


def _templates(tokenizer: Mapping[str, Any]) -> list[str]:
    """The chat templates of a `tokenizer_config.json`: one, or several with names."""
    said = tokenizer.get("chat_template")
    several = said if isinstance(said, list) else [{"name": "default", "template": said}]
    return [
        named["template"]
        for named in several
        if isinstance(named, dict) and named.get("name") == "default" and isinstance(named.get("template"), str)
    ]


def _object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(_text(path))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _text(path: Path) -> str:
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            return file.read(_LARGEST).decode("utf-8", "replace")
    except OSError:
        return ""
