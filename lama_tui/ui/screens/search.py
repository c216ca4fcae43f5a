"""Search in all conversations: as one types, newest first; enter opens the conversation at the message."""

import asyncio
import time
from collections.abc import Mapping

from textual import work
from textual.content import Content

from lama_tui.conversations.search import Found, Hit, Search
from lama_tui.errors import LamaError
from lama_tui.security.gate import clean_line
from lama_tui.types import Role
from lama_tui.ui.figures import ago
from lama_tui.ui.screens.chooser import Choice, Chooser

_PAUSE = 0.12
"""Seconds without a key after which it is searched."""

_BEFORE = 24
"""Characters before the first hit that are shown."""

_ROLES: Mapping[Role, str] = {"user": "You", "assistant": "Answer", "system": "System", "tool": "Tool"}


class SearchScreen(Chooser):
    """Returns the id of the message that was chosen, see `hit`."""

    HEADING = "Search in all conversations"
    PLACEHOLDER = "Type words…"
    SEARCHING = "All words must be in a message. “Quotes” keep words together; the last one may be unfinished."
    NARROWS, TAKES = "type to search", "opens it"

    def __init__(self, search: Search) -> None:
        super().__init__()
        self._search = search
        self._hits: dict[str, Hit] = {}
        self._now = 0

    def hit(self, value: str) -> Hit:
        """The hit that was chosen."""
        return self._hits[value]

    async def find(self) -> list[Choice]:
        """Nothing, before something is looked for."""
        return []

    def _fill(self, wanted: str) -> None:
        self._look_for(wanted)

    @work(exclusive=True, group="search")
    async def _look_for(self, wanted: str) -> None:
        """Find in a while; typing on begins again."""
        if not wanted.strip():
            self._show(Found(), self.SEARCHING)
            return
        await asyncio.sleep(_PAUSE)
        try:
            found = await self._search.find(wanted)
        except LamaError as error:
            self._show(Found(), str(error))
            return
        self._show(found, found.problem or _summary(found, wanted))

    def _show(self, found: Found, summary: str) -> None:
        self._hits = {str(hit.message): hit for hit in found.hits}
        self._now = time.time_ns() // 1_000_000
        self.show_choices([Choice(value, hit.title, about=summary) for value, hit in self._hits.items()], summary)

    def line(self, choice: Choice) -> Content:
        """Where it was said, by whom and when; below it the words around the hit, which stands out."""
        hit = self._hits[choice.value]
        who = "Summary" if hit.is_summary else "Reasoning" if hit.reasoning else _ROLES[hit.role]
        where = Content.assemble(
            (clean_line(hit.title, 60) or "New conversation", "bold"),
            (f"  {who} · {ago(hit.sent, self._now)}", "$foreground-muted"),
        )
        words = [(text, "bold underline $accent" if is_hit else "") for text, is_hit in hit.snippet]
        if words and len(words[0][0]) > _BEFORE and not words[0][1]:  # the hit itself must be in view
            words[0] = (f"…{words[0][0][-_BEFORE:]}", "")
        return Content("\n").join([where, Content.assemble("  ", *words)])


def _summary(found: Found, wanted: str) -> str:
    if not found.hits:
        return f"Nothing that was said has “{clean_line(wanted, 60)}” in it."
    shown = f"{len(found.hits):,} message{'' if len(found.hits) == 1 else 's'}, newest first"
    return f"{shown}; {found.left_out:,} more are left out: type another word." if found.left_out else f"{shown}."
