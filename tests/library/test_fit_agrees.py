"""The formula against MLX's own caches: every architecture that is said to be plain is made, run and measured."""

import importlib
from typing import Any

import pytest

from lama_tui.engine.fit import PLAIN, key_value_shape

SMALL: dict[str, Any] = {
    "hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2,
    "intermediate_size": 64, "moe_intermediate_size": 32, "shared_expert_intermediate_size": 32,
    "vocab_size": 64, "max_position_embeddings": 1024, "rope_theta": 10000.0, "tie_word_embeddings": True,
    "rms_norm_eps": 1e-5, "layer_norm_eps": 1e-5, "norm_eps": 1e-5, "attention_bias": False, "mlp_bias": False,
    "use_bias": False, "bias": False, "use_qkv_bias": False, "qkv_bias": False, "hidden_act": "silu",
    "num_experts": 4, "num_experts_per_tok": 2, "num_local_experts": 4, "norm_topk_prob": True,
    "decoder_sparse_step": 1, "mlp_only_layers": [], "partial_rotary_factor": 0.5, "logit_scale": 1.0,
    "logits_scaling": 1.0, "attention_multiplier": 1.0, "embedding_multiplier": 1.0, "residual_multiplier": 1.0,
    "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0, "query_pre_attn_scalar": 16.0,
    "scale_depth": 1.4, "scale_emb": 12, "dim_model_base": 64, "attention_dropout": 0.0,
    "no_rope_layer_interval": 4, "no_rope_layers": [1, 1, 1], "layer_types": None, "num_nextn_predict_layers": 0,
    "original_max_position_embeddings": 1024, "rope_scaling": None, "use_qk_norm": True,
}  # fmt: skip
OWN: dict[str, dict[str, Any]] = {
    "phi": {"num_key_value_heads": 4},
    "phimoe": {"rope_scaling": {"type": "longrope", "short_mscale": 1.0, "long_mscale": 1.0, "short_factor": [1.0] * 8,
                                "long_factor": [1.0] * 8}},
}  # fmt: skip
USUAL = ("llama", "qwen3", "phi3")
"""Run each time; the others take too long for that."""


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=() if kind in USUAL else pytest.mark.slow) for kind in sorted(PLAIN)]
)
def test_the_cache_is_as_large_as_the_formula_says(kind: str) -> None:
    mx = pytest.importorskip("mlx.core")
    from mlx_lm import utils
    from mlx_lm.models.cache import KVCache, make_prompt_cache

    config = SMALL | {"model_type": kind, "head_dim": 16} | OWN.get(kind, {})
    module = importlib.import_module(f"mlx_lm.models.{utils.MODEL_REMAPPING.get(kind, kind)}")
    model = module.Model(module.ModelArgs.from_dict(config))
    cache = make_prompt_cache(model)
    model(mx.array([[1] * 300]), cache=cache)
    mx.eval([each.state for each in cache])
    assert {type(each) for each in cache} == {KVCache}
    shape = key_value_shape(config, 4)  # made without a type, the weights are float32
    assert shape is not None
    assert sum(each.keys.nbytes + each.values.nbytes for each in cache) == shape.size(300)
