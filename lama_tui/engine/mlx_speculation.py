"""One answer that a small model drafts: the model itself only looks whether it would have said the same.

Import only in the engine thread.
"""

from collections.abc import Generator, Sequence
from typing import Any

from lama_tui.engine.mlx_kv import MlxKv
from lama_tui.engine.mlx_request import MlxAnswer

DRAFTED = 3
"""Tokens that are drafted at a time; each round makes so many and one more, or fewer."""

CHUNK = 512
"""Tokens of a prompt that the draft model reads in one step."""


class MlxSpeculation:
    """As `MlxDecoding`, for one answer, with as many tokens a step as were guessed rightly, and one.

    What it says is what the model would say alone: a drafted token counts only where the model chose the same.
    """

    def __init__(self, network: Any, draft: Any) -> None:
        self._network = network
        self._draft = draft
        self._answers: list[MlxAnswer] = []
        self._kv = MlxKv([])
        self._drafts = MlxKv.of(draft)
        self._prompt: Sequence[int] = ()
        self._read = 0
        self._first: Any = None
        self._rounds: Generator[tuple[int, Any, bool]] | None = None

    def __len__(self) -> int:
        return len(self._answers)

    @property
    def answers(self) -> Sequence[MlxAnswer]:
        """The one that makes tokens, or none."""
        return tuple(self._answers)

    @property
    def kv_bytes(self) -> int:
        """Bytes of the KV of both models."""
        return self._kv.nbytes + self._drafts.nbytes

    def join(self, answer: MlxAnswer) -> None:
        """Take in the answer whose prompt was read."""
        self._answers = [answer]
        self._prompt, self._first = answer.remembered, answer.first
        self._kv, answer.kv = answer.kv, MlxKv([])

    def leave(self, answer: MlxAnswer) -> None:
        """Let it go, with the KV of the tokens that it took."""
        from mlx_lm.models.cache import trim_prompt_cache

        self._answers = []
        if self._rounds is not None:
            self._rounds.close()  # takes back what it looked at and did not use
        there = int(self._kv.layers[0].offset)
        answer.held = min(there, answer.known)
        trim_prompt_cache(self._kv.layers, there - answer.held)
        answer.kv, self._kv, self._drafts = self._kv, MlxKv([]), MlxKv([])
        self._rounds = None

    def step(self) -> list[tuple[MlxAnswer, int]]:
        """The first token; then the prompt is read by the draft model in chunks, without one; then a round each."""
        answer = self._answers[0]
        if self._first is not None:
            first, self._first = int(self._first.item()), None
            self._rounds = self._speculate(answer, first)
            return [(answer, first)]
        if self._read < len(self._prompt):
            self._read_prompt()
            return []
        made: list[tuple[MlxAnswer, int]] = []
        for token, _, drafted in self._rounds or ():
            made.append((answer, token))
            answer.drafted.append(drafted)
            if not drafted:
                break
        return made

    def _read_prompt(self) -> None:
        import mlx.core as mx

        chunk = self._prompt[self._read : self._read + CHUNK]
        self._draft(mx.array([chunk], mx.uint32), cache=self._drafts.layers)
        self._drafts.evaluate()
        self._read += len(chunk)

    def _speculate(self, answer: MlxAnswer, first: int) -> Generator[tuple[int, Any, bool]]:
        """mlx-lm's own rounds, from the first token on: both models have read the prompt by then."""
        import mlx.core as mx
        from mlx_lm.generate import speculative_generate_step

        rounds: Generator[tuple[int, Any, bool]] = speculative_generate_step(
            mx.array([first], mx.uint32),
            self._network,
            self._draft,
            mx.default_stream(mx.default_device()),
            num_draft_tokens=DRAFTED,
            max_tokens=answer.limit - 1,
            sampler=answer.choose.pick,
            logits_processors=[answer.choose.penalized] if answer.choose.penalizes else None,
            prompt_cache=[*self._kv.layers, *self._drafts.layers],
        )
        return rounds
