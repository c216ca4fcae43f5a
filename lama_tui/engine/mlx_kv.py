"""The KV of MLX models: one object a layer, as mlx-lm's models want them.

Import only in the engine thread.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self


@dataclass(slots=True)
class MlxKv:
    """What a model remembers of one sequence."""

    layers: list[Any]

    @classmethod
    def of(cls, network: Any) -> Self:
        """Of nothing yet."""
        from mlx_lm.models.cache import make_prompt_cache

        return cls(make_prompt_cache(network))

    @property
    def nbytes(self) -> int:
        """Bytes of its arrays as they are laid out: they grow in steps of 256 tokens."""
        return sum(int(layer.nbytes) for layer in self.layers)

    @property
    def can_be_cut(self) -> bool:
        """False for models that keep a state, or only a window."""
        return all(layer.is_trimmable() for layer in self.layers)

    @property
    def batches(self) -> bool:
        """Whether it is plain attention, which is known to give the same answers in a batch.

        States of hybrid models have been silently wrong in batches of past releases: those answer one by one.
        """
        from mlx_lm.models.cache import KVCache

        return all(type(layer) is KVCache and not layer.empty() for layer in self.layers)

    def evaluate(self) -> None:
        """Compute what is still to be computed."""
        import mlx.core as mx

        mx.eval([layer.state for layer in self.layers])

    def copy(self) -> "MlxKv":
        """One that can be written on beside this one."""
        return MlxKv(copy.deepcopy(self.layers))

    def beginning(self, tokens: int, whole: int) -> "MlxKv":
        """A copy of the first `tokens` of the `whole`; of plain attention nothing more is copied."""
        import mlx.core as mx
        from mlx_lm.models.cache import KVCache, trim_prompt_cache

        if not self.batches:
            copied = self.copy()
            trim_prompt_cache(copied.layers, whole - tokens)
            return copied
        layers = []
        for layer in self.layers:
            short = KVCache()
            short.keys = mx.contiguous(layer.keys[..., :tokens, :])
            short.values = mx.contiguous(layer.values[..., :tokens, :])
            short.offset = tokens
            layers.append(short)
        return MlxKv(layers)


def merged(kvs: Sequence[MlxKv]) -> list[Any]:
    """The layers of a batch of these sequences, in their order."""
    return [layers[0].merge(list(layers)) for layers in zip(*(kv.layers for kv in kvs), strict=True)]


def extracted(layers: Sequence[Any], row: int) -> MlxKv:
    """One sequence out of a batch."""
    return MlxKv([layer.extract(row) for layer in layers])
