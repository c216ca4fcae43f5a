"""From token ids to the deltas of an answer: decoding, reasoning and tool calls apart from text, stop strings."""

import json
from collections.abc import Sequence
from typing import Any

from lama_tui.events import ReasoningDelta, TextDelta, ToolCallDelta

Delta = TextDelta | ReasoningDelta | ToolCallDelta

PRIMING = 16
"""Tokens of an unfinished answer that the decoder needs to see to space what follows rightly."""


class AnswerText:
    """Decodes one answer. Text that may be the start of a marker is held back until it is known."""

    def __init__(self, tokenizer: Any, prompt: Sequence[int], stops: Sequence[str], continued: bool) -> None:
        from mlx_lm.generate import TextStateMachine

        self._machine = TextStateMachine
        self._detokenizer = tokenizer.detokenizer
        if continued:
            self._prime(prompt[-PRIMING:])
        edges: dict[str, list[tuple[str, str | None]]] = {"normal": [], "reasoning": []}
        if tokenizer.has_thinking:
            edges["normal"].append((tokenizer.think_start, "reasoning"))
            edges["reasoning"].append((tokenizer.think_end, "normal"))
        edges["normal"] += [(marker, "normal") for marker in tokenizer.structural_markers]
        if tokenizer.has_tool_calling:
            for state in edges.values():
                state.append((tokenizer.tool_call_start, "tool"))
        for state in edges.values():
            state += [(stop, None) for stop in stops]
        if tokenizer.has_tool_calling and tokenizer.tool_call_end:
            edges["tool"] = [(tokenizer.tool_call_end, "normal")]
        self._plain = not any(edges.values())  # nothing is looked for: text is told as it comes
        self._tokenizer = tokenizer
        self._call: str | None = None  # what was written of the call that is open
        self._state = TextStateMachine({name: state for name, state in edges.items() if state}).make_state(
            "reasoning" if thinks(tokenizer, prompt) else "normal"
        )
        self.stopped = False
        """A stop string was reached: what follows it does not belong to the answer."""
        self.calls = 0
        """Tool calls that the model made."""

    def _prime(self, tokens: Sequence[int]) -> None:
        """Let the decoder see what the answer goes on from, or it would drop the space before the next word."""
        for token in tokens:
            self._detokenizer.add_token(token)
        self._detokenizer.finalize()
        _ = self._detokenizer.last_segment

    def add(self, token: int) -> list[Delta]:
        """Decode one more token."""
        self._detokenizer.add_token(token)
        text = self._detokenizer.last_segment
        if self._plain:
            return [TextDelta(text)] if text else []
        return self._split(text)

    def end(self) -> list[Delta]:
        """What was held back; the answer is over."""
        if self.stopped:
            return []
        self._detokenizer.finalize()
        deltas = self._split(self._detokenizer.last_segment)
        if not self.stopped:
            self._state, rest, name = self._machine.flush(self._state)
            deltas += self._say(name, rest)
            if self._call is not None:
                deltas += self._called("")
        return deltas

    def _split(self, text: str) -> list[Delta]:
        if not text or self.stopped:
            return []
        self._state, segments = self._machine.split(self._state, text)
        self.stopped = self._state[0] is None
        return [delta for name, segment in segments for delta in self._say(name, segment)]

    def _say(self, state: str | None, text: str) -> list[Delta]:
        """The deltas of a piece in one state. Of a call nothing is told before its end: then it is read."""
        if state == "tool":
            self._call = (self._call or "") + text
            return []
        deltas = self._called(self._tokenizer.tool_call_end) if self._call is not None and state is not None else []
        if text and state is not None:
            deltas.append(ReasoningDelta(text) if state == "reasoning" else TextDelta(text))
        return deltas

    def _called(self, end: str) -> list[Delta]:
        """The call that was written; what is none is text, as the model wrote it."""
        written, self._call = self._call or "", None
        try:
            read = self._tokenizer.tool_parser(written, None)
            calls = [_call(call) for call in (read if isinstance(read, list) else [read])]
        except Exception:  # the parsers raise whatever comes of what a model writes
            calls = []
        if not calls:
            return [TextDelta(self._tokenizer.tool_call_start + written + end)]
        first, self.calls = self.calls, self.calls + len(calls)
        return [ToolCallDelta(first + at, name, arguments) for at, (name, arguments) in enumerate(calls)]


def _call(read: Any) -> tuple[str, str]:
    """Name and arguments of a call, the latter as JSON. Raises `ValueError`, `TypeError`, `KeyError`."""
    name, arguments = read["name"], read.get("arguments", {})
    if not isinstance(name, str) or not name.strip():
        raise ValueError("a call of nothing")
    return name, arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)


def thinks(tokenizer: Any, prompt: Sequence[int]) -> bool:
    """Whether the prompt ends inside the model's reasoning: it was opened there and not closed."""
    if not tokenizer.has_thinking:
        return False
    tokens = list(prompt)
    return bool(tokenizer.rfind_think_start(tokens) > tokenizer.rfind_think_end(tokens))
