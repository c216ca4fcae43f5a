"""Widgets that are gone are forgotten, with the lines that they drew.

Textual remembers the backgrounds of up to 1,024 widgets by the widgets' own caches, and so keeps those alive with
all their lines (textual 8.2.8, `StylesCache.get_inner_outer`): what every screen drew stays in memory. Collections
of garbage walk it all, and hold the screen for longer and longer: for 113 ms after forty screens, now for 20.
"""

from functools import lru_cache, partial
from typing import Any

from textual._styles_cache import StylesCache

_REMEMBERED = 1024
"""Pairs of colours, as Textual has it."""


def install() -> None:
    """Remember backgrounds by their colours only, for all apps; where Textual does so by itself, do nothing."""
    known: Any = vars(StylesCache).get("get_inner_outer")
    if hasattr(known, "cache_info"):  # neither ours nor a Textual that has mended it
        by_colours = lru_cache(_REMEMBERED)(partial(known.__wrapped__, StylesCache))
        StylesCache.get_inner_outer = staticmethod(by_colours)  # type: ignore[method-assign,assignment]
