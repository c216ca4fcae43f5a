"""One turn: asks a provider for an answer, saves it as it grows, and ends it exactly once."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from lama_tui.chat.calls import Calls
from lama_tui.chat.context import build_context, shown_before, summarized_before
from lama_tui.chat.progress import Phase, TurnProgress, phase_of
from lama_tui.chat.room import measure
from lama_tui.chat.summarizing import Summarizer, compactable
from lama_tui.conversations.messages import ConversationSettings, Message
from lama_tui.conversations.table import Conversations
from lama_tui.engine.fitting import budget
from lama_tui.errors import ConnectionLost, ContextError, InferenceError, LamaError, StoreError
from lama_tui.events import (
    ReasoningDelta,
    SaveDelayed,
    StreamEvent,
    StreamFailed,
    StreamFinished,
    Summarized,
    TextDelta,
    ToolCallDelta,
    TurnStarted,
    UsageUpdated,
)
from lama_tui.providers.base import ChatRequest, Provider
from lama_tui.security.gate import clean, clean_line
from lama_tui.types import MessageState, Usage

_log = logging.getLogger(__name__)

CHECKPOINT_SECONDS = 0.1  # the most that a crash costs, and one write
RETRY_SECONDS = 1.0  # between attempts to save an answer that has ended
ABANDON_SECONDS = 0.3  # how long a provider may take to notice that it was cancelled

Providers = Callable[[str], tuple[Provider, str]]
"""The provider behind a model reference, and what it calls the model. Raises a `LamaError`."""

Ending = StreamFinished | StreamFailed


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How an answer ended: what is saved and what is told."""

    state: MessageState
    event: Ending


