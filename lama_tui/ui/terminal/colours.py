"""How many colours a terminal has, as its environment says it, and which theme suits them where nobody chose one."""

from collections.abc import Mapping

NONE, FEW, MANY, ALL = 0, 16, 256, 1 << 24
"""How many colours there are."""

OWN_COLOURS = "terminal"
"""The theme of the terminal's own colours."""

_KNOWN = ("kitty", "alacritty", "foot", "ghostty", "wezterm", "contour", "direct")
"""Pieces of `TERM` where all colours are there; over SSH nothing else tells."""
_WITHOUT = ("dumb", "unknown", "vt1", "vt2", "vt3", "vt4", "vt5")


def is_colourless(environment: Mapping[str, str]) -> bool:
    """Whether somebody wants no colours at all: `NO_COLOR` is set and not empty (no-color.org)."""
    return bool(environment.get("NO_COLOR"))


def colours(environment: Mapping[str, str]) -> int:
    """How many colours may be sent: `NONE`, `FEW`, `MANY` or `ALL`."""
    term = environment.get("TERM", "").lower()
    if is_colourless(environment) or term.startswith(_WITHOUT) or term.endswith(("-mono", "-m")):
        return NONE
    if not environment.get("STY"):  # GNU screen takes 24 bits for attributes, whatever is around it
        known = any(part.startswith(_KNOWN) for part in term.split("-"))
        if known or environment.get("COLORTERM", "").strip().lower() in ("truecolor", "24bit"):
            return ALL
    return MANY if "256color" in term else FEW


def theme_instead(environment: Mapping[str, str]) -> str:
    """The theme to show unless one was chosen; empty where every theme can be shown.

    Of sixteen colours, which every terminal has its own idea of, no theme of 24 bits comes out as it was made.
    """
    return OWN_COLOURS if colours(environment) <= FEW else ""
