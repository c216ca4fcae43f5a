"""Branches of a conversation's tree: another wording of a question, and a thread that goes on elsewhere.

Statements on a connection that is inside a transaction.
"""

from typing import TYPE_CHECKING

from lama_tui.conversations.clock import now
from lama_tui.conversations.message_table import insert_message
from lama_tui.errors import StoreError
from lama_tui.security.gate import clean_line
from lama_tui.types import ConversationId, MessageId

if TYPE_CHECKING:
    from aiosqlite import Connection

_LONGEST_TITLE = 200

# The messages from the first one to the one asked for, oldest first, each with its number from 1.
_THREAD = """
WITH RECURSIVE thread (id, height) AS (
    SELECT ?, 0
    UNION ALL
    SELECT m.parent_id, height + 1 FROM thread JOIN messages m ON m.id = thread.id WHERE m.parent_id IS NOT NULL
), numbered (id, number) AS (SELECT id, row_number() OVER (ORDER BY height DESC) FROM thread)
"""


async def add_wording(
    connection: "Connection", message: MessageId, text: str, model: str, owner: str
) -> tuple[MessageId, MessageId]:
    """Write `text` beside this message of the person, and its empty, streaming answer; both ids."""
    rows = list(
        await connection.execute_fetchall(
            "SELECT conversation_id, parent_id FROM messages WHERE id = ? AND role = 'user'", (message,)
        )
    )
    if not rows:
        raise StoreError("There is no such message", f"You wrote nothing that is saved under number {message}.")
    conversation, parent = ConversationId(rows[0][0]), rows[0][1]
    question = await insert_message(connection, conversation, parent, "user", text=text)
    answer = await insert_message(connection, conversation, question, "assistant", model=model, owner=owner)
    await connection.execute("UPDATE conversations SET model = ? WHERE id = ?", (model, conversation))
    return question, answer


async def copy_thread(connection: "Connection", message: MessageId) -> ConversationId:
    """A new conversation with copies of the messages up to and including this one, of the same model and settings.

    An answer that is still being written is copied as far as it is saved, as an interrupted one.
    """
    cursor = await connection.execute(
        "INSERT INTO conversations (title, model, settings, created, updated)"
        " SELECT c.title, c.model, c.settings, ?, ? FROM messages m JOIN conversations c ON c.id = m.conversation_id"
        " WHERE m.id = ?",
        (now(), now(), message),
    )
    if not cursor.rowcount or cursor.lastrowid is None:
        raise StoreError("There is no such message", f"Nothing is saved under number {message}.")
    conversation = ConversationId(cursor.lastrowid)
    # The copies are numbered on from the last id ever given: nobody else can write until this transaction ends.
    last = next(iter(await connection.execute_fetchall("SELECT seq FROM sqlite_sequence WHERE name = 'messages'")))[0]
    await connection.execute(
        _THREAD + "INSERT INTO messages"  # noqa: S608 - only ours
        " (id, conversation_id, parent_id, role, state, finish_reason, usage, model, error, owner, created, pinned)"
        " SELECT ? + number, ?, CASE number WHEN 1 THEN NULL ELSE ? + number - 1 END, role,"
        " CASE state WHEN 'streaming' THEN 'interrupted' ELSE state END,"
        " finish_reason, usage, model, error, NULL, created, pinned"
        " FROM numbered JOIN messages USING (id) ORDER BY number",
        (message, last, conversation, last),
    )
    await connection.execute(
        _THREAD + "INSERT INTO parts (message_id, ordinal, kind, text, json)"  # noqa: S608 - only ours
        " SELECT ? + number, p.ordinal, p.kind, p.text, p.json"
        " FROM numbered JOIN parts p ON p.message_id = numbered.id ORDER BY number, p.ordinal",
        (message, last),
    )
    await connection.execute(
        _THREAD + "INSERT INTO summaries (message_id, text, model, created)"  # noqa: S608 - only ours
        " SELECT ? + number, s.text, s.model, s.created FROM numbered JOIN summaries s ON s.message_id = numbered.id",
        (message, last),
    )
    title = next(
        iter(await connection.execute_fetchall("SELECT title FROM conversations WHERE id = ?", (conversation,)))
    )[0]
    await connection.execute(
        "UPDATE conversations SET title = ?, head = (SELECT max(id) FROM messages WHERE conversation_id = ?)"
        " WHERE id = ?",
        (_forked(title), conversation, conversation),
    )
    return conversation


def _forked(title: str) -> str:
    """The title of a fork; a fork of a fork is marked once."""
    mark = " (fork)"
    return clean_line(title.removesuffix(mark) or "Conversation", _LONGEST_TITLE - len(mark)) + mark
