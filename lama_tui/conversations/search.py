"""Search in what was said, and in summaries of it, over the indexes `parts_index` and `summaries_index` (FTS5)."""

import asyncio
import heapq
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lama_tui.security.gate import clean, clean_row
from lama_tui.types import ConversationId, MessageId, Role

if TYPE_CHECKING:
    import sqlite3

    from lama_tui.store.database import Database

WORDS = 12
"""Words of a query that count; more never narrowed anything."""
LONGEST_WORD = 80
"""Characters of a word that count."""
_QUERY = 2_000  # characters of a query that are read at all
_SNIPPET = 14  # words

_BEGIN, _END = "\x02", "\x03"
"""Around a hit. The gate lets neither into the store, so neither can be part of the text."""

_ROWS = 3
"""Parts that a message has at most: its text, the reasoning and the tools that it asks for."""

# Newest first, which the index gives without sorting.
_SELECT = f"""
SELECT p.message_id, m.conversation_id, c.title, m.role, m.created, p.kind,
    snippet(parts_index, 0, '{_BEGIN}', '{_END}', '…', {_SNIPPET}) AS snippet
FROM parts_index JOIN parts p ON p.id = parts_index.rowid
JOIN messages m ON m.id = p.message_id JOIN conversations c ON c.id = m.conversation_id
WHERE parts_index MATCH ? AND c.deleted IS NULL
ORDER BY parts_index.rowid DESC LIMIT ?
"""  # noqa: S608 - constants of ours

_COUNT = """
SELECT count(DISTINCT p.message_id) AS found
FROM parts_index JOIN parts p ON p.id = parts_index.rowid
JOIN messages m ON m.id = p.message_id JOIN conversations c ON c.id = m.conversation_id
WHERE parts_index MATCH ? AND c.deleted IS NULL
"""

_SELECT_SUMMARIES = f"""
SELECT -y.message_id AS message_id, m.conversation_id, c.title, 'system' AS role, y.created, 'text' AS kind,
    snippet(summaries_index, 0, '{_BEGIN}', '{_END}', '…', {_SNIPPET}) AS snippet
FROM summaries_index JOIN summaries y ON y.message_id = summaries_index.rowid
JOIN messages m ON m.id = y.message_id JOIN conversations c ON c.id = m.conversation_id
WHERE summaries_index MATCH ? AND c.deleted IS NULL
ORDER BY summaries_index.rowid DESC LIMIT ?
"""  # noqa: S608 - constants of ours

_COUNT_SUMMARIES = """
SELECT count(*) AS found
FROM summaries_index JOIN messages m ON m.id = summaries_index.rowid JOIN conversations c ON c.id = m.conversation_id
WHERE summaries_index MATCH ? AND c.deleted IS NULL
"""


@dataclass(frozen=True, slots=True)
class Hit:
    """A message in which the words were found. `snippet` is one line: pieces, each with whether it is a hit.

    Of a summary `message` is the number that `shown_with` gives it.
    """

    conversation: ConversationId
    message: MessageId
    title: str
    role: Role
    sent: int
    """UTC milliseconds."""
    snippet: tuple[tuple[str, bool], ...]
    reasoning: bool = False

    @property
    def is_summary(self) -> bool:
        """Whether nobody said it: it sums up what was said."""
        return self.message < 0


@dataclass(frozen=True, slots=True)
class Found:
    """The newest hits, and how many more there are. `problem` says why nothing could be searched for."""

    hits: tuple[Hit, ...] = ()
    left_out: int = 0
    problem: str = ""


class Search:
    """Finds messages in all conversations that are not deleted. Raises `StoreError`."""

    def __init__(self, database: "Database") -> None:
        self._database = database

    async def find(self, wanted: str, limit: int = 100) -> Found:
        """The messages that have all words of `wanted`, newest first.

        The last word need not be whole, unless a space follows it. Words in double quotes stand together.
        Whatever is asked, this raises nothing but `StoreError`.
        """
        if not wanted.strip():
            return Found()
        expression = match_expression(wanted)
        if not expression:
            return Found(problem="There is no word in this. Type letters or digits.")
        said = await self._database.read(_SELECT, (expression, _ROWS * limit))
        summed = await self._database.read(_SELECT_SUMMARIES, (expression, limit))
        hits = await asyncio.to_thread(_merged, said, summed)
        total = len(hits)
        if len(said) == _ROWS * limit or len(summed) == limit:
            counted = [await self._database.read(count, (expression,)) for count in (_COUNT, _COUNT_SUMMARIES)]
            total = sum(int(rows[0]["found"]) for rows in counted)
        return Found(hits[:limit], max(0, total - len(hits[:limit])))


def match_expression(wanted: str) -> str:
    """`wanted` in the language of FTS5, each word quoted so that none is an operator; empty without a word."""
    text = clean(wanted[:_QUERY])
    phrases: list[str] = []
    for number, piece in enumerate(text.split('"')):
        if number % 2 == 1:
            phrases.append(" ".join(word[:LONGEST_WORD] for word in piece.split()[:WORDS]))
        else:
            phrases += [word[:LONGEST_WORD] for word in piece.split()]
    phrases = [phrase for phrase in phrases if _has_word(phrase)][:WORDS]
    if not phrases:
        return ""
    whole = text[-1].isspace() or text.endswith('"')
    return " ".join(f'"{phrase}"' for phrase in phrases) + ("" if whole else "*")


def _has_word(text: str) -> bool:
    """Whether the index's tokenizer may see a word in it: an empty phrase would match nothing."""
    return any(character.isalnum() for character in text)


def _merged(said: "list[sqlite3.Row]", summed: "list[sqlite3.Row]") -> tuple[Hit, ...]:
    """Messages and summaries, newest first. What sums up came after what was said, also in the same millisecond."""
    return tuple(heapq.merge(_hits(summed), _hits(said), key=lambda hit: -hit.sent))


def _hits(rows: "list[sqlite3.Row]") -> tuple[Hit, ...]:
    """A hit for each message; in its text rather than in its reasoning or in what it asks tools for."""
    found: dict[int, Hit] = {}
    for row in rows:
        reasoning = row["kind"] == "reasoning"
        if row["message_id"] in found and row["kind"] != "text":
            continue
        found[row["message_id"]] = Hit(
            ConversationId(row["conversation_id"]),
            MessageId(row["message_id"]),
            row["title"],
            row["role"],
            row["created"],
            _pieces(row["snippet"]),
            reasoning,
        )
    return tuple(found.values())


def _pieces(snippet: str) -> tuple[tuple[str, bool], ...]:
    pieces: list[tuple[str, bool]] = []
    hit = False
    for part in re.split(f"([{_BEGIN}{_END}])", snippet):
        if part in (_BEGIN, _END):
            hit = part == _BEGIN
        elif part:
            pieces.append((re.sub(r" {2,}", " ", clean_row(part)), hit))
    return tuple(pieces)
