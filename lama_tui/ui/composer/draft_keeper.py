"""Keeps what is typed: saved within a moment, back when the conversation is opened again.

The order in which things are saved makes that a crash neither loses what was sent nor sends it twice: what
is sent is saved as a draft first, and its draft goes in the transaction that writes the message. Until then
nothing newer takes its place.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from lama_tui.conversations.drafts import NOT_BEGUN, Drafts
from lama_tui.errors import LamaError, StoreError
from lama_tui.types import ConversationId

DELAY = 0.3
"""Seconds from a key to its save. Typing on does not put it off."""


class DraftKeeper:
    """Saves what `typed` returns as the draft of the conversation that is open. `failed` is told what went wrong.

    Drafts are read only when a conversation is opened, so another window never changes what one is typing.
    """

    def __init__(self, drafts: Drafts, typed: Callable[[], str], failed: Callable[[LamaError], None]) -> None:
        self._drafts = drafts
        self._typed = typed
        self._failed = failed
        self._at: ConversationId | None = None  # None: what is typed belongs to no conversation yet
        self._saved: tuple[ConversationId, str] | None = None  # what the store has, where that is known
        self._left: list[tuple[ConversationId, str]] = []
        self._saving = asyncio.Lock()
        self._later: asyncio.Task[None] | None = None
        self._changed = False  # since the save began that is being made
        self._failing = False
        self._sending = False

    @property
    def conversation(self) -> ConversationId | None:
        """Whose draft is being kept; None while another one is being opened."""
        return self._at

    @property
    def is_sending(self) -> bool:
        """A text is on its way to being a message, perhaps the first of its conversation."""
        return self._sending

    def changed(self) -> None:
        """What is typed changed: save it soon."""
        self._changed = True
        if self._later is None or self._later.done():
            self._later = asyncio.create_task(self._save_later())

    def leave(self) -> None:
        """Another conversation is about to be opened: what is typed now stays with this one."""
        if self._at is not None:
            self._left.append((self._at, self._typed()))
            self._at = None

    async def open(self, conversation: ConversationId) -> str | None:
        """What was typed in this conversation; what is typed from now on is its draft. None where it is open."""
        async with self._saving:
            await self._save_left()
            if self._at == conversation:
                return None
            try:
                text = await self._drafts.read(conversation)
            except StoreError as error:
                self._failed(error)
                text = ""
            self._at, self._saved = conversation, (conversation, text)
            return text

    async def save(self) -> None:
        """Save what is typed now, and what was left."""
        async with self._saving:
            await self._save_left()
            if self._at is not None:
                await self._write(self._at, self._typed())

    async def close(self) -> None:
        """Save for the last time."""
        if self._later is not None:
            self._later.cancel()
        await self.save()

    @asynccontextmanager
    async def sending(self, text: str, conversation: Callable[[], ConversationId | None]) -> AsyncIterator[None]:
        """While a text is sent: saved before, and nothing in its place until it is a message.

        `conversation` is asked at the end which one is open: it may have begun with this message.
        """
        async with self._saving:
            known = self._at is not None and await self._write(self._at, text)
            self._sending = True
            try:
                yield
                if known:  # the message took its draft with it
                    self._saved = (self._at or NOT_BEGUN, "")
            finally:
                self._sending = False
                begun = conversation()
                if self._at == NOT_BEGUN and begun is not None:
                    self._at, self._saved = begun, None
                if self._at is not None:
                    await self._write(self._at, self._typed())

    async def _save_later(self) -> None:
        while self._changed:  # also what is typed while it is written
            await asyncio.sleep(DELAY)
            self._changed = False
            await self.save()

    async def _save_left(self) -> None:
        while self._left:
            await self._write(*self._left[0])
            del self._left[0]

    async def _write(self, conversation: ConversationId, text: str) -> bool:
        """Write a draft, unless it is known to be saved; whether it is now. Failures are told once."""
        if (conversation, text) == self._saved:
            return True
        try:
            await self._drafts.save(conversation, text)
        except StoreError as error:
            if not self._failing:
                self._failing = True
                self._failed(error)
            return False
        self._failing = False
        self._saved = (conversation, text)
        return True
