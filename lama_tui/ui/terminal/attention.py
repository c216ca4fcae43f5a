"""Telling somebody who looks elsewhere that a long answer ended: a bell, or a note of the terminal's own.

Only what is long and ends while the window has no focus is told. A terminal that does not report its
focus counts as focused: nothing is told there (in tmux that needs `focus-events on`). The note says
the conversation's title, and nothing of what was said in it.
"""

import time
from collections.abc import Callable, Mapping
from typing import Literal

from lama_tui.security.gate import clean_line
from lama_tui.types import ConversationId

BELL = "\a"

_LONGEST = 80
"""Characters of a title."""

_OSC_777 = ("VTE_VERSION", "TERM=rxvt", "TERM=foot")
"""Terminals that know `777;notify` and not the shorter OSC 9."""


class Attention:
    """Knows which answers are long enough to be told of."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began: dict[ConversationId, float] = {}

    def began(self, conversation: ConversationId) -> None:
        """An answer began."""
        self._began[conversation] = self._clock()

    def ended(self, conversation: ConversationId, after: float) -> bool:
        """An answer ended; whether it took `after` seconds or more."""
        began = self._began.pop(conversation, None)
        return began is not None and self._clock() - began >= after


def note(how: Literal["bell", "osc", "off"], title: str, what: str, environment: Mapping[str, str]) -> str:
    """What to write to the terminal; empty for "off". `what` happened in the conversation `title`.

    tmux passes a note on only with `allow-passthrough on`, and rings for a bell in any case, so there both
    are written. GNU screen passes nothing on.
    """
    if how == "off":
        return ""
    if how == "bell" or environment.get("STY"):
        return BELL
    # as a text of its own it must not begin with a number: 9;4 is a progress bar. `;` parts the fields of 777
    text = f"lama: {what}: {clean_line(title, _LONGEST)}".replace(";", ",")
    sequence = f"\x1b]777;notify;lama;{text}{BELL}" if _knows_777(environment) else f"\x1b]9;{text}{BELL}"
    if not environment.get("TMUX"):
        return sequence
    inner = sequence.replace("\x1b", "\x1b\x1b")
    return f"\x1bPtmux;{inner}\x1b\\{BELL}"


def _knows_777(environment: Mapping[str, str]) -> bool:
    term = environment.get("TERM", "")
    return any(f"TERM={term}".startswith(sign) or bool(environment.get(sign)) for sign in _OSC_777)
