"""The running turns: at most one a conversation, whatever is on screen."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from lama_tui.chat.progress import TurnProgress
from lama_tui.chat.turn import Providers, Turn
from lama_tui.config.settings import GenerationSettings
from lama_tui.conversations.table import Conversations
from lama_tui.errors import InferenceError, LamaError, StoreError
from lama_tui.events import SaveDelayed, StreamEvent
from lama_tui.types import ConversationId, MessageId

_log = logging.getLogger(__name__)

Listener = Callable[[ConversationId, MessageId, StreamEvent], None]

CLOSE_SECONDS = 0.9  # of the second in which a quitting program must be gone


@dataclass(frozen=True, slots=True)
class _Queued:
    """A message that waits for the running answer."""

    text: str
    model: str


class Chat:
    """Sends messages, owns the turns that answer them and tells listeners of every event.

    A turn emits `TurnStarted`, the provider's events, and at its end one `StreamFinished` or
    `StreamFailed`, when everything is saved and `running` no longer has it.
    """

    def __init__(self, conversations: Conversations, providers: Providers, settings: GenerationSettings) -> None:
        self._conversations = conversations
        self._providers = providers
        self._settings = settings
        self._turns: dict[ConversationId, Turn] = {}
        self._starting: dict[ConversationId, asyncio.Task[MessageId]] = {}
        self._driving: dict[ConversationId, asyncio.Task[None]] = {}
        self._queues: dict[ConversationId, list[_Queued]] = {}
        self._listeners: list[Listener] = []
        self._closed = False

    # -- what people do

    async def send(self, conversation: ConversationId, text: str, model: str) -> MessageId | None:
        """Save `text` and begin its answer; the answer's id, or None when it waits behind a running answer.

        Raises `StoreError` when the message cannot be saved: then nothing was sent.
        """
        if self._is_busy(conversation):
            self._queues.setdefault(conversation, []).append(_Queued(text, model))
            return None
        return await asyncio.shield(self._begin(conversation, self._ask(conversation, text, model)))

    async def regenerate(self, answer: MessageId, model: str = "") -> MessageId:
        """Begin another answer beside this one, by default with the conversation's model; its id."""
        message = await self._conversations.message(answer)
        if not model:
            conversation = await self._conversations.get(message.conversation)
            model = (conversation.model if conversation else "") or message.model
        write = self._conversations.add_sibling
        return await self._begin_if_idle(message.conversation, lambda: write(answer, model))

    async def resume(self, answer: MessageId) -> MessageId:
        """Continue this answer from the text that it has, with its own model; its id."""
        message = await self._conversations.message(answer)

        async def write() -> MessageId:
            await self._conversations.resume(answer)
            return answer

        return await self._begin_if_idle(message.conversation, write)

    async def stop(self, conversation: ConversationId) -> None:
        """End the running answer, keeping its text; returns when it is saved, or cannot be saved now."""
        if (starting := self._starting.get(conversation)) is not None:
            await asyncio.wait({starting})
        turn = self._turns.get(conversation)
        if turn is None:
            return
        turn.stop()
        failed = asyncio.create_task(turn.save_failed.wait())
        await asyncio.wait({failed, self._driving[conversation]}, return_when=asyncio.FIRST_COMPLETED)
        failed.cancel()

    # -- what there is to see

    def queued(self, conversation: ConversationId) -> tuple[str, ...]:
        """The messages that wait, first to be sent first."""
        return tuple(waiting.text for waiting in self._queues.get(conversation, ()))

    def take_queued(self, conversation: ConversationId) -> str | None:
        """Take the newest waiting message back, to edit it."""
        queue = self._queues.get(conversation)
        return queue.pop().text if queue else None

    def running(self, conversation: ConversationId) -> TurnProgress | None:
        """How far the running turn of a conversation is; None without one."""
        turn = self._turns.get(conversation)
        return turn.progress if turn else None

    def running_ids(self) -> frozenset[ConversationId]:
        """The conversations with a running turn."""
        return frozenset(self._turns)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` on the event loop with every event, until the function returned is called."""
        self._listeners.append(listener)

        def unsubscribe() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return unsubscribe

    async def close(self) -> None:
        """End all turns as `interrupted` and save them, within a second; safe to call twice."""
        self._closed = True
        for turn in self._turns.values():
            turn.close()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + CLOSE_SECONDS
        while (tasks := self._tasks()) and (left := deadline - loop.time()) > 0:
            await asyncio.wait(tasks, timeout=left)
        for task in self._tasks():
            task.cancel()

    # -- how turns begin and end

    def _is_busy(self, conversation: ConversationId) -> bool:
        """A turn runs or is about to. Raises `InferenceError` after `close`."""
        if self._closed:
            raise InferenceError("No answer can begin", "lama is quitting.", "Start it again.")
        return conversation in self._turns or conversation in self._starting

    async def _begin_if_idle(
        self, conversation: ConversationId, write: Callable[[], Awaitable[MessageId]]
    ) -> MessageId:
        """As `_begin`, but raise `InferenceError` when a turn runs there."""
        if self._is_busy(conversation):
            raise InferenceError(
                "An answer is still being written", "A conversation has one at a time.", "Stop it, or wait for its end."
            )
        return await asyncio.shield(self._begin(conversation, write))

    def _begin(
        self, conversation: ConversationId, write: Callable[[], Awaitable[MessageId]]
    ) -> "asyncio.Task[MessageId]":
        """Reserve the conversation now; write the messages and start the turn in a task of its own.

        Whoever waits for it may be cancelled (a screen that closes), the turn is not.
        """
        task = asyncio.create_task(self._start(conversation, write))
        self._starting[conversation] = task
        return task

    async def _start(self, conversation: ConversationId, write: Callable[[], Awaitable[MessageId]]) -> MessageId:
        """The task behind `_begin`."""
        try:
            message = await self._conversations.message(await write())
            turn = Turn(
                message,
                self._conversations,
                self._providers,
                self._settings,
                lambda event: self._emit(conversation, message.id, event),
            )
            if self._closed:
                turn.close()
            self._turns[conversation] = turn
            self._driving[conversation] = asyncio.create_task(self._drive(turn))
            return message.id
        finally:
            del self._starting[conversation]

    async def _drive(self, turn: Turn) -> None:
        """Run a turn; when it ended by itself, go on with what waits."""
        conversation = turn.conversation
        try:
            ending = await turn.run()
        finally:
            del self._turns[conversation]
            del self._driving[conversation]
        queue = self._queues.get(conversation)
        goes_on = turn.state == "complete" and not turn.asked_to_end and not self._closed
        if not (goes_on and queue):
            self._emit(conversation, turn.message, ending)
            return
        # Reserved before anyone hears of the end, so that what they send comes after what waits.
        queued = queue.pop(0)
        begun = self._begin(conversation, self._ask(conversation, queued.text, queued.model))
        self._emit(conversation, turn.message, ending)
        try:
            await begun
        except LamaError as error:
            queue.insert(0, queued)
            if isinstance(error, StoreError):
                self._emit(conversation, turn.message, SaveDelayed(error))

    def _ask(self, conversation: ConversationId, text: str, model: str) -> Callable[[], Awaitable[MessageId]]:
        """Writes a question and its empty answer, and returns the answer's id."""

        async def write() -> MessageId:
            _, answer = await self._conversations.add_turn(conversation, text, model)
            return answer

        return write

    def _tasks(self) -> "set[asyncio.Task[MessageId] | asyncio.Task[None]]":
        """Everything that runs now."""
        return {*self._starting.values(), *self._driving.values()}

    def _emit(self, conversation: ConversationId, message: MessageId, event: StreamEvent) -> None:
        """Tell all listeners; one that fails harms neither the turn nor the others."""
        for listener in tuple(self._listeners):
            try:
                listener(conversation, message, event)
            except Exception:
                _log.exception("a listener failed on %s", type(event).__name__)
