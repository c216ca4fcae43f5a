"""Chooses tokens from logits on the device."""

import secrets
from typing import Any

from lama_tui.engine.sampling import Chosen


class MlxSampler:
    """Samples with a random key of its own, so that a seed counts whatever else runs beside it.

    (mlx-lm's samplers draw from the thread's shared random state.)
    """

    def __init__(self, chosen: Chosen, seed: int | None) -> None:
        import mlx.core as mx

        self._chosen = chosen
        self._key: Any = mx.random.key(secrets.randbits(64) if seed is None else seed % 2**64)

    def __call__(self, logits: Any) -> Any:
        """The token chosen from `logits`, shape (1, vocabulary), as a lazy array of shape (1,)."""
        import mlx.core as mx

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
