"""`lama find WORDS`: search in what was said in all conversations, and in summaries of it."""

import argparse
import asyncio
import time
from typing import TYPE_CHECKING, Any

from lama_tui.cli import output
from lama_tui.config.loader import LoadedSettings
from lama_tui.errors import StoreError
from lama_tui.paths import Paths
from lama_tui.security.gate import clean_row
from lama_tui.ui.figures import ago

if TYPE_CHECKING:
    from lama_tui.conversations.search import Found, Hit

_USUAL = 20  # lines: one screen
_MOST = 10_000
_WIDEST = 30  # characters of a title in the table


def add_to(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb and its flags."""
    parser = verbs.add_parser("find", help="search in all conversations", allow_abbrev=False)
    parser.add_argument("words", metavar="WORDS", nargs="+", help="all of them; “quoted” ones stand together")
    parser.add_argument("--limit", metavar="N", type=_limit, default=_USUAL, help=f"so many lines; usually {_USUAL}")
    parser.add_argument("--json", action="store_true", help="one array")
    parser.set_defaults(verb=find)


def find(arguments: argparse.Namespace, paths: Paths, loaded: LoadedSettings) -> int:
    """Print the newest hits. Raises `StoreError` for what cannot be searched for."""
    found = asyncio.run(_find(" ".join(arguments.words), arguments.limit, paths))
    if found.problem:
        raise StoreError("Nothing was searched for", found.problem)
    if arguments.json:
        output.json_document([_json(hit) for hit in found.hits])
        return 0
    now = time.time_ns() // 1_000_000
    rows = [
        (str(hit.conversation), clean_row(hit.title)[:_WIDEST], _role(hit), ago(hit.sent, now), _snippet(hit))
        for hit in found.hits
    ]
    if rows:
        output.table(("ID", "TITLE", "WHO", "WHEN", "TEXT"), rows, right=(0,))
    more = f"{found.left_out:,} more; --limit shows them." if found.left_out else ""
    if more or not rows:
        output.note(more or "Nothing was found.")
    return 0


async def _find(words: str, limit: int, paths: Paths) -> "Found":
    from lama_tui.conversations.search import Found, Search
    from lama_tui.store.database import Database

    if not paths.database.exists():  # a look makes no store
        return Found()
    database = await Database.open(paths)
    try:
        return await Search(database).find(words, limit)
    finally:
        await database.close()


def _json(hit: "Hit") -> dict[str, Any]:
    """A summary has the number of the last message that it stands for."""
    return {
        "conversation": hit.conversation,
        "title": hit.title,
        "message": abs(hit.message),
        "role": _role(hit),
        "time": hit.sent,
        "snippet": _snippet(hit),
        "reasoning": hit.reasoning,
    }


def _role(hit: "Hit") -> str:
    return "summary" if hit.is_summary else hit.role


def _snippet(hit: "Hit") -> str:
    return "".join(piece for piece, _ in hit.snippet).strip()


def _limit(text: str) -> int:
    """For argparse."""
    if not text.isdecimal() or not 1 <= int(text) <= _MOST:
        raise argparse.ArgumentTypeError(f"a number from 1 to {_MOST}, not {text!r}")
    return int(text)
