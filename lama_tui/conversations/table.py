"""The conversations: listed, named, deleted, and grown by turns. Every method raises `StoreError`."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lama_tui.conversations.branches import add_wording, copy_thread
from lama_tui.conversations.clock import now
from lama_tui.conversations.drafts import drop_sent
from lama_tui.conversations.message_table import end_message, insert_message, is_above, newest_leaf, write_parts
from lama_tui.conversations.messages import Conversation, ConversationSettings, Message, QueuedMessage
from lama_tui.conversations.pasted import plain
from lama_tui.conversations.rows import (
    SELECT_CONVERSATION,
    SELECT_MESSAGE,
    SELECT_SHOWN,
    SELECT_THREAD,
    SELECT_TREE,
    conversation_from,
    settings_to,
    thread_from,
)
from lama_tui.conversations.summaries import put_summary, reword_summary
from lama_tui.conversations.titles import title_from
from lama_tui.errors import LamaError, StoreError
from lama_tui.security.gate import clean, clean_line
from lama_tui.types import ConversationId, FinishReason, MessageId, MessageState, Usage

if TYPE_CHECKING:
    import sqlite3

    from aiosqlite import Connection

    from lama_tui.conversations.from_json import ImportedConversation
    from lama_tui.store.database import Database

_DEFAULTS = ConversationSettings()

_LISTED = "WHERE c.deleted IS NULL ORDER BY c.updated DESC, c.id DESC"

_STREAMING = "SELECT DISTINCT owner FROM messages WHERE state = 'streaming'"


class Conversations:
    """The tables of conversations in a database. Times are UTC milliseconds."""

    def __init__(self, database: "Database") -> None:
        self._database = database
        self._version = (-1, -1)

    async def changed(self) -> bool:
        """Whether anything was written since the last call, in another window or here (but drafts); costs nothing."""
        before = self._version
        self._version = await self._database.version()
        return before != self._version

    # -- the list

    async def list(self) -> list[Conversation]:
        """All that are not deleted, the one with the newest words first."""
        return [conversation_from(row) for row in await self._database.read(SELECT_CONVERSATION + _LISTED)]

    async def last(self) -> Conversation | None:
        """The first of the list."""
        rows = await self._database.read(f"{SELECT_CONVERSATION} {_LISTED} LIMIT 1")
        return conversation_from(rows[0]) if rows else None

    async def get(self, conversation: ConversationId) -> Conversation | None:
        """The conversation, deleted or not; None where there never was one."""
        rows = await self._database.read(f"{SELECT_CONVERSATION} WHERE c.id = ?", (conversation,))
        return conversation_from(rows[0]) if rows else None

    async def find(self, text: str) -> Conversation | None:
        """The listed conversation with this id, else the newest whose title begins so, in any case."""
        listed = await self.list()
        wanted = clean_line(text).casefold()
        by_id = (found for found in listed if str(found.id) == wanted)
        by_title = (found for found in listed if wanted and found.title.casefold().startswith(wanted))
        return next(by_id, None) or next(by_title, None)

    async def create(
        self, title: str = "", model: str = "", settings: ConversationSettings = _DEFAULTS
    ) -> ConversationId:
        """A new, empty conversation. Without a title its first message gives one."""
        async with self._database.transaction() as connection:
            cursor = await connection.execute(
                "INSERT INTO conversations (title, model, created, updated, settings) VALUES (?, ?, ?, ?, ?)",
                (clean_line(title), model, now(), now(), settings_to(settings)),
            )
            assert cursor.lastrowid is not None  # noqa: S101 - an INSERT has one
            return ConversationId(cursor.lastrowid)

    async def rename(self, conversation: ConversationId, title: str) -> None:
        """Give it a title that the first message no longer changes."""
        await self._set(conversation, "title", clean_line(title))

    async def set_model(self, conversation: ConversationId, model: str) -> None:
        """Use `model`, a reference, from the next turn on."""
        await self._set(conversation, "model", model)

    async def set_settings(self, conversation: ConversationId, settings: ConversationSettings) -> None:
        """Use these from the next turn on; what a later version keeps beside them stays."""
        async with self._database.transaction() as connection:
            rows = await _rows(connection, "SELECT settings FROM conversations WHERE id = ?", (conversation,))
            if not rows:
                raise _missing("conversation", conversation)
            await connection.execute(
                "UPDATE conversations SET settings = ? WHERE id = ?",
                (settings_to(settings, rows[0]["settings"]), conversation),
            )

    async def delete(self, conversation: ConversationId) -> None:
        """Take it off the list; everything is kept for `restore`."""
        await self._set(conversation, "deleted", now())

    async def restore(self, conversation: ConversationId) -> None:
        """Undo `delete`."""
        await self._set(conversation, "deleted", None)

    async def deleted(self) -> tuple[ConversationId, ...]:
        """Those that were taken off the list and not erased yet."""
        rows = await self._database.read("SELECT id FROM conversations WHERE deleted IS NOT NULL")
        return tuple(ConversationId(row["id"]) for row in rows)

    async def purge_deleted(self, before: int) -> int:
        """Erase what was deleted before `before` (UTC milliseconds) for good; how many those were."""
        async with self._database.transaction() as connection:
            cursor = await connection.execute("DELETE FROM conversations WHERE deleted < ?", (before,))
            return cursor.rowcount

    async def mark_seen(self, conversation: ConversationId) -> None:
        """Its newest words were on screen."""
        await self._set(conversation, "unseen", 0)

    async def mark_unseen(self, conversation: ConversationId) -> None:
        """An answer ended while it was not on screen."""
        await self._set(conversation, "unseen", 1)

    async def _set(self, conversation: ConversationId, column: str, value: Any) -> None:
        """Write one column; `column` is ours, never a person's."""
        async with self._database.transaction() as connection:
            await connection.execute(f"UPDATE conversations SET {column} = ? WHERE id = ?", (value, conversation))  # noqa: S608

    # -- what is shown of a tree

    async def messages(self, conversation: ConversationId) -> tuple[Message, ...]:
        """The messages from the first to the shown leaf, each with its place among its siblings."""
        return await self._messages(SELECT_SHOWN, conversation)

    async def thread(self, message: MessageId) -> tuple[Message, ...]:
        """The messages from the first to this one; empty where there is no such message."""
        return await self._messages(SELECT_THREAD, message)

    async def tree(self, conversation: ConversationId) -> tuple[Message, ...]:
        """The messages of all branches, parents before what follows them."""
        return await self._messages(SELECT_TREE, conversation)

    async def message(self, message: MessageId) -> Message:
        """The message. Raises `StoreError` where there is none."""
        found = await self._messages(SELECT_MESSAGE, message)
        if not found:
            raise _missing("message", message)
        return found[0]

    async def _messages(self, sql: str, number: int) -> tuple[Message, ...]:
        """Messages as values; made on a thread, because thousands take longer than a frame."""
        rows = await self._database.read(sql, (number,))
        return await asyncio.to_thread(thread_from, rows)

    async def select_sibling(self, message: MessageId, step: int) -> None:
        """Show the branch of the sibling `step` places after this message (before, when negative).

        Stops at the first and the last; of the branch the newest leaf is shown.
        """
        async with self._database.transaction() as connection:
            rows = await _rows(
                connection,
                "SELECT s.id, s.conversation_id FROM messages m JOIN messages s"
                " ON s.conversation_id = m.conversation_id AND s.parent_id IS m.parent_id WHERE m.id = ? ORDER BY s.id",
                (message,),
            )
            ids = [row["id"] for row in rows]
            if not ids:
                raise _missing("message", message)
            chosen = ids[min(max(ids.index(message) + step, 0), len(ids) - 1)]
            leaf = await newest_leaf(connection, chosen)
            await connection.execute(
                "UPDATE conversations SET head = ? WHERE id = ?", (leaf, rows[0]["conversation_id"])
            )

    async def show_branch(self, message: MessageId) -> None:
        """Show a branch with this message: what is shown, where that has it, else the one with the newest leaf."""
        async with self._database.transaction() as connection:
            rows = await _rows(
                connection,
                "SELECT c.id, c.head FROM messages m JOIN conversations c ON c.id = m.conversation_id WHERE m.id = ?",
                (message,),
            )
            if not rows:
                raise _missing("message", message)
            if not await is_above(connection, message, rows[0]["head"]):
                leaf = await newest_leaf(connection, message)
                await connection.execute("UPDATE conversations SET head = ? WHERE id = ?", (leaf, rows[0]["id"]))

    # -- what a model reads of it

    async def pin(self, message: MessageId, pinned: bool) -> None:
        """Keep this message's turn in the model's view, or not."""
        async with self._database.transaction() as connection:
            await connection.execute("UPDATE messages SET pinned = ? WHERE id = ?", (pinned, message))

    async def summarize(self, message: MessageId, text: str, model: str) -> None:
        """Let a text that `model` wrote be read in place of this message and all before it; durable."""
        async with self._database.transaction(durable=True) as connection:
            await put_summary(connection, message, text, model)

    async def reword_summary(self, message: MessageId, text: str) -> None:
        """Change the summary that stands for this message and all before it; durable."""
        async with self._database.transaction(durable=True) as connection:
            await reword_summary(connection, message, text)

    async def drop_summary(self, message: MessageId) -> None:
        """Delete the summary that stands for this message; the messages themselves are read again."""
        async with self._database.transaction(durable=True) as connection:
            await connection.execute("DELETE FROM summaries WHERE message_id = ?", (message,))

    # -- turns

    async def add_turn(self, conversation: ConversationId, text: str, model: str) -> tuple[MessageId, MessageId]:
        """Write the person's message and the empty, streaming answer below what is shown; durable.

        Returns both ids. The first message of a conversation without a title gives it one. The draft that
        this text was is forgotten in the same moment.
        """
        async with self._database.transaction(durable=True) as connection:
            return await self._insert_turn(connection, conversation, clean(text), model)

    async def _insert_turn(
        self, connection: "Connection", conversation: ConversationId, text: str, model: str
    ) -> tuple[MessageId, MessageId]:
        """The statements of `add_turn`."""
        rows = await _rows(connection, "SELECT head, title FROM conversations WHERE id = ?", (conversation,))
        if not rows:
            raise _missing("conversation", conversation)
        question = await insert_message(connection, conversation, rows[0]["head"], "user", text=text)
        await drop_sent(connection, conversation, text)
        answer = await insert_message(
            connection, conversation, question, "assistant", model=model, owner=self._database.instance
        )
        title = rows[0]["title"] or title_from(plain(text))
        await connection.execute(
            "UPDATE conversations SET title = ?, model = ? WHERE id = ?", (title, model, conversation)
        )
        return question, answer

    async def add_sibling(self, message: MessageId, model: str) -> MessageId:
        """Write an empty, streaming answer beside this answer and show it; durable."""
        async with self._database.transaction(durable=True) as connection:
            rows = await _rows(
                connection,
                "SELECT conversation_id, parent_id FROM messages WHERE id = ? AND role = 'assistant'",
                (message,),
            )
            if not rows:
                raise _missing("answer", message)
            return await insert_message(
                connection,
                rows[0]["conversation_id"],
                rows[0]["parent_id"],
                "assistant",
                model=model,
                owner=self._database.instance,
            )

    async def edit(self, message: MessageId, text: str, model: str) -> tuple[MessageId, MessageId]:
        """Write another wording beside this message of the person, and its empty, streaming answer; durable."""
        async with self._database.transaction(durable=True) as connection:
            return await add_wording(connection, message, clean(text), model, self._database.instance)

    async def fork(self, message: MessageId) -> ConversationId:
        """A new conversation with copies of the messages up to and including this one."""
        async with self._database.transaction(durable=True) as connection:
            return await copy_thread(connection, message)

    async def add_imported(self, imported: "ImportedConversation") -> ConversationId:
        """Keep a conversation that was read from a file, as a new one; durable."""
        from lama_tui.conversations.from_json import add_imported

        async with self._database.transaction(durable=True) as connection:
            return await add_imported(connection, imported)

    async def resume(self, message: MessageId) -> None:
        """Let an answer that ended stream again, keeping what it says; durable."""
        async with self._database.transaction(durable=True) as connection:
            cursor = await connection.execute(
                "UPDATE messages SET state = 'streaming', owner = ?, finish_reason = NULL, error = NULL"
                " WHERE id = ? AND role = 'assistant' AND state <> 'streaming'",
                (self._database.instance, message),
            )
            if not cursor.rowcount:
                raise StoreError(
                    "This answer cannot be continued",
                    "It is gone, or being written already, perhaps by another lama.",
                    "Look again when that one has ended.",
                )

    async def checkpoint(self, message: MessageId, text: str, reasoning: str, calls: str = "") -> None:
        """Keep what a streaming answer says so far; survives the end of the process."""
        async with self._database.transaction() as connection:
            await write_parts(connection, message, clean(text), clean(reasoning), clean(calls))

    async def finish(
        self,
        message: MessageId,
        state: MessageState,
        *,
        text: str,
        reasoning: str = "",
        calls: str = "",
        finish_reason: FinishReason | None = None,
        usage: Usage | None = None,
        error: LamaError | None = None,
    ) -> None:
        """End a streaming answer; durable. Without effect on one that has ended, so it can be tried again."""
        async with self._database.transaction(durable=True) as connection:
            # The parts first: as its state changes, the message enters the search index.
            await write_parts(connection, message, clean(text), clean(reasoning), clean(calls))
            await end_message(connection, message, state, finish_reason, usage or Usage(), error)

    # -- what waits for an answer to end

    async def queued(self) -> tuple[QueuedMessage, ...]:
        """What waits in any conversation, first to be sent first."""
        rows = await self._database.read("SELECT * FROM queue ORDER BY ordinal")
        return tuple(
            QueuedMessage(row["ordinal"], ConversationId(row["conversation_id"]), row["text"], row["model"])
            for row in rows
        )

    async def enqueue(self, conversation: ConversationId, text: str, model: str) -> QueuedMessage:
        """Let a message wait, behind all others; durable. Its draft is forgotten in the same moment."""
        text = clean(text)
        async with self._database.transaction(durable=True) as connection:
            cursor = await connection.execute(
                "INSERT INTO queue (conversation_id, text, model, created) VALUES (?, ?, ?, ?)",
                (conversation, text, model, now()),
            )
            await drop_sent(connection, conversation, text)
            assert cursor.lastrowid is not None  # noqa: S101 - an INSERT has one
            return QueuedMessage(cursor.lastrowid, conversation, text, model)

    async def dequeue(self, queued: QueuedMessage) -> bool:
        """Let a message wait no more; False when another lama sent it or took it back."""
        async with self._database.transaction(durable=True) as connection:
            return await _dequeue(connection, queued)

    async def add_queued_turn(self, queued: QueuedMessage) -> tuple[MessageId, MessageId] | None:
        """As `add_turn` with a message that waits no more; None when another lama sent it or took it back."""
        async with self._database.transaction(durable=True) as connection:
            if not await _dequeue(connection, queued):
                return None
            return await self._insert_turn(connection, queued.conversation, queued.text, queued.model)

    async def recover(self) -> int:
        """Mark as `interrupted` what streams in no live instance; how many that were."""
        # Who streams first, who lives second: the other way round, an instance that starts in
        # between would be taken for dead.
        streaming = {row["owner"] for row in await self._database.read(_STREAMING)}
        dead = streaming - await self._database.live_instances()
        if not dead:
            return 0
        async with self._database.transaction(durable=True) as connection:
            cursor = await connection.executemany(
                "UPDATE messages SET state = 'interrupted', owner = NULL WHERE state = 'streaming' AND owner = ?",
                [(owner,) for owner in dead],
            )
            return cursor.rowcount


async def _rows(connection: "Connection", sql: str, parameters: Sequence[Any]) -> "Sequence[sqlite3.Row]":
    """All rows of a statement inside a transaction."""
    return tuple(await connection.execute_fetchall(sql, parameters))


async def _dequeue(connection: "Connection", queued: QueuedMessage) -> bool:
    """Whether it was there to be taken out of the queue."""
    cursor = await connection.execute("DELETE FROM queue WHERE ordinal = ?", (queued.ordinal,))
    return cursor.rowcount == 1


def _missing(what: str, number: int) -> StoreError:
    """A row that was expected is not there."""
    return StoreError(
        f"There is no such {what}", f"Nothing is saved under number {number}.", "It may have been deleted."
    )
