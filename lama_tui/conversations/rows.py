"""Between rows and values: what the tables select and what the rest of the program sees."""

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import asdict, fields
from typing import Any, get_args

from lama_tui.config.sampling import SAMPLING
from lama_tui.config.values import Reader
from lama_tui.config.values import text as read_text
from lama_tui.conversations.messages import Conversation, ConversationSettings, Message, MessageError, Part, Summary
from lama_tui.errors import LamaError
from lama_tui.security.gate import clean
from lama_tui.types import ContextPolicy, ConversationId, MessageId, Usage

SELECT_CONVERSATION = """
SELECT c.id, c.title, c.model, c.created, c.updated, c.unseen, c.settings,
    coalesce(m.state = 'interrupted', 0) AS interrupted,
    EXISTS (SELECT 1 FROM drafts d WHERE d.conversation_id = c.id) AS draft
FROM conversations c LEFT JOIN messages m ON m.id = c.head
"""

LARGEST_ANSWER = 10_000_000
"""Tokens that can be asked for."""

_SETTINGS = {field.name: field.default for field in fields(ConversationSettings)}

_FIGURES = frozenset(field.name for field in fields(Usage))

# A row for each part of each message in `thread`, from the root on. Siblings are counted by an
# index, not stored.
_SELECT_MESSAGES = """
SELECT m.*, p.kind, p.text, y.text AS summary, y.model AS summary_model, y.created AS summary_created,
    (SELECT count(*) FROM messages s WHERE s.conversation_id = m.conversation_id
        AND s.parent_id IS m.parent_id AND s.id <= m.id) AS sibling,
    (SELECT count(*) FROM messages s WHERE s.conversation_id = m.conversation_id
        AND s.parent_id IS m.parent_id) AS siblings
FROM thread JOIN messages m ON m.id = thread.id LEFT JOIN parts p ON p.message_id = m.id
LEFT JOIN summaries y ON y.message_id = m.id
ORDER BY thread.height DESC, p.ordinal
"""

SELECT_MESSAGE = "WITH thread (id, height) AS (VALUES (?, 0))" + _SELECT_MESSAGES
"""One message, by its id."""

_THREAD = """
WITH RECURSIVE thread (id, height) AS (
    SELECT id, 0 FROM messages WHERE id = ?
    UNION ALL
    SELECT m.parent_id, height + 1 FROM thread JOIN messages m ON m.id = thread.id WHERE m.parent_id IS NOT NULL
)
"""

SELECT_THREAD = _THREAD + _SELECT_MESSAGES
"""The messages from the root to one, by its id."""

_TREE = "WITH thread (id, height) AS (SELECT id, -id FROM messages WHERE conversation_id = ?)"

SELECT_TREE = _TREE + _SELECT_MESSAGES
"""All messages of a conversation, by its id; parents before what follows them."""

SELECT_SHOWN = SELECT_THREAD.replace("?", "(SELECT head FROM conversations WHERE id = ?)")
"""The messages from the root to the leaf that a conversation shows, by its id."""


def conversation_from(row: sqlite3.Row) -> Conversation:
    """A row of `SELECT_CONVERSATION`."""
    return Conversation(
        id=ConversationId(row["id"]),
        title=row["title"],
        model=row["model"],
        created=row["created"],
        updated=row["updated"],
        unseen=bool(row["unseen"]),
        interrupted=bool(row["interrupted"]),
        draft=bool(row["draft"]),
        settings=settings_from(row["settings"]),
    )


def settings_from(text: str) -> ConversationSettings:
    """What the column `settings` says; what cannot be, or came with a later version, is left out. Never raises."""
    said = {key: value for key, value in _object(text).items() if _is_setting(key, value)}
    return ConversationSettings(
        **{**said, "system": clean(said.get("system", "")), "stop": tuple(said.get("stop", ()))}
    )


def settings_to(settings: ConversationSettings, before: str = "{}") -> str:
    """`settings` as JSON, only what differs from the defaults; keys of later versions in `before` are kept."""
    kept = {key: value for key, value in _object(before).items() if key not in _SETTINGS}
    values = {**asdict(settings), "system": clean(settings.system)}
    said = {key: value for key, value in values.items() if value != _SETTINGS[key]}
    return json.dumps({**kept, **said})


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError, TypeError):
        return {}
    return value if isinstance(value, dict) else {}


def _is_setting(key: str, value: object) -> bool:
    """Whether a value can be used as this setting."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    match key:
        case "system":
            return isinstance(value, str)
        case "temperature":
            return number and 0 <= value <= 2  # type: ignore[operator]
        case "top_p":
            return number and 0 < value <= 1  # type: ignore[operator]
        case "max_tokens":
            return isinstance(value, int) and number and 1 <= value <= LARGEST_ANSWER
        case "context":
            return isinstance(value, str) and value in get_args(ContextPolicy)
        case "thinking":
            return isinstance(value, bool)
        case "top_k" | "min_p" | "repetition_penalty" | "seed" | "stop":
            return _is_read(SAMPLING[key], value)
        case "draft" | "adapter" | "tokenizer":
            return _is_read(read_text, value)
        case _:
            return False


def _is_read(reader: Reader, value: object) -> bool:
    try:
        reader(value)
    except ValueError:
        return False
    return True


def thread_from(rows: Iterable[sqlite3.Row]) -> tuple[Message, ...]:
    """The rows of `SELECT_MESSAGE`, `SELECT_THREAD` or `SELECT_SHOWN`."""
    firsts: dict[int, sqlite3.Row] = {}
    parts: dict[int, list[Part]] = {}
    for row in rows:
        firsts.setdefault(row["id"], row)
        found = parts.setdefault(row["id"], [])
        if row["kind"] is not None:
            found.append(Part(row["kind"], row["text"]))
    return tuple(_message(row, tuple(parts[key])) for key, row in firsts.items())


def _message(row: sqlite3.Row, parts: tuple[Part, ...]) -> Message:
    """A message from its first row and all its parts."""
    return Message(
        id=MessageId(row["id"]),
        conversation=ConversationId(row["conversation_id"]),
        parent=None if row["parent_id"] is None else MessageId(row["parent_id"]),
        role=row["role"],
        state=row["state"],
        parts=parts,
        created=row["created"],
        model=row["model"],
        finish_reason=row["finish_reason"],
        usage=usage_from(row["usage"]),
        error=None if row["error"] is None else MessageError(**json.loads(row["error"])),
        sibling=row["sibling"],
        siblings=row["siblings"],
        pinned=bool(row["pinned"]),
        summary=None
        if row["summary"] is None
        else Summary(row["summary"], row["summary_model"], row["summary_created"]),
    )


def usage_to(usage: Usage) -> str:
    """`usage` as JSON, known figures only."""
    return json.dumps({key: value for key, value in asdict(usage).items() if value is not None})


def usage_from(text: str) -> Usage:
    """The reverse of `usage_to`; figures that a later version added are left out."""
    return Usage(**{key: value for key, value in json.loads(text).items() if key in _FIGURES})


def error_to(error: LamaError | None) -> str | None:
    """`error` as JSON."""
    if error is None:
        return None
    return json.dumps({"kind": error.kind, "title": error.title, "detail": error.detail, "hint": error.hint})
