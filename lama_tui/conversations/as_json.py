"""A conversation as JSON: every branch, and all that is kept of each message. Keys are only ever added.

Times are UTC milliseconds; figures as in `types.Usage`, null where unknown.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from lama_tui.conversations.messages import Conversation, Message, Summary
from lama_tui.conversations.rows import settings_to

FORMAT = "lama-conversation"
VERSION = 1


def as_json(conversation: Conversation, tree: Sequence[Message], head: int | None) -> str:
    """All messages of a conversation, parents first; `head` is the last one of the branch that is shown.

    In ASCII: escapes stand for whatever a terminal would obey, and nothing is lost.
    """
    document = {
        "format": FORMAT,
        "version": VERSION,
        "title": conversation.title,
        "model": conversation.model,
        "created": conversation.created,
        "updated": conversation.updated,
        "settings": json.loads(settings_to(conversation.settings)),
        "head": head,
        "messages": [_message(message) for message in tree],
    }
    return json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def _message(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "parent": message.parent,
        "role": message.role,
        "model": message.model or None,
        "created": message.created,
        "state": message.state,
        "finish_reason": message.finish_reason,
        "text": message.text,
        "reasoning": message.reasoning,
        "calls": list(message.calls),
        "pinned": message.pinned,
        "summary": _summary(message.summary),
        "error": None if message.error is None else asdict(message.error),
        "usage": asdict(message.usage),
    }


def _summary(summary: Summary | None) -> dict[str, Any] | None:
    """What is read in place of a message and all before it."""
    return None if summary is None else asdict(summary)
