"""The KV of MLX models: one object a layer, as mlx-lm's models want them.

Import only in the engine thread.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from lama_tui.engine.fit import KvForm, group_size

FIRST_TOKENS = 4
"""Tokens at the beginning that a full window keeps: models lean on them whatever they say."""


@dataclass(slots=True)
class MlxKv:
    """What a model remembers of one sequence; `bits` a number to which its plain layers are to be packed, 0 for not."""

    layers: list[Any]
    bits: int = 0

    @classmethod
    def of(cls, network: Any, form: KvForm = KvForm()) -> Self:  # noqa: B008 - it is frozen
        """Of nothing yet. Where there is a window it is not packed: mlx-lm packs no rotating cache."""
        from mlx_lm.models.cache import RotatingKVCache, make_prompt_cache

        layers = make_prompt_cache(network)
        if form.window and _is_plain(layers):
            # what `max_kv_size` of mlx-lm does; but that is ignored where a model makes its own layers
            return cls([RotatingKVCache(max_size=form.window, keep=FIRST_TOKENS) for _ in layers])
        return cls(layers, 0 if form.window else form.bits)

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
        return _is_plain(self.layers) and not any(layer.empty() for layer in self.layers)

    def evaluate(self) -> None:
        """Compute what is still to be computed, and pack what is to be packed."""
        import mlx.core as mx

        if self.bits:
            self.layers = [_packed(layer, self.bits) for layer in self.layers]
        mx.eval([layer.state for layer in self.layers])

    def copy(self) -> "MlxKv":
        """One that can be written on beside this one."""
        return MlxKv(copy.deepcopy(self.layers), self.bits)

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


def window_in_use(network: Any, form: KvForm, own: int | None) -> int | None:
    """Tokens that a prompt may have: `own` is what the model can read, its `form` of KV may remember less."""
    from mlx_lm.models.cache import make_prompt_cache

    if not form.window or not _is_plain(make_prompt_cache(network)):
        return own
    return form.window if own is None else min(form.window, own)


def _is_plain(layers: Sequence[Any]) -> bool:
    from mlx_lm.models.cache import KVCache

    return all(type(layer) is KVCache for layer in layers)


def _packed(layer: Any, bits: int) -> Any:
    """A layer packed, where it is plain and its heads can be."""
    from mlx_lm.models.cache import KVCache

    if type(layer) is not KVCache or layer.empty():
        return layer
    groups = [group_size(int(part.shape[-1])) for part in (layer.keys, layer.values)]
    known = [group for group in groups if group is not None]
    return layer.to_quantized(group_size=min(known), bits=bits) if len(known) == len(groups) else layer


def merged(kvs: Sequence[MlxKv]) -> list[Any]:
    """The layers of a batch of these sequences, in their order."""
    return [layers[0].merge(list(layers)) for layers in zip(*(kv.layers for kv in kvs), strict=True)]


def extracted(layers: Sequence[Any], row: int) -> MlxKv:
    """One sequence out of a batch."""
    return MlxKv([layer.extract(row) for layer in layers])
