"""`lama import-conversations FILE…`: conversations that were exported as JSON, with all that is known of them."""

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lama_tui.cli import output
from lama_tui.config.loader import LoadedSettings
from lama_tui.errors import StoreError
from lama_tui.paths import Paths


def add_to(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb and its flags."""
    parser = verbs.add_parser(
        "import-conversations", help="bring in conversations that were exported as JSON", allow_abbrev=False
    )
    parser.add_argument("files", metavar="FILE", nargs="+", help="what `lama export --json` wrote")
    parser.add_argument("--json", action="store_true", help="one array")
    parser.set_defaults(verb=import_conversations)


def import_conversations(arguments: argparse.Namespace, paths: Paths, loaded: LoadedSettings) -> int:
    """Add each as a new conversation, or none where one cannot be read. Raises `StoreError`."""
    added = asyncio.run(_import([Path(file) for file in arguments.files], paths))
    if arguments.json:
        output.json_document(added)
    else:
        for each in added:
            output.line(
                f"{each['conversation']}. {each['title'] or 'New conversation'} ({each['messages']:,} messages)"
            )
    return 0


async def _import(files: Sequence[Path], paths: Paths) -> list[dict[str, Any]]:
    from lama_tui.conversations.from_json import read_json
    from lama_tui.conversations.table import Conversations
    from lama_tui.store.database import Database

    read = [read_json(await asyncio.to_thread(_text, file)) for file in files]
    database = await Database.open(paths)
    try:
        conversations = Conversations(database)
        return [
            {
                "conversation": await conversations.add_imported(each),
                "title": each.title,
                "messages": len(each.messages),
                "file": str(file),
            }
            for each, file in zip(read, files, strict=True)
        ]
    finally:
        await database.close()


def _text(file: Path) -> str:
    """What is in a file. Blocks."""
    from lama_tui.conversations.from_json import LARGEST

    try:
        with file.open("rb") as stream:
            data = stream.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise StoreError("The file is too large", f"{file} has more than {LARGEST / 1024**2:.0f} MiB.")
        return data.decode("utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is no UTF-8 text"
        raise StoreError("The conversation could not be read", f"{file}: {reason}.", "Name a file.") from error
