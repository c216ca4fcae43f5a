"""Opening the store: what was deleted before leaves nothing behind."""

import time
from io import RawIOBase

from lama_tui.config.loader import load_settings
from lama_tui.engine.prompt_files import PromptFiles
from lama_tui.paths import Paths
from lama_tui.ui.opening import UNDO_MILLISECONDS, Opening, open_services


def some_kv(file: RawIOBase) -> None:
    file.write(b"kv")


async def test_what_another_lama_wrote_of_a_deleted_conversation_goes_with_the_next_start(home: object) -> None:
    paths = Paths.from_environment()
    opening = Opening(paths, load_settings(paths), open_services)
    opened = await opening.open()
    kept, deleted, erased = [await opened.conversations.create(title) for title in ("kept", "deleted", "erased")]
    await opened.conversations.delete(deleted)
    long_ago = time.time_ns() // 1_000_000 - 2 * UNDO_MILLISECONDS
    async with (await opened.services.database()).transaction() as connection:
        await connection.execute("UPDATE conversations SET deleted = ? WHERE id = ?", (long_ago, erased))
    await opening.close()
    files = PromptFiles(paths.prompts, 10_000)
    assert all(files.add("model", int(conversation), 2, some_kv) for conversation in (kept, deleted, erased))
    later = Opening(paths, load_settings(paths), open_services)
    opened = await later.open()
    assert await opened.conversations.get(erased) is None
    await later.check()
    await later.close()
    assert [path.name.partition("-")[0] for path in paths.prompts.glob("*/*")] == [str(kept)]
