"""Which sampling values count: the request's, else the model's own generation_config, else the settings'."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lama_tui.config.settings import GenerationSettings
from lama_tui.types import Sampling


@dataclass(frozen=True, slots=True)
class Chosen:
    """How tokens are chosen, and how many at most.

    Temperature 0 is greedy; top_p, top_k and min_p are off at 0, repetition_penalty at 1.
    """

    temperature: float
    top_p: float = 0.0
    top_k: int = 0
    min_p: float = 0.0
    max_tokens: int = 2048
    repetition_penalty: float = 1.0


@dataclass(frozen=True, slots=True)
class Own:
    """What a model's generation_config asks for; None: nothing, or nothing that makes sense."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    top_k: int | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None


def own(generation_config: Mapping[str, Any]) -> Own:
    """Read the values that people can change too. A model that says `do_sample: false` is greedy."""
    temperature = 0.0 if generation_config.get("do_sample") is False else _number(generation_config, "temperature")
    top_p = _number(generation_config, "top_p")
    max_tokens = _number(generation_config, "max_new_tokens")
    top_k, min_p = _number(generation_config, "top_k"), _number(generation_config, "min_p")
    return Own(
        temperature,
        top_p if top_p and top_p <= 1 else None,
        int(max_tokens) if max_tokens and max_tokens >= 1 else None,
        None if top_k is None else int(top_k),
        min_p if min_p is not None and min_p <= 1 else None,
        _number(generation_config, "repetition_penalty") or None,
    )


def choose(request: Sampling, generation_config: Mapping[str, Any], defaults: GenerationSettings) -> Chosen:
    """Resolve the values; what a generation_config says wrongly counts as not said.

    A model that says `do_sample: false` is greedy unless the request gives a temperature.
    """
    model = own(generation_config)
    temperature = _first(request.temperature, model.temperature, defaults.temperature)
    max_tokens = int(_first(request.max_tokens, model.max_tokens, defaults.max_tokens))
    penalty = _first(request.repetition_penalty, model.repetition_penalty, 1.0)
    if temperature <= 0:
        return Chosen(0.0, max_tokens=max_tokens, repetition_penalty=penalty)
    top_p = _first(request.top_p, model.top_p, defaults.top_p)
    return Chosen(
        temperature,
        top_p=top_p if 0 < top_p < 1 else 0.0,
        top_k=int(_first(request.top_k, model.top_k, 0)),
        min_p=_first(request.min_p, model.min_p, 0.0),
        max_tokens=max_tokens,
        repetition_penalty=penalty,
    )


def _first(request: float | None, model: float | None, default: float) -> float:
    said = model if request is None else request
    return default if said is None else said


def _number(values: Mapping[str, Any], key: str) -> float | None:
    value = values.get(key)
    said = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
    return float(values[key]) if said else None
