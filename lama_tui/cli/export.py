"""`lama export ID|TITLE [PATH]`: a conversation as Markdown, or as JSON with everything that is known of it."""

import argparse
import asyncio
from pathlib import Path

from lama_tui.cli import output
from lama_tui.config.loader import LoadedSettings
from lama_tui.errors import StoreError
from lama_tui.paths import Paths


def add_to(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb and its flags."""
    parser = verbs.add_parser("export", help="write a conversation to a file, or to stdout", allow_abbrev=False)
    parser.add_argument("conversation", metavar="ID|TITLE", help="as `lama find` shows it, or how its title begins")
    parser.add_argument("path", metavar="PATH", nargs="?", help="a new file; one that ends in .json gets JSON")
    parser.add_argument("--json", action="store_true", help="all branches and figures, as import-conversations reads")
    parser.set_defaults(verb=export)


def export(arguments: argparse.Namespace, paths: Paths, loaded: LoadedSettings) -> int:
    """Write it. Raises `StoreError` where there is none, and where the file cannot be written or is there."""
    path = Path(arguments.path).expanduser() if arguments.path else None
    text = asyncio.run(_text(arguments.conversation, arguments.json, path, paths))
    if path is None:
        output.write(text)
        return 0
    from lama_tui.conversations.export import write

    try:
        write(path, text)
    except FileExistsError as error:
        raise StoreError("The conversation was not written", f"{path} is there.", "Choose another name.") from error
    return 0


async def _text(wanted: str, json: bool, path: Path | None, paths: Paths) -> str:
    from lama_tui.conversations.export import exported, is_json
    from lama_tui.conversations.table import Conversations
    from lama_tui.store.database import Database

    found = None
    if paths.database.exists():
        database = await Database.open(paths)
        try:
            conversations = Conversations(database)
            if (found := await conversations.find(wanted)) is not None:
                shown, tree = await conversations.messages(found.id), await conversations.tree(found.id)
                return exported(found, shown, tree, json=json or (path is not None and is_json(path)))
        finally:
            await database.close()
    raise StoreError(
        "There is no such conversation",
        f"No id or title matches “{wanted}”.",
        "`lama find WORDS` shows where they are.",
    )
