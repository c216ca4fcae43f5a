"""Which quantization of a GGUF repo `lama pull` fetches where nobody names one, and what else there is."""

import asyncio
from typing import TYPE_CHECKING

from lama_tui.errors import LamaError
from lama_tui.security.gate import clean_line
from lama_tui.ui.figures import size

if TYPE_CHECKING:
    from lama_tui.library.hub.hub import Hub
    from lama_tui.library.hub.values import HubDetails

_NAMED = 8
"""Other quantizations that are named; `lama show REF` lists all."""

_PATIENCE = 5.0
"""Seconds that the download waits for this at most."""


async def said_of(hub: "Hub", repo: str, revision: str) -> str:
    """What to say before it is fetched; empty where there is no choice, or where the hub does not tell now: then the
    download tells why."""
    try:
        async with asyncio.timeout(_PATIENCE):
            details = await hub.details(repo, revision)
    except (LamaError, TimeoutError):
        return ""
    return await asyncio.to_thread(_said, details)


def _said(details: "HubDetails") -> str:
    from lama_tui.library.downloads.plan import by_default
    from lama_tui.library.hub.fitting import gguf_fits
    from lama_tui.library.hub.gguf_files import recommended
    from lama_tui.library.installed import machine_memory

    fits = gguf_fits(details, None, machine_memory())
    first, best = by_default(details.files), recommended(fits)
    others = [choice for choice, _ in fits if choice != first and not choice.problem]
    if first is None or best is None or not others:
        return ""
    names = ", ".join(f"{clean_line(other.name, 60)} ({size(other.size)})" for other in others[:_NAMED])
    more = f" and {len(others) - _NAMED:,} more" if len(others) > _NAMED else ""
    text = (
        f"{clean_line(first.name, 60)} ({size(first.size)}) is fetched, the usual one of {len(others) + 1:,}"
        f" quantizations. --file fetches another: {names}{more}."
    )
    if best != first:
        text += f" It needs more memory than is free now: {clean_line(best.name, 60)} is the largest that fits."
    return text
