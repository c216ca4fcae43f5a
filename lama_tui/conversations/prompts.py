"""What the person wrote before: the distinct texts that were sent, newest first."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lama_tui.conversations.pasted import blocks_from, marked
from lama_tui.types import MessageId

if TYPE_CHECKING:
    import sqlite3

    from lama_tui.store.database import Database

# By the primary key backwards, so that it ends as soon as there are enough.
_SELECT = """
SELECT m.id, m.created, p.text, p.json FROM messages m
JOIN conversations c ON c.id = m.conversation_id
JOIN parts p ON p.message_id = m.id AND p.kind = 'text'
WHERE m.role = 'user' AND c.deleted IS NULL AND m.id < ?
ORDER BY m.id DESC LIMIT ?
"""

_END = 2**63 - 1  # no message has a larger id


@dataclass(frozen=True, slots=True)
class Prompt:
    """A text that was sent, its pasted blocks marked, with when it was last sent (UTC milliseconds)."""

    text: str
    sent: int


class Prompts:
    """Reads what was sent in any conversation that is not deleted. Raises `StoreError`."""

    def __init__(self, database: "Database") -> None:
        self._database = database

    async def newest(self, limit: int) -> tuple[Prompt, ...]:
        """The texts of the last `limit` messages, each once, where it was last sent."""
        rows = await self._database.read(_SELECT, (MessageId(_END), limit))
        return await asyncio.to_thread(_distinct, rows)


def _distinct(rows: "list[sqlite3.Row]") -> tuple[Prompt, ...]:
    found: dict[str, Prompt] = {}
    for row in rows:
        if row["text"].strip() and row["text"] not in found:
            found[row["text"]] = Prompt(marked(row["text"], blocks_from(row["json"])), row["created"])
    return tuple(found.values())
