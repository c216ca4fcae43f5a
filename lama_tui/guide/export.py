"""Write the guide as a folder that mlx-lm loads."""

import json
from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor

from lama_tui.guide import tokenizer as speech
from lama_tui.guide.corpus import digest
from lama_tui.guide.model import Shape, Weights

CONTEXT = 512


def export(
    folder: Path, weights: Mapping[str, Tensor], shape: Shape, tokenizer: Tokenizer, seed: int, steps: int
) -> None:
    """Replace the files in `folder`: weights in fp32, configuration, tokenizer, where they come from."""
    folder.mkdir(parents=True, exist_ok=True)
    end = speech.special_id(tokenizer, speech.END)
    tensors = {name: weight.contiguous() for name, weight in weights.items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "mlx"})
    tokenizer.save(str(folder / "tokenizer.json"))
    _write(
        folder / "config.json",
        {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "vocab_size": tokenizer.get_vocab_size(),
            "hidden_size": shape.hidden,
            "intermediate_size": shape.mlp,
            "num_hidden_layers": shape.layers,
            "num_attention_heads": shape.heads,
            "num_key_value_heads": shape.heads,
            "head_dim": shape.head,
            "rms_norm_eps": shape.epsilon,
            "rope_theta": shape.rope_base,
            "max_position_embeddings": CONTEXT,
            "tie_word_embeddings": True,
            "attention_bias": False,
            "mlp_bias": False,
            "hidden_act": "silu",
            "eos_token_id": end,
            "torch_dtype": "float32",
        },
    )
    _write(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "eos_token": speech.END,
            "pad_token": speech.END,
            "additional_special_tokens": [speech.USER, speech.ASSISTANT],
            "model_max_length": CONTEXT,
            "clean_up_tokenization_spaces": False,
            "chat_template": speech.CHAT_TEMPLATE,
        },
    )
    _write(folder / "generation_config.json", {"eos_token_id": end, "do_sample": False, "temperature": 0.0})
    _write(folder / "training.json", {"answers_sha256": digest(), "seed": seed, "steps": steps})


def load(folder: Path) -> tuple[Weights, Shape, Tokenizer]:
    """What `export` wrote, to train on."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    shape = Shape(
        config["vocab_size"],
        config["hidden_size"],
        config["num_hidden_layers"],
        config["num_attention_heads"],
        config["intermediate_size"],
        config["rope_theta"],
        config["rms_norm_eps"],
    )
    weights = {name: weight.requires_grad_() for name, weight in load_file(folder / "model.safetensors").items()}
    return weights, shape, Tokenizer.from_file(str(folder / "tokenizer.json"))


def _write(file: Path, content: Mapping[str, object]) -> None:
    file.write_text(json.dumps(content, indent=2, ensure_ascii=True) + "\n", encoding="utf-8")
