"""Which sampling values count: the request's, else the model's own generation_config, else the settings'."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lama_tui.types import Sampling


@dataclass(frozen=True, slots=True)
class Chosen:
    """How tokens are chosen. Temperature 0 is greedy; top_p, top_k and min_p are off at 0."""

    temperature: float
    top_p: float = 0.0
    top_k: int = 0
    min_p: float = 0.0


def choose(request: Sampling, generation_config: Mapping[str, Any], default_temperature: float) -> Chosen:
    """Resolve the values; what a generation_config says wrongly counts as not said.

    A model that says `do_sample: false` is greedy unless the request gives a temperature.
    """
    if request.temperature is not None:
        temperature = request.temperature
    elif generation_config.get("do_sample") is False:
        temperature = 0.0
    else:
        temperature = _number(generation_config, "temperature", default_temperature)
    if temperature <= 0:
        return Chosen(0.0)
    top_p = _number(generation_config, "top_p", 0.0)
    min_p = _number(generation_config, "min_p", 0.0)
    return Chosen(
        temperature,
        top_p=top_p if 0 < top_p < 1 else 0.0,
        top_k=max(0, int(_number(generation_config, "top_k", 0))),
        min_p=min_p if 0 < min_p <= 1 else 0.0,
    )


def _number(values: Mapping[str, Any], key: str, default: float) -> float:
    value = values.get(key)
    said = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
    return float(values[key]) if said else default