class Turn:
    """Drives the streaming answer `message`, which is written already; what it says is continued."""

    def __init__(
        self,
        message: Message,
        conversations: Conversations,
        providers: Providers,
        emit: Callable[[StreamEvent], None],
    ) -> None:
        self.conversation = message.conversation
        self.message = message.id
        self._model = message.model
        self._text = message.text
        # Without a text to go on from, the model starts over, and so does its reasoning.
        self._reasoning = message.reasoning if message.text else ""
        self._calls = Calls()
        self._conversations = conversations
        self._providers = providers
        self._emit = emit
        self._phase: Phase = "waiting"
        self._progress = (0, 0)
        self._usage = Usage()
        self._thread: tuple[Message, ...] = ()
        self._started = time.time_ns() // 1_000_000
        self._unsaved: StoreError | None = None
        self._summarizes = 0
        self._grown = asyncio.Event()
        self._asked: asyncio.Future[Literal["stopped", "interrupted"]] = asyncio.get_running_loop().create_future()
        self._closing = asyncio.Event()
        self.save_failed = asyncio.Event()
        self.state: MessageState = "streaming"

    @property
    def progress(self) -> TurnProgress:
        """A snapshot."""
        return TurnProgress(
            self.conversation,
            self.message,
            self._model,
            self._text,
            self._reasoning,
            self._phase,
            *self._progress,
            self._usage,
            self._started,
            self._unsaved,
            self._summarizes,
        )

    @property
    def asked_to_end(self) -> bool:
        """`stop` or `close` was called."""
        return self._asked.done()

    def stop(self) -> None:
        """End the answer as `stopped`, soon; without effect when it is over."""
        if not self._asked.done():
            self._asked.set_result("stopped")

    def close(self) -> None:
        """End the answer as `interrupted`, and try only once more to save what cannot be saved."""
        if not self._asked.done():
            self._asked.set_result("interrupted")
        self._closing.set()

    async def run(self) -> Ending:
        """Drive the answer to its end and save it; then the event that tells so, for the caller to emit."""
        self._emit(TurnStarted(self._model))
        reader = asyncio.create_task(self._read())
        saver = asyncio.create_task(self._save_as_it_grows())
        try:
            outcome = await self._outcome(reader)
            self._phase, self._progress = "saving", (0, 0)
            self._note(outcome)
        finally:
            reader.cancel()
            saver.cancel()
            await asyncio.wait({saver})
        await self._save(outcome)
        self.state = outcome.state
        return outcome.event

    # -- reading

    async def _outcome(self, reader: "asyncio.Task[StreamFinished]") -> _Outcome:
        """Wait for the end of the stream, or for being asked to end it."""
        ends: set[asyncio.Future[Any]] = {reader, self._asked}
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if not reader.done():
            reader.cancel()
            await asyncio.wait({reader}, timeout=ABANDON_SECONDS)
        if reader.done() and not reader.cancelled():
            failure = reader.exception()
            if failure is None:
                finished = reader.result()
                self._usage = finished.usage
                if finished.reason != "cancelled":
                    return _Outcome("complete", finished)
            elif not self._asked.done():
                return _Outcome("failed", StreamFailed(as_lama_error(failure)))
        # A provider that gave up by itself did so because something is closing.
        state = self._asked.result() if self._asked.done() else "interrupted"
        return _Outcome(state, StreamFinished("cancelled", self._usage))

    async def _read(self) -> StreamFinished:
        """Take in the provider's events up to the last one. Raises what the provider raises."""
        provider, model = self._providers(self._model)
        self._thread = await self._conversations.thread(self.message)
        conversation = await self._conversations.get(self.conversation)
        settings = conversation.settings if conversation else ConversationSettings()
        if settings.context != "summarize":
            return await self._stream(provider, model, settings)
        await self._make_room(provider, model, settings)
        while True:
            said = self._text
            try:
                return await self._stream(provider, model, settings)
            except ContextError:  # of a model that was not in memory before, or a server's
                if said != self._text or not await self._make_room(provider, model, settings, refused=True):
                    raise

    async def _make_room(
        self, provider: Provider, model: str, settings: ConversationSettings, refused: bool = False
    ) -> bool:
        """Have the oldest turns summarized if what is to be read does not fit; False where nothing could be.

        Half of the window is kept for the newest turns, so that it does not happen again at the next one. Where
        nothing can be measured, as little as possible is kept of what was `refused`.
        """
        messages = self._thread[:-1]
        window = provider.context_window(model)
        room = await measure(provider, model, messages, settings)
        answer = settings.max_tokens
        if room.used is None or window is None:
            count = compactable(messages) if refused else 0
        elif refused or room.used > budget(window, window if answer is None else answer):
            half = await measure(provider, model, messages, settings, lambda window: window // 2)
            count = half.left_out
        else:
            count = 0
        if count <= summarized_before(messages):
            return False
        self._summarizes = count
        summarizer = Summarizer(provider, model, settings, int(self.conversation), self._heard)
        text = await summarizer.summarize(messages[:count])
        await self._conversations.summarize(messages[count - 1].id, text, self._model)
        self._thread = await self._conversations.thread(self.message)
        self._summarizes, self._phase, self._progress = 0, "waiting", (0, 0)
        self._emit(Summarized(count))
        return True

    def _heard(self, event: StreamEvent) -> None:
        """How far a summary is; what it says is shown when it is whole."""
        if (known := phase_of(event)) is not None:
            self._phase, self._progress = known
        elif isinstance(event, TextDelta):
            self._phase, self._progress = "streaming", (0, 0)

    async def _stream(self, provider: Provider, model: str, settings: ConversationSettings) -> StreamFinished:
        """Ask for the answer, and take in its events."""
        # what the conversation leaves open, the model's own generation_config decides, then the settings; a
        # server decides itself
        request = ChatRequest(
            model,
            build_context(self._thread[:-1], settings.system),
            settings.sampling,
            prefix=self._text,
            drop_oldest=settings.context == "drop",
            conversation=int(self.conversation),
            parts=settings.parts,
        )
        events = provider.stream(request)
        try:
            async for event in events:
                match event:
                    case StreamFinished(reason, usage):
                        return StreamFinished(reason, self._counted(usage))
                    case StreamFailed(error):
                        raise error
                self._take(event)
        finally:
            # Iterators that are not generators need not have it.
            if (aclose := getattr(events, "aclose", None)) is not None:
                await aclose()
        raise ConnectionLost("The answer broke off", "The stream ended without saying that it was complete.")

    def _take(self, event: StreamEvent) -> None:
        """Keep what `event` says and pass it on."""
        if self._phase == "saving":
            return  # from a provider that was not waited for any longer
        if (known := phase_of(event)) is not None:
            self._phase, self._progress = known
        match event:
            case TextDelta(text):
                # The gate looks at single characters: pieces come out as the whole would.
                event = TextDelta(clean(text))
                self._text += event.text
                self._grow()
            case ReasoningDelta(text):
                event = ReasoningDelta(clean(text))
                self._reasoning += event.text
                self._grow()
            case ToolCallDelta(index, name, arguments):
                self._calls.add(index, name, arguments)
                self._grow()
            case UsageUpdated(usage):
                self._usage = self._counted(usage)
                event = UsageUpdated(self._usage)
        self._emit(event)

    def _counted(self, usage: Usage) -> Usage:
        """`usage` with what was left out counted in messages as they are shown, not as they were sent."""
        if not usage.left_out:
            return usage
        return replace(usage, left_out=shown_before(self._thread, usage.left_out))

    def _grow(self) -> None:
        """The answer is being written."""
        self._phase, self._progress = "streaming", (0, 0)
        self._grown.set()

    # -- saving

    async def _save_as_it_grows(self) -> None:
        """Checkpoint new text at once, then at most every `CHECKPOINT_SECONDS`; never holds up the stream."""
        loop = asyncio.get_running_loop()
        while True:
            await self._grown.wait()
            self._grown.clear()
            began = loop.time()
            try:
                await self._conversations.checkpoint(self.message, self._text, self._reasoning, self._calls.text)
            except StoreError as error:
                self._delay(error)
                self._grown.set()
            else:
                self._unsaved = None
            await asyncio.sleep(CHECKPOINT_SECONDS - (loop.time() - began))

    async def _save(self, outcome: _Outcome) -> None:
        """Write the end, durably; until that works the text stays in memory and is shown as unsaved."""
        event = outcome.event
        while True:
            last_try = self._closing.is_set()
            try:
                await self._conversations.finish(
                    self.message,
                    outcome.state,
                    text=self._text,
                    reasoning=self._reasoning,
                    calls=self._calls.text,
                    finish_reason=event.reason if isinstance(event, StreamFinished) else None,
                    usage=self._usage,
                    error=event.error if isinstance(event, StreamFailed) else None,
                )
            except StoreError as error:
                self._delay(error)
                self.save_failed.set()
                if last_try:
                    _log.error("message %d is saved only up to its last checkpoint: %s", self.message, error)
                    return
            else:
                self._unsaved = None
                return
            try:
                await asyncio.wait_for(self._closing.wait(), RETRY_SECONDS)
            except TimeoutError:
                continue

    def _note(self, outcome: _Outcome) -> None:
        """Tell the log how it ended; an error by its title alone, for servers quote in the rest what they were sent."""
        if isinstance(outcome.event, StreamFailed):
            _log.warning("message %d failed: %s", self.message, outcome.event.error.title)
        else:
            _log.info("message %d is %s", self.message, outcome.state)

    def _delay(self, error: StoreError) -> None:
        """Tell once for each reason that text is in memory only."""
        known = self._unsaved
        self._unsaved = error
        if known is None or known.title != error.title:
            _log.warning("message %d is not saved yet: %s", self.message, error)
            self._emit(SaveDelayed(error))


def as_lama_error(failure: BaseException) -> LamaError:
    """What the provider raised; a defect of ours is told as an error of generation."""
    if isinstance(failure, LamaError):
        return failure
    _log.error("a provider raised what it should not", exc_info=failure)
    return InferenceError(
        "The answer failed",
        clean_line(f"{type(failure).__name__}: {failure}"),
        "This is a defect of lama: please report it with the log.",
    )
