"""The arithmetic of fitting: the formula, what is unknown, and that more never fits better."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lama_tui.engine.fit import HEADROOM, WORKING, Fit, KeyValueShape, Machine, contexts, fit, key_value_shape

GIB = 1024**3
LLAMA_8B = {
    "model_type": "llama",
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
}
sizes = st.integers(min_value=0, max_value=2**50)
shapes = st.builds(KeyValueShape, *[st.integers(min_value=1, max_value=512)] * 3, width=st.sampled_from((2, 4)))


def test_the_formula() -> None:
    shape = key_value_shape(LLAMA_8B, 2)
    assert shape == KeyValueShape(32, 8, 128, 2)
    assert shape.size(8192) == GIB  # 2 · 32 · 8 · 128 · 2 · 8192
    assert shape.size(0) == 0
    assert shape.size(1) == shape.size(256) == 2 * 32 * 8 * 128 * 2 * 256
    assert shape.size(257) == 2 * shape.size(256)


@pytest.mark.parametrize(
    "change",
    [
        {"model_type": "mamba2"},
        {"model_type": "deepseek_v3"},
        {"model_type": "gemma3_text"},
        {"model_type": None},
        {"model_type": ["llama"]},
        {"layer_types": ["full_attention", "sliding_attention"]},
        {"num_hidden_layers": "32"},
        {"num_hidden_layers": 0},
        {"num_attention_heads": True},
        {"hidden_size": 2**40},
    ],
)
def test_what_is_not_plain_attention_is_unknown(change: dict[str, object]) -> None:
    assert key_value_shape(LLAMA_8B | change, 2) is None


def test_without_a_type_that_is_computed_in_it_is_unknown() -> None:
    assert key_value_shape(LLAMA_8B, None) is None


def test_heads_of_a_size_of_their_own_and_heads_that_are_not_grouped() -> None:
    shape = key_value_shape(LLAMA_8B | {"head_dim": 80, "num_key_value_heads": None}, 4)
    assert shape == KeyValueShape(32, 32, 80, 4)


@given(st.dictionaries(st.sampled_from([*LLAMA_8B, "head_dim", "layer_types"]), st.from_type(object) | st.integers()))
def test_no_config_raises(config: dict[str, object]) -> None:
    shape = key_value_shape(LLAMA_8B | config, 2)
    assert shape is None or shape.size(4096) > 0


def test_at_no_context_the_usual_cache_is_counted() -> None:
    shape = key_value_shape(LLAMA_8B, 2)
    assert fit(5 * GIB, shape, None, Machine(available=5 * GIB + HEADROOM)).fits is True
    assert fit(5 * GIB, shape, None, Machine(available=5 * GIB + HEADROOM - 1)).fits is False
    assert fit(5 * GIB, shape, 8192, Machine(available=6 * GIB + WORKING)).fits is True
    assert fit(5 * GIB, shape, 8192, Machine(available=6 * GIB + WORKING - 1)).fits is False
    assert fit(5 * GIB, None, 8192, Machine(available=5 * GIB + HEADROOM)).kv is None


def test_what_is_not_known_is_not_judged() -> None:
    assert fit(0, None, 4096, Machine(16 * GIB, 8 * GIB)) == Fit(None, None, Machine(16 * GIB, 8 * GIB))
    assert fit(0, None, 4096, Machine(16 * GIB, 8 * GIB)).fits is None
    assert fit(GIB, None, 4096, Machine()).fits is None
    assert fit(GIB, None, 4096, Machine()).headroom is None


def test_weights_over_the_engines_limit_never_fit() -> None:
    assert fit(9 * GIB, None, None, Machine(16 * GIB, 15 * GIB, 8 * GIB)).fits is False
    assert fit(9 * GIB, None, None, Machine(16 * GIB, None, 8 * GIB)).fits is False


@given(sizes, shapes, st.integers(min_value=0, max_value=2**24), st.integers(min_value=0, max_value=2**24), sizes)
def test_more_context_never_fits_better(weights: int, shape: KeyValueShape, one: int, other: int, free: int) -> None:
    shorter, longer = sorted((one, other))
    machine = Machine(available=free)
    less, more = fit(weights, shape, shorter, machine), fit(weights, shape, longer, machine)
    assert shape.size(shorter) <= shape.size(longer) <= shape.size(shorter) + shape.size(longer - shorter + 256)
    assert not (more.fits and not less.fits)
    if less.headroom is not None and more.headroom is not None:
        assert more.headroom <= less.headroom <= free


@given(st.none() | st.integers(min_value=1, max_value=2**40))
def test_contexts_rise_to_the_models_own(largest: int | None) -> None:
    steps = contexts(largest)
    assert list(steps) == sorted(set(steps))
    assert steps[-1] == (largest or 128 * 1024)
    assert all(step == 2048 * 2**at for at, step in enumerate(steps[:-1]))
