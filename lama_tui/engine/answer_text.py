"""From token ids to the deltas of an answer: decoding, reasoning apart from text, stop strings."""

from collections.abc import Sequence
from typing import Any

from lama_tui.events import ReasoningDelta, TextDelta

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
        for state in edges.values():
            state += [(stop, None) for stop in stops]
        self._state = TextStateMachine({name: state for name, state in edges.items() if state}).make_state(
            "reasoning" if thinks(tokenizer, prompt) else "normal"
        )
        self.stopped = False
        """A stop string was reached: what follows it does not belong to the answer."""

    def _prime(self, tokens: Sequence[int]) -> None:
        """Let the decoder see what the answer goes on from, or it would drop the space before the next word."""
        for token in tokens:
            self._detokenizer.add_token(token)
        self._detokenizer.finalize()
        _ = self._detokenizer.last_segment

    def add(self, token: int) -> list[TextDelta | ReasoningDelta]:
        """Decode one more token."""
        self._detokenizer.add_token(token)
        return self._split(self._detokenizer.last_segment)

    def end(self) -> list[TextDelta | ReasoningDelta]:
        """What was held back; the answer is over."""
        if self.stopped:
            return []
        self._detokenizer.finalize()
        deltas = self._split(self._detokenizer.last_segment)
        if not self.stopped:
            self._state, rest, name = self._machine.flush(self._state)
            deltas += _delta(name, rest)
        return deltas

    def _split(self, text: str) -> list[TextDelta | ReasoningDelta]:
        if not text or self.stopped:
            return []
        self._state, segments = self._machine.split(self._state, text)
        self.stopped = self._state[0] is None
        return [delta for name, segment in segments for delta in _delta(name, segment)]


def thinks(tokenizer: Any, prompt: Sequence[int]) -> bool:
    """Whether the prompt ends inside the model's reasoning: it was opened there and not closed."""
    if not tokenizer.has_thinking:
        return False
    tokens = list(prompt)
    return bool(tokenizer.rfind_think_start(tokens) > tokenizer.rfind_think_end(tokens))


def _delta(state: str | None, text: str) -> list[TextDelta | ReasoningDelta]:
    if not text or state is None:
        return []
    return [ReasoningDelta(text) if state == "reasoning" else TextDelta(text)]
