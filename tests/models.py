"""Makes tiny MLX models, from nothing but the standard library, so that they are there in milliseconds.

`make_tiny_llama` has random weights and babbles printable ASCII for as long as it may.
`make_reciter` says exactly what it is told to say, token by token, by a real forward pass.
Both have a byte-level tokenizer and a chat template.
"""

import json
import random
from array import array
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

SPECIALS = ("<|end|>", "<|user|>", "<|assistant|>", "<|system|>")
TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message.role + '|>' + message.content + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
BYTES = 256
END = BYTES
"""The id of `<|end|>`, the end of an answer."""
ASSISTANT = BYTES + SPECIALS.index("<|assistant|>")


def byte_symbols() -> list[str]:
    """The character that stands for each byte in a byte-level vocabulary, by byte."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = iter(range(0x100, 0x200))
    return [chr(byte) if byte in plain else chr(next(others)) for byte in range(256)]


def make_tiny_llama(
    folder: Path,
    *,
    hidden: int = 32,
    layers: int = 2,
    heads: int = 4,
    window: int = 4096,
    seed: int = 1,
    template: str | None = TEMPLATE,
    config: Mapping[str, Any] | None = None,
    generation_config: Mapping[str, Any] | None = None,
) -> Path:
    """A Llama with random weights that never ends by itself when it is greedy: ask for few tokens."""
    chance = random.Random(seed)
    vocabulary = BYTES + len(SPECIALS)

    def normal(count: int, deviation: float) -> array:
        return array("f", (chance.gauss(0.0, deviation) for _ in range(count)))

    tensors: dict[str, tuple[list[int], array]] = {
        "model.embed_tokens.weight": ([vocabulary, hidden], normal(vocabulary * hidden, 1.0)),
        "model.norm.weight": ([hidden], array("f", [1.0] * hidden)),
    }
    for layer in range(layers):
        for name, shape in _layer_shapes(hidden).items():
            size = shape[0] * shape[1]
            tensors[f"model.layers.{layer}.{name}.weight"] = (shape, normal(size, hidden**-0.5))
    head = normal(vocabulary * hidden, 1.0)
    for token in range(vocabulary):
        if not 0x20 <= token < 0x7F:  # only printable characters are ever the most likely
            head[token * hidden : (token + 1) * hidden] = array("f", [0.0] * hidden)
    tensors["lm_head.weight"] = ([vocabulary, hidden], head)
    _write(folder, tensors, hidden, layers, heads, window, template, (), config, generation_config)
    return folder


def make_reciter(
    folder: Path,
    pieces: Sequence[str],
    *,
    window: int = 4096,
    template: str | None = TEMPLATE,
    specials: Sequence[str] = (),
    after: str = "",
    config: Mapping[str, Any] | None = None,
    generation_config: Mapping[str, Any] | None = None,
) -> Path:
    """A Llama that answers every question with `pieces`, then `<|end|>`.

    It begins after `<|assistant|>`, or after the character `after` where that is given.

    Each piece is a token of its own, so all must differ and have two characters or more; those in
    `specials` are special tokens.
    Its layers add nothing; the embedding is one-hot and the head maps each token to its follower.
    """
    assert len(set(pieces)) == len(pieces)
    assert all(len(piece) > 1 for piece in pieces), "single characters are in the vocabulary already"
    first = BYTES + len(SPECIALS)
    vocabulary = first + len(pieces)
    hidden = -(-vocabulary // 8) * 8  # four heads of an even size
    embedding = array("f", [0.0] * (vocabulary * hidden))
    head = array("f", embedding)
    for token in range(vocabulary):
        embedding[token * hidden + token] = 1.0
    chain = [ord(after) if after else ASSISTANT, *range(first, vocabulary), END]
    for before, after in pairwise(chain):
        head[after * hidden + before] = 1.0
    tensors = {
        "model.embed_tokens.weight": ([vocabulary, hidden], embedding),
        "model.norm.weight": ([hidden], array("f", [1.0] * hidden)),
        "lm_head.weight": ([vocabulary, hidden], head),
    }
    for name, shape in _layer_shapes(hidden, inner=4).items():
        tensors[f"model.layers.0.{name}.weight"] = (shape, array("f", [0.0] * (shape[0] * shape[1])))
    added = [{"content": piece, "special": piece in specials} for piece in pieces]
    _write(folder, tensors, hidden, 1, 4, window, template, added, config, generation_config, inner=4)
    return folder


def write_safetensors(path: Path, tensors: Mapping[str, tuple[list[int], array]]) -> None:
    """Write float32 tensors, name to (shape, values)."""
    header: dict[str, Any] = {"__metadata__": {"format": "mlx"}}
    at = 0
    for name, (shape, values) in tensors.items():
        size = len(values) * 4
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    raw = json.dumps(header).encode()
    raw += b" " * (-len(raw) % 8)
    with path.open("wb") as file:
        file.write(len(raw).to_bytes(8, "little") + raw)
        for _, values in tensors.values():
            file.write(values.tobytes())


def _layer_shapes(hidden: int, inner: int | None = None) -> dict[str, list[int]]:
    inner = hidden * 2 if inner is None else inner
    return {
        "self_attn.q_proj": [hidden, hidden],
        "self_attn.k_proj": [hidden, hidden],
        "self_attn.v_proj": [hidden, hidden],
        "self_attn.o_proj": [hidden, hidden],
        "mlp.gate_proj": [inner, hidden],
        "mlp.up_proj": [inner, hidden],
        "mlp.down_proj": [hidden, inner],
    }


def _write(
    folder: Path,
    tensors: dict[str, tuple[list[int], array]],
    hidden: int,
    layers: int,
    heads: int,
    window: int,
    template: str | None,
    added: Sequence[Mapping[str, Any]],
    config: Mapping[str, Any] | None,
    generation_config: Mapping[str, Any] | None,
    inner: int | None = None,
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for layer in range(layers):
        for norm in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"model.layers.{layer}.{norm}.weight"] = ([hidden], array("f", [1.0] * hidden))
    write_safetensors(folder / "model.safetensors", tensors)
    base = {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "hidden_size": hidden,
        "intermediate_size": hidden * 2 if inner is None else inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": heads,
        "rms_norm_eps": 1e-5,
        "vocab_size": BYTES + len(SPECIALS) + len(added),
        "max_position_embeddings": window,
        "tie_word_embeddings": False,
        "eos_token_id": END,
    }
    _write_json(folder / "config.json", base | dict(config or {}))
    if generation_config is not None:
        _write_json(folder / "generation_config.json", {"eos_token_id": END} | dict(generation_config))
    _write_tokenizer(folder, template, added)


def _write_tokenizer(folder: Path, template: str | None, added: Sequence[Mapping[str, Any]]) -> None:
    tokens = [{"content": special, "special": True} for special in SPECIALS] + [dict(token) for token in added]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    _write_json(
        folder / "tokenizer.json",
        {
            "version": "1.0",
            "added_tokens": [{"id": BYTES + at, **flags, **token} for at, token in enumerate(tokens)],
            "normalizer": None,
            "pre_tokenizer": level,
            "post_processor": None,
            "decoder": level,
            "model": {
                "type": "BPE",
                "vocab": {symbol: byte for byte, symbol in enumerate(byte_symbols())},
                "merges": [],
            },
        },
    )
    settings: dict[str, Any] = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|end|>"}
    if template is not None:
        settings["chat_template"] = template
    _write_json(folder / "tokenizer_config.json", settings)


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def make_coded(folder: Path) -> Path:
    """Let the Llama in `folder` bring its own program, which does what MLX would and makes the file `ran` beside it."""
    program = (
        "from pathlib import Path\n"
        "from mlx_lm.models.llama import Model, ModelArgs\n"
        "(Path(__file__).parent / 'ran').touch()\n"
    )
    (folder / "model.py").write_text(program, encoding="utf-8")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config |= {"model_type": "own", "model_file": "model.py"}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder
