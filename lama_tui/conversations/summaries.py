"""What a model reads of a thread beside its messages: which of them stay, and summaries in place of older ones.

A summary belongs to the last message that it stands for, so all branches that go on from there have it, and none of
the messages changes. The statements run on a connection that is inside a transaction.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from lama_tui.conversations.clock import now
from lama_tui.conversations.messages import Message, Part
from lama_tui.errors import StoreError
from lama_tui.security.gate import clean
from lama_tui.types import MessageId

if TYPE_CHECKING:
    from aiosqlite import Connection


def shown_with(messages: Iterable[Message]) -> tuple[Message, ...]:
    """The messages of a thread with each summary behind the last one that it stands for.

    Summaries are messages of their own there: they have `covers`, and the number of that last one, negative.
    """
    shown: list[Message] = []
    for count, message in enumerate(messages, 1):
        shown.append(message)
        if (summary := message.summary) is not None:
            shown.append(
                Message(
                    MessageId(-message.id), message.conversation, message.id, "system", "complete",
                    (Part("text", summary.text),), summary.created, summary.model, covers=count,
                )
            )  # fmt: skip
    return tuple(shown)


def summarized(message: MessageId) -> MessageId | None:
    """The last message that a summary stands for, by the number that `shown_with` gave it; None for a message."""
    return MessageId(-message) if message < 0 else None


async def put_summary(connection: "Connection", message: MessageId, text: str, model: str) -> None:
    """Let `text` stand for this message and all before it, in place of a summary that is there."""
    await connection.execute(
        "INSERT INTO summaries (message_id, text, model, created) SELECT id, ?, ?, ? FROM messages WHERE id = ?"
        " ON CONFLICT (message_id) DO UPDATE"
        " SET text = excluded.text, model = excluded.model, created = excluded.created",
        (clean(text), model, now(), message),
    )


async def reword_summary(connection: "Connection", message: MessageId, text: str) -> None:
    """Change what the summary says that stands for this message. Raises `StoreError` where there is none."""
    cursor = await connection.execute("UPDATE summaries SET text = ? WHERE message_id = ?", (clean(text), message))
    if not cursor.rowcount:
        raise StoreError(
            "The summary is gone",
            "It was deleted, perhaps in another window.",
            "The messages that it stood for are there.",
        )
