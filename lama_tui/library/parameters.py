"""How many parameters a model has, and at how many bits, from headers alone.

Quantized weights are packed into integers, so the shapes on disk are not the model's. In MLX's
layout (`mx.quantize`) `X.weight` (U32) packs 32/bits values a word along the last axis, and
`X.scales` has one entry a group: values = rows × scale columns × group size, whatever the bits.
GPTQ and AWQ pack `X.qweight` the same way; MXFP4 as published puts two values in each byte of
`X_blocks`. Scales, biases and zero points describe the packing and are not parameters.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from lama_tui.engine.safetensors import BITS, Tensor

_PACKING = (".scales", ".biases", ".qzeros", ".g_idx", "_scales", "_scale_inv", ".weight_scale", ".input_scale")


def count(tensors: Mapping[str, Tensor], config: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Parameters, and the bits that a weight takes (scales not counted). None is unknown.

    `config` is the model's `config.json`. With mixed precision the bits are those of the model's
    default, as its name says them.
    """
    quantization = _quantization(config)
    default_bits = _whole(quantization.get("bits"))
    total = 0
    stored = Counter[int]()  # bits of unpacked types, weighted by elements
    for name, tensor in tensors.items():
        layer, _, kind = name.rpartition(".")
        if name.endswith(_PACKING) and _describes_packing(name, tensors):
            continue
        scales = tensors.get(f"{layer}.scales")
        if kind == "weight" and tensor.dtype == "U32" and scales is not None:
            own = quantization.get(layer)
            group = _whole((own if isinstance(own, dict) else quantization).get("group_size"))
            if group is None or not scales.shape:
                return None, default_bits
            total += scales.elements * group
        elif kind == "qweight":
            if default_bits is None:
                return None, None
            total += tensor.elements * 32 // default_bits
        elif name.endswith("_blocks") and tensor.dtype == "U8":
            total += tensor.elements * 2
            default_bits = default_bits or 4
        else:
            total += tensor.elements
            if (bits := BITS.get(tensor.dtype)) is not None:
                stored[bits] += tensor.elements
    if not total:
        return None, default_bits
    return total, default_bits or (stored.most_common(1)[0][0] if stored else None)


def _describes_packing(name: str, tensors: Mapping[str, Tensor]) -> bool:
    """Tell a group's scales from a layer that happens to be called so: its packed weight is beside it."""
    for suffix in _PACKING:
        if name.endswith(suffix):
            base = name.removesuffix(suffix)
            return any(base + packed in tensors for packed in (".weight", ".qweight", "_blocks", ""))
    return False


def _quantization(config: Mapping[str, Any]) -> Mapping[str, Any]:
    for key in ("quantization", "quantization_config"):
        if isinstance(found := config.get(key), dict):
            return found
    return {}


def _whole(value: object) -> int | None:
    """`value` if it is a sensible count of bits or of a group's values."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= 65536 else None
