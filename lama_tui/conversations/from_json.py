"""Reads what `as_json` wrote, perhaps by hand or by another program: nothing in it is trusted."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, get_args

from lama_tui.conversations.as_json import FORMAT, VERSION
from lama_tui.conversations.message_table import ORDINALS
from lama_tui.conversations.rows import settings_from, settings_to
from lama_tui.errors import StoreError
from lama_tui.security.gate import clean, clean_line
from lama_tui.types import ConversationId, FinishReason, MessageState, PartKind, Role, Usage

if TYPE_CHECKING:
    from aiosqlite import Connection

LARGEST = 256 * 1024**2
"""Bytes of a file that are read."""

_MOST = 2**62  # of a number; SQLite ends at 2**63
_LONGEST_LINE = 4000
_FIGURES = frozenset(field.name for field in fields(Usage))


@dataclass(frozen=True, slots=True)
class ImportedMessage:
    """One message; `parent` is the place of its parent in the list, as texts for the columns of the tables."""

    parent: int | None
    role: str
    state: str
    model: str
    created: int
    finish_reason: str | None
    usage: str
    error: str | None
    pinned: bool
    parts: tuple[tuple[PartKind, str], ...]
    summary: tuple[str, str, int] | None


@dataclass(frozen=True, slots=True)
class ImportedConversation:
    """A conversation with all its messages, parents first; `head` is a place in them."""

    title: str
    model: str
    created: int
    updated: int
    settings: str
    head: int | None
    messages: tuple[ImportedMessage, ...]


def read_json(text: str) -> ImportedConversation:
    """Read a file's text. Raises `StoreError`, which says what is wrong and where."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _bad(f"it is no JSON: {clean_line(str(error))}") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise _bad(f"its “format” is not “{FORMAT}”")
    if not isinstance(version := document.get("version"), int) or version > VERSION:
        raise _bad(f"its version is {clean_line(str(version), 20)}; this lama reads {VERSION}")
    rows = document.get("messages")
    if not isinstance(rows, list):
        raise _bad("it has no list of messages")
    places: dict[int, int] = {}
    messages = []
    for place, row in enumerate(rows):
        number = row.get("id") if isinstance(row, dict) else None
        if not isinstance(number, int) or isinstance(number, bool) or number in places:
            raise _bad(f"message {place + 1} has no id of its own")
        messages.append(_message(row, places, place + 1))
        places[number] = place
    created = _integer(document.get("created"))
    head = document.get("head")
    return ImportedConversation(
        title=_line(document.get("title")),
        model=_line(document.get("model")),
        created=created,
        updated=max(created, _integer(document.get("updated"))),
        settings=settings_to(settings_from(json.dumps(document.get("settings")))),
        head=places.get(head) if isinstance(head, int) else len(messages) - 1 if messages else None,
        messages=tuple(messages),
    )


async def add_imported(connection: "Connection", imported: ImportedConversation) -> ConversationId:
    """Write it as a new conversation. The connection is inside a transaction."""
    cursor = await connection.execute(
        "INSERT INTO conversations (title, model, settings, created, updated) VALUES (?, ?, ?, ?, ?)",
        (imported.title, imported.model, imported.settings, imported.created, imported.updated),
    )
    assert cursor.lastrowid is not None  # noqa: S101 - an INSERT has one
    conversation, ids = ConversationId(cursor.lastrowid), list[int]()
    for message in imported.messages:
        cursor = await connection.execute(
            "INSERT INTO messages"
            " (conversation_id, parent_id, role, state, finish_reason, usage, model, error, created, pinned)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                conversation, None if message.parent is None else ids[message.parent], message.role, message.state,
                message.finish_reason, message.usage, message.model, message.error, message.created, message.pinned,
            ),
        )  # fmt: skip
        assert cursor.lastrowid is not None  # noqa: S101 - as above
        ids.append(cursor.lastrowid)
        await connection.executemany(
            "INSERT INTO parts (message_id, ordinal, kind, text) VALUES (?, ?, ?, ?)",
            [(ids[-1], ORDINALS[kind], kind, text) for kind, text in message.parts],
        )
        if message.summary is not None:
            await connection.execute(
                "INSERT INTO summaries (message_id, text, model, created) VALUES (?, ?, ?, ?)",
                (ids[-1], *message.summary),
            )
    if imported.head is not None:
        await connection.execute("UPDATE conversations SET head = ? WHERE id = ?", (ids[imported.head], conversation))
    return conversation


def _message(row: Mapping[str, Any], places: Mapping[int, int], number: int) -> ImportedMessage:
    role, state, parent = row.get("role"), row.get("state", "complete"), row.get("parent")
    if not isinstance(role, str) or role not in get_args(Role) or state not in get_args(MessageState):
        raise _bad(f"message {number} is of no known role and state")
    if parent is not None and (not isinstance(parent, int) or parent not in places):
        raise _bad(f"message {number} follows one that does not come before it")
    calls = row.get("calls")
    said = [clean_line(call, len(call)) for call in calls if isinstance(call, str)] if isinstance(calls, list) else []
    parts: tuple[tuple[PartKind, str], ...] = (
        ("reasoning", _text(row.get("reasoning"))),
        ("text", _text(row.get("text"))),
        ("calls", "\n".join(said)),
    )
    reason = row.get("finish_reason")
    return ImportedMessage(
        parent=None if parent is None else places[parent],
        role=role,
        state="interrupted" if state == "streaming" else state,  # nobody writes it here
        model=_line(row.get("model")),
        created=_integer(row.get("created")),
        finish_reason=reason if reason in get_args(FinishReason) else None,
        usage=_usage(row.get("usage")),
        error=_error(row.get("error")),
        pinned=row.get("pinned") is True,
        parts=tuple((kind, text) for kind, text in parts if text),
        summary=_summary(row.get("summary")),
    )


def _usage(value: object) -> str:
    """The figures that are numbers; others are unknown."""
    found = value if isinstance(value, dict) else {}
    return json.dumps({key: number for key, number in found.items() if key in _FIGURES and _is_figure(number)})


def _is_figure(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _MOST


def _error(value: object) -> str | None:
    if not isinstance(value, dict) or not isinstance(value.get("title"), str):
        return None
    return json.dumps({key: _line(value.get(key)) for key in ("kind", "title", "detail", "hint")})


def _summary(value: object) -> tuple[str, str, int] | None:
    if not isinstance(value, dict) or not _text(value.get("text")).strip():
        return None
    return _text(value.get("text")), _line(value.get("model")), _integer(value.get("created"))


def _text(value: object) -> str:
    return clean(value) if isinstance(value, str) else ""


def _line(value: object) -> str:
    return clean_line(value, _LONGEST_LINE) if isinstance(value, str) else ""


def _integer(value: object) -> int:
    return int(value) if isinstance(value, int | float) and _is_figure(value) else 0


def _bad(why: str) -> StoreError:
    return StoreError("This is no exported conversation", f"{why[0].upper()}{why[1:]}.", "Export it again as JSON.")
