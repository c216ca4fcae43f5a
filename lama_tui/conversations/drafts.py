"""Text that was typed and not sent, one a conversation; 0 is the conversation that has not begun.

Drafts are texts with their pasted blocks marked (`pasted`). Every method raises `StoreError`.
"""

from typing import TYPE_CHECKING

from lama_tui.conversations.clock import now
from lama_tui.security.gate import clean
from lama_tui.types import ConversationId

if TYPE_CHECKING:
    from aiosqlite import Connection

    from lama_tui.store.database import Database

NOT_BEGUN = ConversationId(0)
"""Whose draft it is before a conversation has its first message."""


class Drafts:
    """The table `drafts` in a database. The last writer wins, in whatever window."""

    def __init__(self, database: "Database") -> None:
        self._database = database

    async def read(self, conversation: ConversationId) -> str:
        """What was typed there; empty where nothing was."""
        rows = await self._database.read("SELECT text FROM drafts WHERE conversation_id = ?", (conversation,))
        return str(rows[0]["text"]) if rows else ""

    async def save(self, conversation: ConversationId, text: str) -> None:
        """Keep what is typed there; nothing is kept of an empty text. Survives the end of the process."""
        text = clean(text)
        async with self._database.transaction(quiet=True) as connection:
            if not text.strip():
                await connection.execute("DELETE FROM drafts WHERE conversation_id = ?", (conversation,))
                return
            await connection.execute(
                "INSERT INTO drafts (conversation_id, text, updated) VALUES (?, ?, ?)"
                " ON CONFLICT (conversation_id) DO UPDATE SET text = excluded.text, updated = excluded.updated",
                (conversation, text, now()),
            )


async def drop_sent(connection: "Connection", conversation: ConversationId, text: str) -> None:
    """Forget the draft that is being sent, in the transaction that writes the message.

    Only that very text: what was typed since, or in another window, stays.
    """
    await connection.execute(
        "DELETE FROM drafts WHERE conversation_id IN (?, ?) AND text = ?", (NOT_BEGUN, conversation, text)
    )
