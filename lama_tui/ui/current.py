"""The conversation on screen: what is shown, and what the person can do with it. No widgets here."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from lama_tui.chat.progress import TurnProgress
from lama_tui.conversations.messages import Conversation, ConversationSettings, Message
from lama_tui.conversations.pasted import plain
from lama_tui.conversations.summaries import shown_with, summarized
from lama_tui.types import ConversationId, MessageId, Usage

if TYPE_CHECKING:
    from lama_tui.chat.chat import Chat
    from lama_tui.conversations.table import Conversations


@dataclass(slots=True)
class _Target:
    """Where messages go. A new conversation has no id until its first message; `settings` are for its beginning."""

    id: ConversationId | None = None
    settings: ConversationSettings = field(default_factory=ConversationSettings)
    beginning: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(slots=True)
class CurrentConversation:
    """A conversation that is open, or a new one that has no id until its first message."""

    conversations: "Conversations"
    chat: "Chat"
    default_model: str
    conversation: Conversation | None = None
    messages: tuple[Message, ...] = ()
    _model: str = field(default="")
    _target: _Target = field(default_factory=_Target)

    @property
    def id(self) -> ConversationId | None:
        """Its id; None for a new one."""
        return self.conversation.id if self.conversation else None

    @property
    def title(self) -> str:
        """Its title, as shown."""
        return (self.conversation.title if self.conversation else "") or "New conversation"

    @property
    def model(self) -> str:
        """The reference of the model that answers here."""
        return self._model or (self.conversation.model if self.conversation else "") or self.default_model

    @property
    def settings(self) -> ConversationSettings:
        """What differs here from the defaults."""
        return self.conversation.settings if self.conversation else self._target.settings

    @property
    def shown(self) -> tuple[Message, ...]:
        """The messages as the transcript shows them: with the summaries of what came before."""
        return shown_with(self.messages)

    @property
    def running(self) -> TurnProgress | None:
        """How far its answer is; None when none runs."""
        return self.chat.running(self.id) if self.id is not None else None

    @property
    def queued(self) -> tuple[str, ...]:
        """Messages that wait, first to be sent first."""
        return self.chat.queued(self.id) if self.id is not None else ()

    @property
    def is_held_up(self) -> bool:
        """Messages wait although no answer runs: after a stop, a failure or a new start."""
        return self.id is not None and bool(self.queued) and not self.chat.is_busy(self.id)

    @property
    def is_cut_short(self) -> bool:
        """The last answer ended early, and can be gone on with."""
        return bool(self.messages) and self.running is None and not self.is_complete(self.messages[-1].id)

    @property
    def usage(self) -> Usage:
        """Figures of the running answer, else of the last one."""
        if (running := self.running) is not None:
            return running.usage
        answers = [message for message in self.messages if message.role == "assistant"]
        return answers[-1].usage if answers else Usage()

    def start_new(self) -> None:
        """Show an empty conversation; it is saved with its first message."""
        self.conversation, self.messages, self._model, self._target = None, (), "", _Target()

    async def open(self, conversation: ConversationId) -> bool:
        """Show this conversation; False when it is gone."""
        found = await self.conversations.get(conversation)
        if found is None:
            return False
        messages = await self.conversations.messages(conversation)
        await self.conversations.mark_seen(conversation)
        self.conversation, self.messages, self._model, self._target = found, messages, "", _Target(found.id)
        return True

    async def reload(self) -> None:
        """Read it again, after something changed."""
        if self.id is None:
            return
        found, messages = await self.conversations.get(self.id), await self.conversations.messages(self.id)
        if found is not None and found.id == self.id:
            self.conversation, self.messages = found, messages

    def send(self, text: str) -> Coroutine[Any, Any, None]:
        """Send a message here, or queue it behind the running answer, when what is returned is awaited.

        A new conversation begins with it; it stays on screen unless the person went elsewhere meanwhile.
        """
        return self._send(self._target, self.model, text)

    async def _send(self, target: _Target, model: str, text: str) -> None:
        async with target.beginning:  # of two messages in a row, the second finds what the first began
            if target.id is None:
                target.id = await self.conversations.create("", model, target.settings)
                created = await self.conversations.get(target.id)
                if self._target is target:
                    self.conversation = created
        await self.chat.send(target.id, text, model)

    async def use_model(self, model: str) -> None:
        """Let another model answer from now on."""
        self._model = model
        if self.id is not None:
            await self.conversations.set_model(self.id, model)

    async def change_settings(self, **changed: Any) -> None:
        """Use other settings from the next turn on; those of a conversation that has not begun wait for its start."""
        target = self._target
        async with target.beginning:
            if target.id is None:
                target.settings = replace(target.settings, **changed)
                return
            found = await self.conversations.get(target.id)
            if found is not None:
                await self.conversations.set_settings(target.id, replace(found.settings, **changed))
        await self.reload()

    async def regenerate(self, message: MessageId) -> None:
        """Answer again: the message, or where it is a question, its answer."""
        if (answer := self._answer_of(message)) is not None:
            await self.chat.regenerate(answer)

    async def edit(self, question: MessageId, text: str) -> None:
        """Ask in other words: beside this question, with an answer of its own. A summary just says something else."""
        if (last := summarized(question)) is not None:
            await self.conversations.reword_summary(last, plain(text))
        else:
            await self.chat.edit(question, text, self.model)

    async def compact(self) -> MessageId | None:
        """Have all but the last turns summarized; the number of the summary, None where nothing was said yet."""
        return await self.chat.compact(self.id, self.model) if self.id is not None else None

    async def fork(self, message: MessageId) -> ConversationId:
        """A new conversation that goes on from this message."""
        return await self.conversations.fork(message)

    async def resume(self, message: MessageId) -> None:
        """Go on with an answer that ended early."""
        if (answer := self._answer_of(message)) is not None:
            await self.chat.resume(answer)

    async def stop(self) -> None:
        """End the running answer and keep its text."""
        if self.id is not None:
            await self.chat.stop(self.id)

    async def take_queued(self) -> str | None:
        """Take the newest waiting message back."""
        return await self.chat.take_queued(self.id) if self.id is not None else None

    async def send_queued(self) -> None:
        """Send what waits longest, unless an answer runs."""
        if self.id is not None:
            await self.chat.send_queued(self.id)

    def is_complete(self, message: MessageId) -> bool:
        """Whether the answer (of this question) ended by itself, so that there is nothing to go on with."""
        answer = self._answer_of(message)
        return any(m.id == answer and m.state == "complete" and m.finish_reason != "length" for m in self.messages)

    def model_of(self, message: MessageId) -> str:
        """The model of a shown answer, or of the answer to a shown question."""
        answer = self._answer_of(message)
        return next((shown.model for shown in self.messages if shown.id == answer), self.model)

    def question_of(self, message: MessageId) -> Message | None:
        """The message of the person: this one, or the one that it answers."""
        shown = {found.id: found for found in self.messages}
        found = shown.get(message)
        while found is not None and found.role != "user":
            found = shown.get(found.parent) if found.parent is not None else None
        return found

    def text_of(self, message: MessageId) -> str:
        """The text of a shown message, of a running answer as far as it is."""
        if (running := self.running) is not None and running.message == message:
            return running.text
        return next((shown.text for shown in self.shown if shown.id == message), "")

    def _answer_of(self, message: MessageId) -> MessageId | None:
        answers = [shown.id for shown in self.messages if shown.role == "assistant"]
        if message in answers:
            return message
        return next((shown.id for shown in self.messages if shown.parent == message and shown.id in answers), None)
