"""The running turns: at most one a conversation, whatever is on screen."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from lama_tui.chat.compaction import Compaction
from lama_tui.chat.progress import TurnProgress
from lama_tui.chat.summarizing import compactable
from lama_tui.chat.turn import Providers, Turn
from lama_tui.conversations.messages import QueuedMessage
from lama_tui.conversations.table import Conversations
from lama_tui.errors import InferenceError, LamaError, StoreError
from lama_tui.events import SaveDelayed, StreamEvent
from lama_tui.types import ConversationId, MessageId

_log = logging.getLogger(__name__)

Running = Turn | Compaction
"""What a conversation has at most one of."""

Listener = Callable[[ConversationId, MessageId, StreamEvent], None]

CLOSE_SECONDS = 3.0  # usually some hundredths; who may not take so long ends the program sooner


class Chat:
    """Sends messages, owns the turns that answer them and tells listeners of every event.

    A turn emits `TurnStarted`, the provider's events, and at its end one `StreamFinished` or
    `StreamFailed`, when everything is saved and `running` no longer has it.
    """

    def __init__(self, conversations: Conversations, providers: Providers) -> None:
        self._conversations = conversations
        self._providers = providers
        self._turns: dict[ConversationId, Running] = {}
        self._starting: dict[ConversationId, asyncio.Task[MessageId]] = {}
        self._driving: dict[ConversationId, asyncio.Task[None]] = {}
        self._queued: list[QueuedMessage] = []  # as saved, less what is just being sent
        self._queueing = asyncio.Lock()  # while it is held no turn ends
        self._enqueuing: set[asyncio.Task[None]] = set()
        self._listeners: list[Listener] = []
        self._closed = False

    async def load(self) -> None:
        """Learn what waits since an earlier run; call it before anything is sent. Raises `StoreError`."""
        self._queued = list(await self._conversations.queued())

    # -- what people do

    async def send(self, conversation: ConversationId, text: str, model: str) -> MessageId | None:
        """Save `text` and begin its answer; the answer's id, or None when it waits behind a running answer.

        Raises `StoreError` when the message cannot be saved: then nothing was sent.
        """
        async with self._queueing:
            self._require_open()
            if self.is_busy(conversation):
                await asyncio.shield(self._enqueue(conversation, text, model))
                return None
            begun = self._begin(conversation, self._turn(self._ask(conversation, text, model)))
        return await asyncio.shield(begun)

    async def send_queued(self, conversation: ConversationId) -> MessageId | None:
        """Begin the answer to what waits longest; its id, or None when nothing waits or an answer runs.

        Raises `StoreError` when that cannot be saved: then it goes on waiting.
        """
        async with self._queueing:
            self._require_open()
            begun = None if self.is_busy(conversation) else self._begin_queued(conversation)
        return await asyncio.shield(begun) if begun else None

    async def regenerate(self, answer: MessageId, model: str = "") -> MessageId:
        """Begin another answer beside this one, by default with the conversation's model; its id."""
        message = await self._conversations.message(answer)
        if not model:
            conversation = await self._conversations.get(message.conversation)
            model = (conversation.model if conversation else "") or message.model
        write = self._conversations.add_sibling
        return await self._begin_if_idle(message.conversation, self._turn(lambda: write(answer, model)))

    async def edit(self, question: MessageId, text: str, model: str) -> MessageId:
        """Save `text` beside this message of the person and begin its answer; the answer's id.

        Raises `InferenceError` while an answer runs there, `StoreError` when it cannot be saved: then nothing was sent.
        """
        message = await self._conversations.message(question)

        async def write() -> MessageId:
            return (await self._conversations.edit(question, text, model))[1]

        return await self._begin_if_idle(message.conversation, self._turn(write))

    async def resume(self, answer: MessageId) -> MessageId:
        """Continue this answer from the text that it has, with its own model; its id."""
        message = await self._conversations.message(answer)

        async def write() -> MessageId:
            await self._conversations.resume(answer)
            return answer

        return await self._begin_if_idle(message.conversation, self._turn(write))

    async def compact(self, conversation: ConversationId, model: str) -> MessageId:
        """Begin a summary by `model` of all but the last turns that are shown; its number.

        Raises `InferenceError` where there is nothing to summarize, or an answer is being written.
        """

        async def prepare() -> Running:
            found = await self._conversations.get(conversation)
            messages = await self._conversations.messages(conversation)
            count = compactable(messages)
            if found is None or not count:
                raise InferenceError(
                    "There is nothing to summarize yet",
                    "The last turn always stays as it is, and what is before it is summarized or not there.",
                    "Ask again when the conversation is longer.",
                )
            return Compaction(found, model, messages[:count], self._conversations, self._providers)

        return await self._begin_if_idle(conversation, prepare)

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
        return tuple(queued.text for queued in self._queued if queued.conversation == conversation)

    async def take_queued(self, conversation: ConversationId) -> str | None:
        """Take the newest waiting message back, to edit it; None when nothing waits. Raises `StoreError`."""
        async with self._queueing:
            for queued in [queued for queued in reversed(self._queued) if queued.conversation == conversation]:
                taken = await self._conversations.dequeue(queued)
                self._queued.remove(queued)
                if taken:
                    return queued.text
        return None

    def is_busy(self, conversation: ConversationId) -> bool:
        """A turn runs there or is about to."""
        return conversation in self._turns or conversation in self._starting

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
        """End all turns as `interrupted` and save them, in `CLOSE_SECONDS` at most; safe to call twice."""
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

    def _require_open(self) -> None:
        """Raise `InferenceError` after `close`."""
        if self._closed:
            raise InferenceError("No answer can begin", "lama is quitting.", "Start it again.")

    def _enqueue(self, conversation: ConversationId, text: str, model: str) -> "asyncio.Task[None]":
        """Save a message that waits, in a task that outlives whoever waits for it."""

        async def write() -> None:
            self._queued.append(await self._conversations.enqueue(conversation, text, model))

        task = asyncio.create_task(write())
        self._enqueuing.add(task)
        task.add_done_callback(self._enqueuing.discard)
        return task

    async def _begin_if_idle(
        self, conversation: ConversationId, prepare: Callable[[], Awaitable[Running]]
    ) -> MessageId:
        """As `_begin`, but raise `InferenceError` when a turn runs there."""
        self._require_open()
        if self.is_busy(conversation):
            raise InferenceError(
                "An answer is still being written", "A conversation has one at a time.", "Stop it, or wait for its end."
            )
        return await asyncio.shield(self._begin(conversation, prepare))

    def _begin(
        self, conversation: ConversationId, prepare: Callable[[], Awaitable[Running]]
    ) -> "asyncio.Task[MessageId]":
        """Reserve the conversation now; prepare what runs in it and start that in a task of its own.

        Whoever waits for it may be cancelled (a screen that closes), the turn is not.
        """
        task = asyncio.create_task(self._start(conversation, prepare))
        self._starting[conversation] = task
        return task

    async def _start(self, conversation: ConversationId, prepare: Callable[[], Awaitable[Running]]) -> MessageId:
        """The task behind `_begin`."""
        try:
            turn = await prepare()
            if self._closed:
                turn.close()
            self._turns[conversation] = turn
            self._driving[conversation] = asyncio.create_task(self._drive(turn))
            return turn.message
        finally:
            del self._starting[conversation]

    def _turn(self, write: Callable[[], Awaitable[MessageId]]) -> Callable[[], Awaitable[Running]]:
        """Prepares the turn of an answer that `write` writes, empty, and returns the number of."""

        async def prepare() -> Running:
            message = await self._conversations.message(await write())
            conversation = message.conversation
            return Turn(
                message,
                self._conversations,
                self._providers,
                lambda event: self._emit(conversation, message.id, event),
            )

        return prepare

    async def _drive(self, turn: Running) -> None:
        """Run a turn; when it ended by itself, go on with what waits."""
        conversation = turn.conversation
        try:
            ending = await turn.run()
            async with self._queueing:  # what is being queued behind this turn must be seen below
                pass
        finally:
            del self._turns[conversation]
            del self._driving[conversation]
        goes_on = turn.state == "complete" and not turn.asked_to_end and not self._closed
        # Reserved before anyone hears of the end, so that what they send comes after what waits.
        begun = self._begin_queued(conversation) if goes_on else None
        self._emit(conversation, turn.message, ending)
        if begun is None:
            return
        try:
            await begun
        except StoreError as error:
            self._emit(conversation, turn.message, SaveDelayed(error))
        except LamaError as error:
            _log.warning("what waited was not sent: %s", error)

    def _begin_queued(self, conversation: ConversationId) -> "asyncio.Task[MessageId] | None":
        """As `_begin`, with what waits longest; None when nothing waits."""
        queued = next((queued for queued in self._queued if queued.conversation == conversation), None)
        if queued is None:
            return None
        self._queued.remove(queued)

        async def write() -> MessageId:
            try:
                added = await self._conversations.add_queued_turn(queued)
            except BaseException:
                self._queued.insert(0, queued)
                raise
            if added is None:
                raise InferenceError("The message waits no more", "Another lama sent it or took it back.")
            return added[1]

        return self._begin(conversation, self._turn(write))

    def _ask(self, conversation: ConversationId, text: str, model: str) -> Callable[[], Awaitable[MessageId]]:
        """Writes a question and its empty answer, and returns the answer's id."""

        async def write() -> MessageId:
            _, answer = await self._conversations.add_turn(conversation, text, model)
            return answer

        return write

    def _tasks(self) -> "set[asyncio.Task[MessageId] | asyncio.Task[None]]":
        """Everything that runs now."""
        return {*self._starting.values(), *self._driving.values(), *self._enqueuing}

    def _emit(self, conversation: ConversationId, message: MessageId, event: StreamEvent) -> None:
        """Tell all listeners; one that fails harms neither the turn nor the others."""
        for listener in tuple(self._listeners):
            try:
                listener(conversation, message, event)
            except Exception:
                _log.exception("a listener failed on %s", type(event).__name__)
