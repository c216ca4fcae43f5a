"""Answers of one model that make their tokens together: one pass through its network for all of them.

Import only in the engine thread.
"""

from collections.abc import Sequence
from typing import Any

import mlx.core as mx

from lama_tui.engine.mlx_kv import MlxKv, extracted, merged
from lama_tui.engine.mlx_request import MlxAnswer
from lama_tui.engine.mlx_sampler import next_tokens


class MlxDecoding:
    """One answer keeps its KV as it is, which is fastest; that of several is one batch.

    The next tokens are computed while the newest are decoded.
    """

    def __init__(self, network: Any) -> None:
        self._network = network
        self._answers: list[MlxAnswer] = []
        self._layers: list[Any] = []
        self._next: Any = None

    def __len__(self) -> int:
        return len(self._answers)

    @property
    def answers(self) -> Sequence[MlxAnswer]:
        """Those that make tokens, in the order of the batch."""
        return tuple(self._answers)

    @property
    def kv_bytes(self) -> int:
        """Bytes of the KV of all of them."""
        return sum(int(layer.nbytes) for layer in self._layers)

    def join(self, answer: MlxAnswer) -> None:
        """Take in an answer whose prompt was read."""
        kv, first = answer.kv, answer.first
        if not self._answers:
            self._layers, self._next = kv.layers, first
        else:
            if len(self._answers) == 1:
                self._layers = merged([MlxKv(self._layers), kv])
            else:
                for layer, other in zip(self._layers, merged([kv]), strict=True):
                    layer.extend(other)
            self._next = mx.concatenate([self._next, first])
        self._answers.append(answer)
        answer.kv = MlxKv([])  # it is here now

    def leave(self, answer: MlxAnswer) -> None:
        """Let an answer go, with the KV that is its own."""
        at = self._answers.index(answer)
        stay = [row for row in range(len(self._answers)) if row != at]
        # first: if what follows fails, the next step finds more rows than answers, and fails those
        del self._answers[at]
        if not stay:
            answer.kv = MlxKv(self._layers)
            self._layers, self._next = [], None
            return
        answer.kv = extracted(self._layers, at)
        if len(stay) == 1:
            self._layers = extracted(self._layers, stay[0]).layers
        else:
            for layer in self._layers:
                layer.filter(stay)
        self._next = self._next[stay]

    def step(self) -> list[tuple[MlxAnswer, int]]:
        """Make a token for each answer."""
        current = self._next
        if not all(answer.is_last for answer in self._answers):
            self._next = self._forward(current)
            for answer in self._answers:
                answer.held += 1
        return list(zip(self._answers, current.tolist(), strict=True))

    def _forward(self, tokens: Any) -> Any:
        """Begin to compute the tokens after `tokens`, shape (answers,)."""
        logits = self._network(mx.expand_dims(tokens, 1), cache=self._layers).squeeze(1)
        chosen = next_tokens([answer.choose for answer in self._answers], tokens, logits)
        mx.async_eval(chosen)  # type: ignore[no-untyped-call]
        return chosen
