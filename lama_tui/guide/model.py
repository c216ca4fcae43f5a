"""A small Llama in PyTorch, written as functions over named weights, to train it.

The names are those of the Hugging Face checkpoint format, so that exporting is saving.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

Weights = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of the model; `mlp` is the inner width of the feed-forward part."""

    vocabulary: int = 2048
    hidden: int = 128
    layers: int = 2
    heads: int = 4
    mlp: int = 352
    rope_base: float = 10_000.0
    epsilon: float = 1e-5

    @property
    def head(self) -> int:
        """The width of one attention head."""
        return self.hidden // self.heads


def initial(shape: Shape, embeddings: Tensor, generator: torch.Generator) -> Weights:
    """Fresh weights that start as a bag of words, from which learning goes on.

    With v the identity, o a scaled identity, and q and k near zero, attention hands every position
    the mean of the words so far.
    """
    d, m = shape.hidden, shape.mlp

    def normal(rows: int, columns: int, gain: float = 1.0) -> Tensor:
        return torch.randn(rows, columns, generator=generator) * (gain * columns**-0.5)

    weights: Weights = {"model.embed_tokens.weight": embeddings.clone(), "model.norm.weight": torch.ones(d)}
    for layer in range(shape.layers):
        at = f"model.layers.{layer}."
        weights[at + "input_layernorm.weight"] = torch.ones(d)
        weights[at + "self_attn.q_proj.weight"] = normal(d, d, 0.1)
        weights[at + "self_attn.k_proj.weight"] = normal(d, d, 0.1)
        weights[at + "self_attn.v_proj.weight"] = torch.eye(d)
        weights[at + "self_attn.o_proj.weight"] = torch.eye(d) * 0.7
        weights[at + "post_attention_layernorm.weight"] = torch.ones(d)
        weights[at + "mlp.gate_proj.weight"] = normal(m, d)
        weights[at + "mlp.up_proj.weight"] = normal(m, d)
        weights[at + "mlp.down_proj.weight"] = normal(d, m, 0.5)
    return {name: weight.requires_grad_() for name, weight in weights.items()}


def forward(weights: Weights, shape: Shape, tokens: Tensor, valid: Tensor, tail: int, dropout: float = 0.0) -> Tensor:
    """Logits of the last `tail` positions, (batch, tail, vocabulary), for `tokens` (batch, length).

    `valid` (batch, length) is False on padding. In the last layer only the tail is computed,
    for nothing reads the other positions.
    """
    batch, length = tokens.shape
    cos, sin = _rotations(shape, length)
    causal = torch.ones(length, length, dtype=torch.bool).tril()
    # a position always sees itself, so that padding yields numbers rather than NaN
    mask = (causal & valid[:, None, :]) | torch.eye(length, dtype=torch.bool)
    mask = mask[:, None]
    x = functional.dropout(functional.embedding(tokens, weights["model.embed_tokens.weight"]), dropout, dropout > 0)

    for layer in range(shape.layers):
        at = f"model.layers.{layer}."
        keep = tail if layer == shape.layers - 1 else length
        h = _norm(x, weights[at + "input_layernorm.weight"], shape.epsilon)
        x = x[:, -keep:]
        q = _split(h[:, -keep:] @ weights[at + "self_attn.q_proj.weight"].T, shape)
        k = _split(h @ weights[at + "self_attn.k_proj.weight"].T, shape)
        v = _split(h @ weights[at + "self_attn.v_proj.weight"].T, shape)
        q, k = _rotate(q, cos[-keep:], sin[-keep:]), _rotate(k, cos, sin)
        a = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, :, -keep:])
        a = a.transpose(1, 2).reshape(batch, keep, shape.hidden)
        x = x + functional.dropout(a @ weights[at + "self_attn.o_proj.weight"].T, dropout, dropout > 0)
        h = _norm(x, weights[at + "post_attention_layernorm.weight"], shape.epsilon)
        gate = functional.silu(h @ weights[at + "mlp.gate_proj.weight"].T)
        h = (gate * (h @ weights[at + "mlp.up_proj.weight"].T)) @ weights[at + "mlp.down_proj.weight"].T
        x = x + functional.dropout(h, dropout, dropout > 0)

    x = _norm(x, weights["model.norm.weight"], shape.epsilon)
    return x @ weights["model.embed_tokens.weight"].T


def _norm(x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    return functional.rms_norm(x, weight.shape, weight, epsilon)


def _split(x: Tensor, shape: Shape) -> Tensor:
    """(batch, length, hidden) to (batch, heads, length, head)."""
    return x.unflatten(-1, (shape.heads, shape.head)).transpose(1, 2)


def _rotations(shape: Shape, length: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines of the rotary embedding, each (length, head / 2)."""
    frequencies = shape.rope_base ** (-torch.arange(0, shape.head, 2, dtype=torch.float32) / shape.head)
    angles = torch.arange(length, dtype=torch.float32)[:, None] * frequencies
    return angles.cos(), angles.sin()


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate the two halves of each head against each other, as Llama does."""
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)
