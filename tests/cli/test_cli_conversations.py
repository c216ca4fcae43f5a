"""`lama find`, `lama export` and `lama import-conversations`: what was said, on the command line."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lama_tui.conversations.table import Conversations
from lama_tui.paths import Paths
from lama_tui.store.database import Database
from lama_tui.types import Usage


def talked(paths: Paths) -> int:
    """A conversation about stars, with a summary and another answer."""

    async def write() -> int:
        database = await Database.open(paths)
        try:
            conversations = Conversations(database)
            id_ = await conversations.create()
            _, answer = await conversations.add_turn(id_, "Which star is \x1b[31mnear?", "m")
            await conversations.finish(answer, "complete", text="Proxima.", usage=Usage(9, 4, 3, 1.5, 2.5, 3.5, 7))
            await conversations.finish(await conversations.add_sibling(answer, "m"), "complete", text="The sun.")
            await conversations.summarize(answer, "A talk about quasars.", "m")
            return int(id_)
        finally:
            await database.close()

    return asyncio.run(write())


def test_nothing_is_made_by_a_look(lama: Callable, paths: Paths, tmp_path: Path) -> None:
    found = lama("find", "star", "--json")
    assert (found.code, json.loads(found.out)) == (0, [])
    assert lama("find", "star").err == "Nothing was found.\n"
    ended = lama("export", "1")
    assert ended.code == 1 and "no such conversation" in ended.err
    assert not paths.database.exists()


@pytest.mark.slow
def test_found_exported_and_brought_in_again(lama: Callable, paths: Paths, tmp_path: Path) -> None:
    id_ = talked(paths)
    (hit,) = json.loads(lama("find", "quasar", "--json").out)
    assert (hit["conversation"], hit["role"], hit["snippet"]) == (id_, "summary", "A talk about quasars.")
    assert set(hit) >= {"conversation", "title", "message", "role", "time", "snippet"} and hit["message"] > 0
    listed = lama("find", "star", "--limit", "1")
    assert "Which star is ␛[31mnear?" in listed.out and listed.out.startswith("ID  TITLE")
    assert lama("find", "-").code == 1 and lama("find", "x", "--limit", "0").code == 2

    assert "## m · " in lama("export", "which star").out and "The sun." in lama("export", str(id_)).out
    text = lama("export", str(id_), "--json").out
    file = tmp_path / "star.json"
    assert lama("export", str(id_), str(file)).code == 0 and file.read_text() == text
    again = lama("export", str(id_), str(file))
    assert again.code == 1 and "is there" in again.err

    (added,) = json.loads(lama("import-conversations", str(file), "--json").out)
    assert added["conversation"] != id_ and added["messages"] == 3
    copied = json.loads(lama("export", str(added["conversation"]), "--json").out)
    first = copied["messages"][1]
    assert (first["usage"]["peak_memory"], first["summary"]["text"], first["text"]) == (
        7,
        "A talk about quasars.",
        "Proxima.",
    )
    assert len(json.loads(lama("find", "quasar", "--json").out)) == 2

    (tmp_path / "bad.json").write_bytes(b"\xff{}")
    for name in ("bad.json", "none.json", "."):
        ended = lama("import-conversations", str(file), str(tmp_path / name))
        assert ended.code == 1 and ended.err.count("\n") == 1 and "Traceback" not in ended.err
    assert len(json.loads(lama("find", "quasar", "--json").out)) == 2  # one that is bad: none comes in
