"""An answer in plain lines: its words as they come, what it waits for, and how it ended."""

import asyncio
import contextlib
import re
import time
from dataclasses import dataclass

from lama_tui.chat.progress import TurnProgress
from lama_tui.cli.plain_io import NOTICED, Speech
from lama_tui.cli.plain_shown import ended, whole
from lama_tui.conversations.messages import Message
from lama_tui.errors import LamaError
from lama_tui.events import ModelUnloaded, StreamEvent, StreamFailed, Summarized
from lama_tui.types import ConversationId, MessageId
from lama_tui.ui.current import CurrentConversation
from lama_tui.ui.departures import Departures
from lama_tui.ui.figures import model_name
from lama_tui.ui.waiting import Phases, doing

_PACE = 0.1
"""Seconds between two pieces: a screen reader reads phrases better than letters."""
_AGAIN = 10.0
"""Seconds until it is said again what is waited for."""
_HALF_WORD = re.compile(r"(?<!\S)\S{1,20}\Z")
"""The end of a text that may be half a word; longer ones are of a script without spaces."""


@dataclass(slots=True)
class _Printed:
    """How much of a message is out, in characters."""

    message: MessageId
    model: str
    reasoning: int = 0
    text: int = 0
    has_begun: bool = False


class PlainAnswer:
    """Follows the answers of the current conversation until none runs."""

    def __init__(self, current: CurrentConversation, speech: Speech) -> None:
        self._current = current
        self._speech = speech
        self._heard = asyncio.Event()
        self._phases = Phases()
        self._printed: _Printed | None = None
        self._told = ("", 0.0)
        self._summary: MessageId | None = None
        self._news: list[str] = []
        self._failure: LamaError | None = None
        self._left_out: tuple[ConversationId | None, int] = (None, 0)  # as last told
        self.failed = False
        """Whether an answer ended with an error."""
        current.chat.subscribe(self._listen)

    def _listen(self, conversation: ConversationId, message: MessageId, event: StreamEvent) -> None:
        if isinstance(event, Summarized):
            self._news.append(
                f"The model reads a summary of the first {event.messages:,} messages now; /read prints it."
            )
        elif isinstance(event, ModelUnloaded) and (turn := self._current.chat.running(conversation)) is not None:
            self._news.append(Departures().made_room(event, turn.model))
        elif isinstance(event, StreamFailed) and message == self._summary:  # no message keeps it
            self._failure = event.error
        self._heard.set()

    async def follow(self, *, going_on: bool = False) -> None:
        """Print what is being answered, to its end. `going_on`: what the answer already says was printed before.

        May be cancelled and called again: nothing is printed twice.
        """
        if self._summary is not None:
            await self.follow_summary(self._summary)
            return
        current = self._current
        await current.reload()
        if self._printed is None and current.messages:
            last = current.messages[-1]
            said = (len(last.reasoning), len(last.text)) if going_on else (0, 0)
            self._printed = _Printed(last.id, last.model, *said)
            self._told = "", time.monotonic()
        seen = -1, -1
        while current.id is not None and current.chat.is_busy(current.id):
            self._heard.clear()
            if (turn := current.running) is not None:
                await self._follow_to(turn)
                lengths = len(turn.reasoning), len(turn.text)
                await self._print(turn.reasoning, turn.text, whole=lengths == seen)  # what stands still is a word
                seen = lengths
                await self._tell_wait(turn)
            await self._tell_news()
            await self._wait()
        await self._finish()

    async def follow_summary(self, number: MessageId) -> None:
        """Say how far the summary `number` is, and print it when it is whole; nothing of it is kept before.

        Raises why there is none. May be cancelled and called again.
        """
        current, self._summary = self._current, number
        while current.id is not None and current.chat.is_busy(current.id):
            self._heard.clear()
            if (turn := current.running) is not None:
                await self._tell_wait(turn)
            await self._wait()
        self._summary, failure, self._failure = None, self._failure, None
        if failure is not None:
            raise failure
        await current.reload()
        made = next((message for message in current.shown if message.id == number), None)
        await self._speech.line(whole(made) if made is not None else "(Stopped: nothing was summarized.)")

    async def _wait(self) -> None:
        """Until something is new, or it is time to look."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._heard.wait(), NOTICED)
        await asyncio.sleep(_PACE)

    async def _tell_news(self) -> None:
        while self._news:
            await self._speech.remark(f"({self._news.pop(0)})")

    async def _follow_to(self, turn: TurnProgress) -> None:
        """A message that waited is answered now: end the answer before it and say what is asked."""
        if self._printed is not None and self._printed.message == turn.message:
            return
        await self._finish()
        await self._current.reload()
        if (question := self._current.question_of(turn.message)) is not None:
            await self._speech.line(f"You: {question.text}")
        self._printed = _Printed(turn.message, turn.model)

    async def _print(self, reasoning: str, text: str, *, whole: bool) -> None:
        """Print what is new of an answer; half a word is kept back until it is `whole`."""
        if (printed := self._printed) is None:
            return
        thought, said = reasoning[printed.reasoning :], text[printed.text :]
        if not (whole or said):
            thought = _whole_words(thought)
        if not whole:
            said = _whole_words(said)
        printed.reasoning += len(thought)
        printed.text += len(said)
        if thought:
            if printed.reasoning == len(thought):
                thought = f"{model_name(printed.model)}, reasoning: {thought.lstrip()}"
            await self._speech.write(thought)
        if said:
            if not printed.has_begun:
                printed.has_begun = True
                start = "" if self._speech.at_start else "\n"
                said = f"{start}{model_name(printed.model)}: {said.lstrip()}"
            await self._speech.write(said)

    async def _tell_wait(self, turn: TurnProgress) -> None:
        """Say what is waited for: at once when that changes, else every now and then."""
        seconds = self._phases.seconds(turn)
        writes = turn.phase == "streaming" and bool(turn.text or turn.reasoning) and not turn.summarizes
        phase, when = self._told
        now = time.monotonic()
        if writes and seconds < _AGAIN:
            self._told = "writing", now
        elif now - when >= (NOTICED if phase != turn.phase and not writes else _AGAIN):
            self._told = turn.phase, now
            words = "nothing new" if writes and turn.text else doing(turn, seconds, "")[1]
            await self._speech.note(f"({words.replace(' · ', ', ')}; ctrl+c stops)")

    async def _finish(self) -> None:
        """Print the rest of what was followed, and how it ended."""
        await self._current.reload()
        printed = self._printed
        message = next((m for m in self._current.messages if printed is not None and m.id == printed.message), None)
        if message is None:
            return
        await self._print(message.reasoning, message.text, whole=True)
        if not self._speech.at_start:
            await self._speech.write("\n")
        self._printed = None
        await self._tell_end(message)

    async def _tell_end(self, message: Message) -> None:
        await self._tell_news()
        left_out = self._current.id, message.usage.left_out or 0
        if left_out[1] and left_out != self._left_out:
            oldest = f"the oldest {left_out[1]:,} messages"
            await self._speech.remark(f"(The model did not see {oldest}: they no longer fit. /context says more.)")
        self._left_out = left_out
        if message.state == "failed":
            self.failed = True
            error = message.error
            await self._speech.error(
                LamaError(error.title, error.detail, error.hint) if error else LamaError("The answer failed")
            )
        elif (end := ended(message)) and message.state != "streaming":
            await self._speech.note(f"({end} /continue goes on with it, /regenerate answers again.)")


def _whole_words(text: str) -> str:
    half = _HALF_WORD.search(text)
    return text[: half.start()] if half else text
