"""Chooses tokens from logits on the device.

Import only in the engine thread.
"""

import secrets
from collections.abc import Sequence
from typing import Any

import mlx.core as mx

from lama_tui.engine.sampling import Chosen

PENALIZED = 64
"""Tokens back from the next one that a repetition penalty looks at."""


class MlxSampler:
    """Samples with a random key and tokens of its own, so that a seed or a penalty counts whatever runs beside it.

    (mlx-lm's samplers draw from the thread's shared random state.)
    """

    def __init__(self, chosen: Chosen, seed: int | None, prompt: Sequence[int] = ()) -> None:
        self._chosen = chosen
        self._key: Any = mx.random.key(secrets.randbits(64) if seed is None else seed % 2**64)
        self._penalty: Any = None
        self._before: Any = None
        self.greedy = chosen.temperature == 0 and chosen.repetition_penalty == 1
        """Whether it takes the likeliest token, whatever was before."""
        if chosen.repetition_penalty != 1:
            from mlx_lm.sample_utils import make_repetition_penalty

            self._penalty = make_repetition_penalty(chosen.repetition_penalty, PENALIZED)
            self._before = mx.array(list(prompt[-PENALIZED:]), mx.uint32)

    @property
    def penalizes(self) -> bool:
        """Whether it looks at the tokens before."""
        return self._penalty is not None

    def follow(self, token: Any) -> None:
        """Take note of a token of the answer, shape (1,), which may still be computed: the next one follows it."""
        if self._before is not None:
            self._before = mx.concatenate([self._before[1 - PENALIZED :], token])

    def __call__(self, logits: Any) -> Any:
        """The token chosen from `logits`, shape (1, vocabulary), as a lazy array of shape (1,)."""
        return self.pick(logits if self._penalty is None else self._penalty(self._before, logits))

    def penalized(self, made: Any, logits: Any) -> Any:
        """`logits` after the tokens `made`, shape (tokens,), of an answer whose tokens were not followed."""
        return self._penalty(mx.concatenate([self._before, made])[-PENALIZED:], logits)

    def pick(self, logits: Any) -> Any:
        """The tokens chosen from `logits`, shape (tokens, vocabulary), which are penalized already where they are."""
        chosen = self._chosen
        if chosen.temperature == 0:
            return mx.argmax(logits, axis=-1)
        from mlx_lm import sample_utils

        logprobs: Any = logits - mx.logsumexp(logits, axis=-1, keepdims=True)
        if chosen.top_p:
            logprobs = sample_utils.apply_top_p(logprobs, chosen.top_p)
        if chosen.min_p:
            logprobs = sample_utils.apply_min_p(logprobs, chosen.min_p)
        if 0 < chosen.top_k < logits.shape[-1]:
            logprobs = sample_utils.apply_top_k(logprobs, chosen.top_k)
        self._key, key = mx.random.split(self._key)
        return mx.random.categorical(logprobs / chosen.temperature, key=key)


def next_tokens(samplers: Sequence[MlxSampler], tokens: Any, logits: Any) -> Any:
    """What each chooses of its row of `logits` after its one of `tokens`, as a lazy array of shape (samplers,)."""
    if all(sampler.greedy for sampler in samplers):
        return mx.argmax(logits, axis=-1)  # one look at all rows
    for row, sampler in enumerate(samplers):
        sampler.follow(tokens[row : row + 1])
    return mx.concatenate([sampler(logits[row : row + 1]) for row, sampler in enumerate(samplers)])
