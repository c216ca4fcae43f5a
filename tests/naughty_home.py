"""A home in which everything is naughty: files and their names, and what was stored past all that cleans."""

import contextlib
import json
import os
from pathlib import Path

from lama_tui.conversations.message_table import end_message, insert_message, write_parts
from lama_tui.errors import LamaError
from lama_tui.monitor.presence import LoadedNow, Presence, write_presence
from lama_tui.paths import Paths, shipped_themes
from lama_tui.services import Services
from lama_tui.types import Usage
from tests.models import make_tiny_llama
from tests.naughty import NAUGHTY, SHORT, WITH_SURROGATES


def name_of(text: str) -> str:
    """The text as the name of a file, as far as there can be one."""
    data = text.encode("utf-8", "surrogateescape") if "\udc80" in text else text.encode("utf-8", "replace")
    return os.fsdecode(data.translate(None, b"\0/")[:180].strip() or b"_")


def quoted(text: str) -> str:
    """As TOML writes it: JSON escapes what TOML does, but for DEL and what has no bytes."""
    return json.dumps(text.encode("utf-8", "replace").decode(), ensure_ascii=False).replace("\x7f", "\\u007f")


def furnish(paths: Paths) -> None:
    """Write models, themes, and what another lama tells of itself."""
    themes = paths.config / "themes"
    themes.mkdir(parents=True)
    colours = (shipped_themes() / "lama-dark.toml").read_text().partition("dark = ")[2]
    for number, text in enumerate(WITH_SURROGATES.values()):
        name = f"{number:02}{name_of(text)}"
        with contextlib.suppress(OSError):  # macOS has no names that are not UTF-8
            _model(paths.models / name, text)
            (themes / f"{name}.toml").write_text(f"name = {quoted(text)}\ndark = {colours}")
            (themes / f"broken{name}.toml").write_text(f'background = {quoted(text)}\nforeground = "x')
    usable = make_tiny_llama(paths.models / f"usable{name_of(SHORT)}")
    (usable / "README.md").write_text(f"---\nlicense: other\nlicense_name: a{SHORT}\n---\n")
    hub = Path(os.environ["HF_HOME"]) / "hub"
    (hub / f"models--a--{name_of(SHORT)}" / "snapshots" / name_of(SHORT)).mkdir(parents=True)
    write_presence(paths.run, Presence(pid=os.getpid(), started=1, loaded=(LoadedNow(SHORT, "cpu", 10),)))


def _model(folder: Path, text: str) -> None:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": text, "architectures": [text]}))
    (folder / "README.md").write_bytes(f"---\nlicense: {text}\n---\n".encode("utf-8", "replace"))


async def store(services: Services) -> None:
    """Put conversations into the store: one of many turns, which is the newest, and one for each text as a title."""
    database = await services.database()
    async with database.transaction() as connection:
        made = "INSERT INTO conversations (title, model, created, updated) VALUES (?, ?, 1, 1)"
        for text in NAUGHTY.values():
            await connection.execute(made, (text, text))
            await connection.execute("INSERT OR REPLACE INTO models VALUES (?, 1, 1)", (text,))
        conversation = (await connection.execute(made, (SHORT, SHORT))).lastrowid
        above = None
        for text in NAUGHTY.values():
            question = await insert_message(connection, conversation, above, "user", text=text)
            above = await insert_message(
                connection, conversation, question, "assistant", model=text, owner=database.instance
            )
            await write_parts(connection, above, text, text)
            await end_message(connection, above, "failed", None, Usage(), LamaError(text, text, text))
        await connection.execute("INSERT INTO drafts VALUES (?, ?, 1)", (conversation, SHORT))
        await connection.execute(
            "INSERT INTO queue (conversation_id, text, model, created) VALUES (?, ?, ?, 1)",
            (conversation, SHORT, SHORT),
        )
