"""What the model reads of a conversation, in plain lines: its summaries, what is pinned, what no longer fits."""

from typing import get_args

from lama_tui.chat.room import measure
from lama_tui.cli.plain_answer import PlainAnswer
from lama_tui.cli.plain_io import Speech
from lama_tui.conversations.messages import Message
from lama_tui.engine.fitting import budget
from lama_tui.errors import LamaError
from lama_tui.types import ContextPolicy
from lama_tui.ui.current import CurrentConversation
from lama_tui.ui.figures import model_name
from lama_tui.ui.opening import Opened, Opening

POLICIES: tuple[ContextPolicy, ...] = get_args(ContextPolicy)

_THEN = {
    "refuse": "nothing is sent",
    "drop": "the oldest turns are left out, except pinned ones",
    "summarize": "the model summarizes the oldest turns first",
}


class ContextCommands:
    """The commands that change what is read, and the one that tells of it."""

    def __init__(self, opening: Opening, opened: Opened, current: CurrentConversation, speech: Speech) -> None:
        self.answer = PlainAnswer(current, speech)
        self._opening = opening
        self._opened = opened
        self._current = current
        self._speech = speech

    async def compact(self, argument: str) -> None:
        """Have all but the last turns summarized."""
        if (number := await self._current.compact()) is None:
            self._last()  # says what is missing
        else:
            await self.answer.follow_summary(number)

    async def pin(self, argument: str) -> None:
        """Keep the last turn in the model's view, or let it go."""
        last = self._last()
        question = self._current.question_of(last.id) or last
        turn = [message for message in (question, last) if message.pinned] or [question]
        keeps = not turn[0].pinned
        for message in {message.id: message for message in turn}.values():
            await self._current.conversations.pin(message.id, keeps)
        await self._current.reload()
        stays = "Your last message stays in the model's view, with its answer."
        await self._speech.line(stays if keeps else "Your last message is not kept for the model any more.")

    async def context(self, argument: str) -> None:
        """Say how full the model's context window is, and say or change what happens when it is full."""
        if argument and argument not in POLICIES:
            raise LamaError(
                f"“{argument}” is no such policy", "", f"Write one of {', '.join(POLICIES)} after /context."
            )
        if argument:
            await self._current.change_settings(context=argument)
        policy = self._current.settings.context or "refuse"
        await self._tell_room(policy)
        await self._speech.line(f"When a conversation no longer fits here, {_THEN[policy]} ({policy}).")

    async def _tell_room(self, policy: ContextPolicy) -> None:
        current = self._current
        provider, model = self._opened.services.providers.provider_for(current.model)
        answer = current.settings.max_tokens or self._opening.settings.generation.max_tokens
        limit = (lambda window: budget(window, answer)) if policy == "drop" else None
        room = await measure(provider, model, current.messages, current.settings, limit)
        name = model_name(current.model)
        if room.used is None:
            await self._speech.line(f"{name} counts tokens when it is in memory here, and no server does.")
        elif room.window is None:
            await self._speech.line(f"{room.used:,} tokens so far; how many {name} reads at most is not known.")
        else:
            await self._speech.line(f"{room.used:,} tokens so far; {name} reads at most {room.window:,}.")
        if room.left_out:
            await self._speech.line(f"The oldest {room.left_out:,} messages will not be read.")

    def _last(self) -> Message:
        """The last message. Raises `LamaError` where there is none."""
        if not self._current.messages:
            raise LamaError("There is no message in this conversation yet", "", "Write one.")
        return self._current.messages[-1]
