"""The ways that copied text takes to the clipboard of the machine that a person sits at, and what is sent on each."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from lama_tui.ui.terminal.tmux import Tmux

How = Literal["terminal", "passthrough", "screen", "tmux", "file"]
"""OSC 52; the same inside what tmux or GNU screen pass on; a command of tmux; no way but the file."""

LONGEST = 74_994
"""Bytes of text that a sequence carries in common terminals: 100,000 with its frame, in base64."""

_CHUNK = 240
"""Bytes of a string that GNU screen passes on, less than the 256 that it stops at in its oldest versions."""

_DEAF = re.compile(r"(linux|dumb|unknown|cons25|vt\d.*)?\Z")
"""`TERM` of what has no clipboard, and prints parts of such a sequence or ignores it."""

_FIRST_TO_HAND_OVER = (3, 2)
"""The version of tmux from which `load-buffer -w` is known."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a copy travels; where there is no way but the file, `why`, and what to do (`hint`)."""

    how: How
    why: str = ""
    hint: str = ""


def way_of(environment: Mapping[str, str], tmux: Tmux | None) -> Way:
    """The way that works here, as far as can be known: terminals themselves do not tell."""
    if tmux is not None:
        return _through(tmux)
    if environment.get("STY"):
        return Way("screen")
    term = environment.get("TERM", "")
    if _DEAF.match(term):
        return Way("file", f"a terminal with TERM={term or '–'} has no clipboard")
    return Way("terminal")


def _through(tmux: Tmux) -> Way:
    if tmux.set_clipboard in (None, "on"):
        return Way("terminal")
    if tmux.allow_passthrough in ("on", "all"):
        return Way("passthrough")
    version = tuple(map(int, re.findall(r"\d+", tmux.version or "")[:2]))
    if tmux.set_clipboard == "external" and version >= _FIRST_TO_HAND_OVER:
        return Way("tmux")
    return Way("file", f"tmux keeps it, set-clipboard is {tmux.set_clipboard}", "`tmux set -s set-clipboard on`")


def sequence(text: str, how: How) -> str:
    """What a terminal, or what is around lama, is sent to copy `text`; empty where nothing is to be sent."""
    copied = f"\x1b]52;c;{base64.b64encode(text.encode('utf-8', 'replace')).decode()}\a"
    match how:
        case "terminal":
            return copied
        case "passthrough":
            return "\x1bPtmux;" + copied.replace("\x1b", "\x1b\x1b") + "\x1b\\"
        case "screen":
            chunks = (copied[at : at + _CHUNK] for at in range(0, len(copied), _CHUNK))
            return "".join(f"\x1bP{chunk}\x1b\\" for chunk in chunks)
    return ""
