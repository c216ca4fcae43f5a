"""A summary that was asked for: written by the conversation's model, kept when it is whole, and not before."""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Any, Literal

from lama_tui.chat.progress import Phase, TurnProgress, phase_of
from lama_tui.chat.summarizing import Summarizer
from lama_tui.chat.turn import ABANDON_SECONDS, Ending, Providers, as_lama_error
from lama_tui.conversations.messages import Conversation, Message
from lama_tui.conversations.table import Conversations
from lama_tui.events import StreamEvent, StreamFailed, StreamFinished, TextDelta
from lama_tui.types import MessageId, MessageState, Usage

_log = logging.getLogger(__name__)


class Compaction:
    """Has the oldest `messages` of a conversation summarized. It runs as a turn does, but is no message of the tree:
    its number is that of the summary, which is the last message's, negative."""

    def __init__(
        self, conversation: Conversation, model: str, messages: Sequence[Message], conversations: Conversations,
        providers: Providers,
    ) -> None:  # fmt: skip
        self.conversation = conversation.id
        self.message = MessageId(-messages[-1].id)
        self._settings = conversation.settings
        self._model = model
        self._messages = messages
        self._conversations = conversations
        self._providers = providers
        self._phase: Phase = "waiting"
        self._progress = (0, 0)
        self._text = ""
        self._started = time.time_ns() // 1_000_000
        self._asked: asyncio.Future[Literal["stopped", "interrupted"]] = asyncio.get_running_loop().create_future()
        self.save_failed = asyncio.Event()
        self.state: MessageState = "streaming"

    @property
    def progress(self) -> TurnProgress:
        """A snapshot."""
        return TurnProgress(
            self.conversation, self.message, self._model, self._text, "", self._phase, *self._progress, Usage(),
            self._started, None, len(self._messages),
        )  # fmt: skip

    @property
    def asked_to_end(self) -> bool:
        """`stop` or `close` was called."""
        return self._asked.done()

    def stop(self) -> None:
        """End it; what was written so far is not kept."""
        if not self._asked.done():
            self._asked.set_result("stopped")

    def close(self) -> None:
        """End it, because lama quits."""
        if not self._asked.done():
            self._asked.set_result("interrupted")

    async def run(self) -> Ending:
        """Write the summary and keep it; then the event that tells how it ended."""
        writing = asyncio.create_task(self._write())
        ends: set[asyncio.Future[Any]] = {writing, self._asked}
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if not writing.done():
            writing.cancel()
            await asyncio.wait({writing}, timeout=ABANDON_SECONDS)
        if writing.done() and not writing.cancelled():
            failure = writing.exception()
            if failure is None:
                self.state = "complete"
                return StreamFinished("stop", Usage())
            if not self._asked.done():
                self.state = "failed"
                _log.warning("the summary failed: %s", type(failure).__name__)
                return StreamFailed(as_lama_error(failure))
        self.state = self._asked.result() if self._asked.done() else "interrupted"
        return StreamFinished("cancelled", Usage())

    async def _write(self) -> None:
        provider, model = self._providers(self._model)
        summarizer = Summarizer(provider, model, self._settings, int(self.conversation), self._heard)
        text = await summarizer.summarize(self._messages)
        self._phase, self._progress = "saving", (0, 0)
        # once it is being kept, it is kept
        await asyncio.shield(self._conversations.summarize(self._messages[-1].id, text, self._model))

    def _heard(self, event: StreamEvent) -> None:
        if (known := phase_of(event)) is not None:
            self._phase, self._progress = known
        elif isinstance(event, TextDelta):
            self._phase, self._progress, self._text = "streaming", (0, 0), self._text + event.text
