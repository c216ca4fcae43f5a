"""Whether a model fits: its weights and its KV cache at a context, against what the machine has.

Pure arithmetic on bytes and tokens. For plain attention every layer keeps one key and one value of
`head_dim` numbers for each KV head and each token, and MLX grows that in steps of 256 tokens
(`KVCache.step` in mlx_lm/models/cache.py):

    KV bytes = 2 · layers · kv_heads · head_dim · bytes · ceil256(tokens)

Sliding windows, state-space layers, latent attention and shared caches keep something else: for
architectures that are not known to be plain the size is unknown, and never guessed.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lama_tui.engine.safetensors import Tensor

STEP = 256
"""Tokens by which MLX grows a cache."""

WORKING = 512 * 1024**2
"""Bytes kept for the activations of a prefill step and for the runtime itself."""

USUAL_KV = 512 * 1024**2
"""Bytes kept for a KV cache of unknown size: 4,096 tokens of an 8 B model with grouped heads."""

HEADROOM = USUAL_KV + WORKING
"""Bytes that a model needs beside its weights where no context is chosen."""

FIRST_CONTEXT = 2048

USUAL_CONTEXT = 8192
"""Tokens of conversation that there must be room for, where nobody chose another number."""

_FLOATS = {"F32": 4, "F16": 2, "BF16": 2}  # bytes of the types that MLX computes in

# fmt: off
PLAIN = frozenset((
    "llama", "mistral", "mixtral", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe", "gemma", "gemma2", "glm", "glm4",
    "granite", "granitemoe", "cohere", "phi", "phi3", "phimoe", "olmo2", "olmoe", "starcoder2", "stablelm",
    "smollm3", "internlm2", "internlm3", "ernie4_5", "hunyuan_v1_dense", "helium", "nemotron", "mimo", "minicpm",
    "seed_oss",
))
# fmt: on
"""`model_type`s whose every layer keeps plain keys and values; tests compare them with MLX's own caches."""


@dataclass(frozen=True, slots=True)
class KvForm:
    """How KV is kept: of the newest `window` tokens (0: of all), packed to `bits` a number (0: as it is computed).

    What it cannot do is said where it is set (`config/about.py`).
    """

    window: int = 0
    bits: int = 0

    def tokens(self, context: int) -> int:
        """How many of `context` tokens are kept."""
        return min(context, self.window) if self.window else context


def group_size(head_dim: int) -> int | None:
    """How many numbers are packed with one scale and one bias; None: such heads cannot be packed."""
    return next((size for size in (64, 32) if head_dim % size == 0), None)


@dataclass(frozen=True, slots=True)
class KeyValueShape:
    """What one token leaves in the KV cache. `width` is bytes a number."""

    layers: int
    heads: int
    head_dim: int
    width: int

    def size(self, tokens: int, form: KvForm = KvForm()) -> int:
        """Bytes of the cache of one conversation of so many tokens."""
        numbers = 2 * self.layers * self.heads * self.head_dim * -(-form.tokens(max(0, tokens)) // STEP) * STEP
        group = group_size(self.head_dim)
        if form.bits and not form.window and group is not None:
            return numbers * form.bits // 8 + 2 * self.width * numbers // group
        return numbers * self.width


@dataclass(frozen=True, slots=True)
class Machine:
    """Memory in bytes, None where it cannot be told.

    `total` is what models can have at most, `available` what they could have now without swapping: for
    one that takes the place of the loaded ones, what those hold is available too. `limit` is
    the most that the engine lets models take (`engine.memory_limit`).
    """

    total: int | None = None
    available: int | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Fit:
    """A model beside a machine. Bytes; `weights` and `kv` None are unknown."""

    weights: int | None
    kv: int | None
    machine: Machine

    @property
    def needed(self) -> int | None:
        """Everything that an answer takes at this context."""
        if self.weights is None:
            return None
        return self.weights + (USUAL_KV if self.kv is None else self.kv) + WORKING

    @property
    def headroom(self) -> int | None:
        """What is left then; negative where it does not fit."""
        if self.needed is None or self.machine.available is None:
            return None
        return self.machine.available - self.needed

    @property
    def fits(self) -> bool | None:
        """Whether it can be used; None is unknown."""
        if self.needed is not None and self.machine.limit is not None and self.needed > self.machine.limit:
            return False
        return None if self.headroom is None else self.headroom >= 0


def fit(
    weights: int,
    shape: KeyValueShape | None,
    context: int | None,
    machine: Machine,
    form: KvForm = KvForm(),
) -> Fit:
    """How a model of so many bytes of weights (0 is unknown) fits; at no context in particular where that is None."""
    known = shape is not None and context is not None
    return Fit(weights or None, shape.size(context, form) if known else None, machine)  # type: ignore[union-attr, arg-type]


def key_value_shape(config: Mapping[str, Any], width: int | None) -> KeyValueShape | None:
    """Read `config.json`; None where the architecture is not known to be plain or a number is missing.

    `width` is bytes of a number in the cache: that of the type which the model computes in.
    """
    kind = config.get("model_type")
    if width is None or not isinstance(kind, str) or kind not in PLAIN:
        return None
    kinds_of_layers = config.get("layer_types")
    if isinstance(kinds_of_layers, list) and any(kind != "full_attention" for kind in kinds_of_layers):
        return None
    layers, heads = _count(config, "num_hidden_layers"), _count(config, "num_attention_heads")
    hidden = _count(config, "hidden_size")
    if layers is None or heads is None or hidden is None:
        return None
    kv_heads = _count(config, "num_key_value_heads") or heads
    return KeyValueShape(layers, kv_heads, _count(config, "head_dim") or hidden // heads, width)


def computed_width(tensors: Mapping[str, Tensor]) -> int | None:
    """Bytes of the type that a model computes in: of packed weights that of their scales, else that of most weights."""
    elements = Counter[int]()
    for tensor in tensors.values():
        if (width := _FLOATS.get(tensor.dtype)) is not None:
            elements[width] += tensor.elements
    return elements.most_common(1)[0][0] if elements else None


def contexts(largest: int | None) -> tuple[int, ...]:
    """The steps to choose from: 2k, 4k, 8k … and the model's own maximum; to 128k where that is not known."""
    end = largest or 128 * 1024
    steps = []
    step = FIRST_CONTEXT
    while step < end:
        steps.append(step)
        step *= 2
    return (*steps, end)


def _count(config: Mapping[str, Any], key: str) -> int | None:
    value = config.get(key)
    return value if type(value) is int and 0 < value < 2**31 else None
