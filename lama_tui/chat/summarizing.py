"""Has a model summarize what was said: in one request, or where that is too long for it, in several."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from lama_tui.chat.context import SUMMARY_REQUEST, build_context, summarized_before, turn_starts
from lama_tui.conversations.messages import ConversationSettings, Message
from lama_tui.engine.fitting import ANSWER_SHARE, budget
from lama_tui.errors import ConnectionLost, ContextError, InferenceError
from lama_tui.events import StreamEvent, StreamFailed, StreamFinished, TextDelta
from lama_tui.providers.base import ChatRequest, Provider
from lama_tui.security.gate import clean
from lama_tui.types import ChatMessage

INSTRUCTION = (
    "Summarize our conversation so far, so that you can go on from the summary alone. Keep what I want, what was found "
    "and decided, names, figures and code that still matter, and what is open. Write in the language of the "
    "conversation, in at most 300 words, and nothing but the summary."
)

LONGEST = 1024
"""Tokens of a summary."""

KEPT = 2
"""Turns at the end that are not summarized on demand: what is just being talked about."""


def compactable(messages: Sequence[Message]) -> int:
    """How many of the oldest messages can be summarized on demand: all but the last turns; 0 where nothing is left."""
    starts = turn_starts(messages)
    done = summarized_before(messages)
    cuts = [starts[-keep] for keep in range(min(KEPT, len(starts) - 1), 0, -1)]
    return next((cut for cut in cuts if cut > done), 0)


@dataclass(frozen=True, slots=True)
class Summarizer:
    """Asks `model` of `provider` by the settings of a conversation; `heard` is told of all events but the last."""

    provider: Provider
    model: str
    settings: ConversationSettings
    conversation: int
    heard: Callable[[StreamEvent], None]

    async def summarize(self, messages: Sequence[Message]) -> str:
        """The summary of the oldest messages of a thread; an earlier summary is taken up in it.

        Raises what the provider raises, and a `ContextError` where a single turn is too long to be read.
        """
        done = summarized_before(messages)
        before = messages[done - 1].summary if done else None
        return await self._summarize(before.text if before is not None else "", messages[done:])

    async def _summarize(self, before: str, messages: Sequence[Message]) -> str:
        starts = turn_starts(messages)
        try:
            return await self._ask(self._prompt(before, messages), divisible=len(starts) > 1)
        except ContextError as error:
            if len(starts) < 2:
                raise ContextError(
                    "A turn is too long to be summarized",
                    error.detail,
                    "Let a model with a larger window answer here, or have the oldest turns left out (context policy).",
                ) from error
        middle = starts[len(starts) // 2]
        return await self._summarize(await self._summarize(before, messages[:middle]), messages[middle:])

    def _prompt(self, before: str, messages: Sequence[Message]) -> tuple[ChatMessage, ...]:
        """What is to be summarized, behind the summary of what came `before`, and the instruction."""
        head = build_context((), self.settings.system)
        if before:
            head += (ChatMessage("user", SUMMARY_REQUEST), ChatMessage("assistant", before))
        said = build_context(messages)
        if said and said[-1].role == "user":
            return (*head, *said[:-1], ChatMessage("user", f"{said[-1].text}\n\n{INSTRUCTION}"))
        return (*head, *said, ChatMessage("user", INSTRUCTION))

    async def _ask(self, prompt: tuple[ChatMessage, ...], *, divisible: bool) -> str:
        """The answer to one request. Where the prompt is `divisible`, room for a whole summary must be left."""
        window = self.provider.context_window(self.model)
        longest = LONGEST if window is None else max(1, min(LONGEST, window // ANSWER_SHARE))
        tokens = None
        if divisible and window is not None:
            parts = self.settings.parts
            tokens = await self.provider.count_tokens(self.model, prompt, parts=parts, thinking=False)
        if window is not None and tokens is not None and tokens > budget(window, LONGEST):
            raise ContextError("The turns are too long for one summary", f"{tokens:,} tokens of {window:,}.")
        sampling = replace(self.settings.sampling, max_tokens=longest, stop=(), thinking=False)
        request = ChatRequest(self.model, prompt, sampling, conversation=self.conversation, parts=self.settings.parts)
        events = self.provider.stream(request)
        text = ""
        try:
            async for event in events:
                match event:
                    case StreamFinished(reason):
                        return _whole(text, reason)
                    case StreamFailed(error):
                        raise error
                    case TextDelta(more):
                        text += clean(more)
                self.heard(event)
        finally:
            if (aclose := getattr(events, "aclose", None)) is not None:
                await aclose()
        raise ConnectionLost("The summary broke off", "The stream ended without saying that it was complete.")


def _whole(text: str, reason: str) -> str:
    """The summary as it is kept; what was cut at its longest says so. Raises `InferenceError` where there is none."""
    if reason == "cancelled":
        raise InferenceError("The summary was not finished", "The model was stopped.", "Ask for it again.")
    if not text.strip():
        raise InferenceError(
            "There is no summary", "The model answered with nothing.", "Ask again, or choose another model."
        )
    return f"{text.strip()} …" if reason == "length" else text.strip()
