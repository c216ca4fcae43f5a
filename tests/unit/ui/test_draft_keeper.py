"""Keeping a draft: what is typed while the one before is written."""

import asyncio

import pytest

from lama_tui.types import ConversationId
from lama_tui.ui.composer import draft_keeper
from lama_tui.ui.composer.draft_keeper import DraftKeeper

HERE = ConversationId(1)


class SlowDisk:
    """Drafts, each written when it is let go."""

    def __init__(self) -> None:
        self.saved: list[str] = []
        self.begun = asyncio.Queue[str]()
        self.go = asyncio.Semaphore(0)

    async def read(self, conversation: ConversationId) -> str:
        return ""

    async def save(self, conversation: ConversationId, text: str) -> None:
        self.begun.put_nowait(text)
        await self.go.acquire()
        self.saved.append(text)


async def test_what_is_typed_while_a_draft_is_written_is_kept_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draft_keeper, "DELAY", 0)
    disk, typed = SlowDisk(), ["one"]
    keeper = DraftKeeper(disk, lambda: typed[0], lambda error: pytest.fail(str(error)))  # type: ignore[arg-type]
    await keeper.open(HERE)
    async with asyncio.timeout(60):
        keeper.changed()
        assert await disk.begun.get() == "one"
        typed[0] = "one more"
        keeper.changed()
        disk.go.release()
        assert await disk.begun.get() == "one more"  # and no key was pressed after it
        disk.go.release()
        await keeper.close()
    assert disk.saved == ["one", "one more"]
