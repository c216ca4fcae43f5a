"""One streamed chat completion in OpenAI's format: chunks become events and figures. Pure."""

from collections.abc import Mapping

from lama_tui.events import ReasoningDelta, StreamEvent, TextDelta, ToolCallDelta, UsageUpdated
from lama_tui.providers.refusal import error_object
from lama_tui.security.gate import clean, clean_line
from lama_tui.types import FinishReason, Usage

_REASONS: Mapping[str, FinishReason] = {
    "stop": "stop",
    "eos": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "max_tokens": "length",
    "content_filter": "content_filter",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
}


class Completion:
    """What is known of one answer so far. Times are seconds of one monotonic clock."""

    def __init__(self, name: str, began: float) -> None:
        self._name = name
        self._began = began
        self._first: float | None = None
        self._last: float | None = None
        self._prompt: int | None = None
        self._cached: int | None = None
        self._completion: int | None = None
        self.reason: FinishReason | None = None
        """Why the answer ended, once the server said so."""

    @property
    def started(self) -> bool:
        """Whether anything was generated yet."""
        return self._first is not None

    def read(self, chunk: object, at: float) -> list[StreamEvent]:
        """Return the events of a chunk that arrived `at`. Raises `ProviderError` for an error in it.

        What a chunk has besides, or has in another type than expected, is ignored.
        """
        if not isinstance(chunk, dict):
            return []
        if chunk.get("error"):
            raise error_object(self._name, chunk["error"])
        events: list[StreamEvent] = []
        choices = chunk.get("choices")
        for choice in choices if isinstance(choices, list) else []:
            if isinstance(choice, dict) and choice.get("index", 0) == 0:
                events += self._read_choice(choice)
        if events:
            self._last = at
            if self._first is None:
                self._first = at
                events.append(UsageUpdated(self.usage()))
        if isinstance(chunk.get("usage"), dict):
            self._read_usage(chunk["usage"])
            events.append(UsageUpdated(self.usage()))
        return events

    def usage(self) -> Usage:
        """Return the figures so far.

        decode = (completion − 1)/(t_last − t_first) with the server's count of tokens, None
        without one, and None when everything arrived at once, because then it says nothing.
        """
        decode = None
        elapsed = self._last - self._first if self._first is not None and self._last is not None else 0.0
        if elapsed > 0 and self._completion is not None and self._completion >= 2:
            decode = (self._completion - 1) / elapsed
        return Usage(
            prompt_tokens=self._prompt,
            cached_tokens=self._cached,
            completion_tokens=self._completion,
            ttft_ms=None if self._first is None else (self._first - self._began) * 1000,
            decode_tok_s=decode,
        )

    def _read_choice(self, choice: Mapping[str, object]) -> list[StreamEvent]:
        reason = choice.get("finish_reason")
        if isinstance(reason, str) and reason:
            self.reason = _REASONS.get(reason, "stop")
        # a server that does not stream sends the whole message where the others send deltas
        delta = choice.get("delta") or choice.get("message")
        if not isinstance(delta, dict):
            return []
        events: list[StreamEvent] = []
        reasoning = delta.get("reasoning_content") or delta.get("reasoning")
        if isinstance(reasoning, str) and reasoning:
            events.append(ReasoningDelta(clean(reasoning)))
        content = delta.get("content")
        if isinstance(content, str) and content:
            events.append(TextDelta(clean(content)))
        calls = delta.get("tool_calls")
        for call in calls if isinstance(calls, list) else []:
            function = call.get("function") if isinstance(call, dict) else None
            if isinstance(function, dict):
                name, arguments = function.get("name"), function.get("arguments")
                events.append(
                    ToolCallDelta(
                        _count(call.get("index")) or 0,
                        clean_line(name) if isinstance(name, str) else "",
                        clean(arguments) if isinstance(arguments, str) else "",
                    )
                )
        return events

    def _read_usage(self, usage: Mapping[str, object]) -> None:
        self._prompt = _count(usage.get("prompt_tokens"))
        self._completion = _count(usage.get("completion_tokens"))
        details = usage.get("prompt_tokens_details")
        if isinstance(details, dict):
            self._cached = _count(details.get("cached_tokens"))


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 53 else None
