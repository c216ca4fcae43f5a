"""Writing messages: statements on a connection that is inside a transaction."""

from typing import TYPE_CHECKING

from lama_tui.conversations.clock import now
from lama_tui.conversations.pasted import blocks_to, extents, plain
from lama_tui.conversations.rows import error_to, usage_to
from lama_tui.errors import LamaError
from lama_tui.types import ConversationId, FinishReason, MessageId, MessageState, PartKind, Role, Usage

if TYPE_CHECKING:
    from aiosqlite import Connection

ORDINALS: dict[PartKind, int] = {"reasoning": 0, "text": 1, "calls": 2}  # an answer is preceded by its reasoning


async def insert_message(
    connection: "Connection",
    conversation: ConversationId,
    parent: MessageId | None,
    role: Role,
    *,
    text: str = "",
    model: str = "",
    owner: str | None = None,
) -> MessageId:
    """Add a message below `parent` and show it. With an `owner` it streams, otherwise it is complete.

    Pasted blocks that are marked in `text` are kept beside it.
    """
    cursor = await connection.execute(
        "INSERT INTO messages (conversation_id, parent_id, role, state, model, owner, created)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (conversation, parent, role, "complete" if owner is None else "streaming", model, owner, now()),
    )
    assert cursor.lastrowid is not None  # noqa: S101 - an INSERT has one
    message = MessageId(cursor.lastrowid)
    if text:
        await connection.execute(
            "INSERT INTO parts (message_id, ordinal, kind, text, json) VALUES (?, ?, 'text', ?, ?)",
            (message, ORDINALS["text"], plain(text), blocks_to(extents(text))),
        )
    await connection.execute(
        # deleted in another window meanwhile: what is said in it brings it back, nothing said may be purged
        "UPDATE conversations SET head = ?, updated = ?, deleted = NULL WHERE id = ?",
        (message, now(), conversation),
    )
    return message


async def write_parts(connection: "Connection", message: MessageId, text: str, reasoning: str, calls: str = "") -> None:
    """Replace what a streaming message says; one that has ended is left as it is."""
    bodies: tuple[tuple[PartKind, str], ...] = (("reasoning", reasoning), ("text", text), ("calls", calls))
    for kind, body in bodies:
        if body:
            await connection.execute(
                "INSERT INTO parts (message_id, ordinal, kind, text)"
                " SELECT id, ?, ?, ? FROM messages WHERE id = ? AND state = 'streaming'"
                " ON CONFLICT (message_id, ordinal) DO UPDATE SET text = excluded.text WHERE text <> excluded.text",
                (ORDINALS[kind], kind, body, message),
            )
        else:
            await connection.execute(
                "DELETE FROM parts WHERE ordinal = ?"
                " AND message_id = (SELECT id FROM messages WHERE id = ? AND state = 'streaming')",
                (ORDINALS[kind], message),
            )


async def end_message(
    connection: "Connection",
    message: MessageId,
    state: MessageState,
    finish_reason: FinishReason | None,
    usage: Usage,
    error: LamaError | None,
) -> None:
    """Give a streaming message its final state; one that has ended is left as it is."""
    cursor = await connection.execute(
        "UPDATE messages SET state = ?, finish_reason = ?, usage = ?, error = ?, owner = NULL"
        " WHERE id = ? AND state = 'streaming'",
        (state, finish_reason, usage_to(usage), error_to(error), message),
    )
    if cursor.rowcount:
        await connection.execute(
            "UPDATE conversations SET updated = ? WHERE id = (SELECT conversation_id FROM messages WHERE id = ?)",
            (now(), message),
        )


async def newest_leaf(connection: "Connection", message: MessageId) -> MessageId:
    """The leaf below `message` that was made last (children are always younger than their parents)."""
    rows = await connection.execute_fetchall(
        "WITH RECURSIVE below (id) AS ("
        " SELECT ? UNION ALL SELECT m.id FROM messages m JOIN below ON m.parent_id = below.id"
        ") SELECT max(id) FROM below",
        (message,),
    )
    return MessageId(next(iter(rows))[0])


async def is_above(connection: "Connection", message: MessageId, leaf: MessageId | None) -> bool:
    """Whether `message` is `leaf` or one of the messages that lead to it."""
    rows = await connection.execute_fetchall(
        "WITH RECURSIVE above (id) AS ("
        " SELECT ? UNION ALL SELECT m.parent_id FROM messages m JOIN above ON m.id = above.id"
        " WHERE m.parent_id IS NOT NULL"
        ") SELECT 1 FROM above WHERE id = ?",
        (leaf, message),
    )
    return bool(list(rows))
