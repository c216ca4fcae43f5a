"""Checks the folder of an MLX model before anything is loaded from it.

What can be seen from names, sizes and headers is told here, in words; reading the weights is
left to MLX. Nothing in the folder is ever run.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lama_tui.engine.backend import ModelSource
from lama_tui.engine.safetensors import check_header
from lama_tui.errors import ModelError, ModelFormatError, ModelLoadError, ModelNotFoundError
from lama_tui.types import GUIDE

TOKENIZERS = ("tokenizer.json", "tokenizer.model", "tiktoken.model", "vocab.json")
OTHER_WEIGHTS = {
    "*.gguf": "GGUF weights, which MLX does not load",
    "*.bin": "PyTorch weights",
    "*.pt": "PyTorch weights",
    "*.pth": "PyTorch weights",
    "*.h5": "TensorFlow weights",
    "*.msgpack": "Flax weights",
    "*.onnx": "ONNX weights",
    "*.npz": "weights in MLX's first format",
}
WINDOW_KEYS = ("max_position_embeddings", "n_positions", "max_seq_len", "max_sequence_length", "n_ctx", "seq_length")
GET_MLX = "Choose a model in MLX format, for example one from mlx-community on the hub."
GET_AGAIN = "Get the model again."


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A folder that looks like a whole MLX model. `weights` is bytes of tensors in its files."""

    folder: Path
    config: Mapping[str, Any]
    generation_config: Mapping[str, Any]
    model_type: str
    weights: int
    context_window: int | None


def check_folder(source: ModelSource) -> ModelFiles:
    """Look at a model's files. Raises a `ModelError` that says what is wrong with them."""
    folder = Path(source.folder)
    try:
        _check_place(source, folder)
        config = _read_json(folder / "config.json")
        model_type = _model_type(folder, config)
        weights = sum(check_header(shard) for shard in _shards(folder))
        if not any((folder / name).is_file() for name in TOKENIZERS):
            raise ModelFormatError(
                f"{source.reference} has no tokenizer", f"{folder} holds none of {', '.join(TOKENIZERS)}.", GET_AGAIN
            )
        return ModelFiles(folder, config, _generation_config(folder), model_type, weights, _window(config))
    except OSError as error:
        raise ModelLoadError(
            f"The files of {source.reference} cannot be read",
            f"{error.filename or folder}: {error.strerror or error}.",
            "Check the permissions of the folder and the disk.",
        ) from error


def _check_place(source: ModelSource, folder: Path) -> None:
    if source.reference == GUIDE and not (folder / "config.json").is_file():
        raise ModelNotFoundError(
            "The built-in model is not in this installation",
            f"{folder} holds no model.",
            "Install lama again, or choose another model (ctrl+l).",
        )
    if folder.is_dir():
        return
    if folder.exists():
        raise ModelFormatError(f"{source.reference} is a file", f"{folder} is not a folder of model files.", GET_MLX)
    raise ModelNotFoundError(
        f"There is no model {source.reference}", f"The folder {folder} does not exist.", "Choose another one (ctrl+l)."
    )


def _read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises `ModelFormatError`, `OSError`."""
    if not path.exists():
        raise _no_config(path.parent)
    try:
        value = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ModelFormatError(f"{path.name} cannot be read", f"{path} is not JSON: {error}.", GET_AGAIN) from error
    if not isinstance(value, dict):
        raise ModelFormatError(f"{path.name} cannot be read", f"{path} does not hold a table of values.", GET_AGAIN)
    return value


def _no_config(folder: Path) -> ModelError:
    found = _other_weights(folder)
    detail = f"{folder} has no config.json" + (f", but {found}." if found else ".")
    return ModelFormatError("This folder is not an MLX model", detail, GET_MLX)


def _model_type(folder: Path, config: Mapping[str, Any]) -> str:
    if "model_file" in config:
        raise ModelFormatError(
            "This model wants to run its own program",
            f"config.json in {folder} names {str(config['model_file'])[:80]!r} as code to run. "
            "Lama never runs code that comes with a model.",
            "Choose a model that MLX knows.",
        )
    model_type = config.get("model_type")
    if not isinstance(model_type, str) or not model_type:
        raise ModelFormatError(
            "This folder is not an MLX model", f"config.json in {folder} does not say its model_type.", GET_MLX
        )
    return model_type


def _shards(folder: Path) -> list[Path]:
    """The weight files, as MLX will look for them. Raises `ModelFormatError` where some are missing."""
    shards = sorted(folder.glob("model*.safetensors"))
    index = folder / "model.safetensors.index.json"
    if index.exists():
        weight_map = _read_json(index).get("weight_map")
        values = weight_map.values() if isinstance(weight_map, dict) else ()
        names = {name for name in values if isinstance(name, str)}
        missing = sorted(name for name in names if not (folder / name).is_file())
        if missing:
            shown = ", ".join(missing[:3]) + (" …" if len(missing) > 3 else "")
            raise ModelFormatError(
                "Some of the model's weights are missing",
                f"{len(missing)} of {len(names)} files that {index} names are not there: {shown}.",
                "The download did not finish; get the model again.",
            )
    lost = [shard.name for shard in shards if not shard.is_file()]
    if lost:
        raise ModelFormatError(
            "Some of the model's weights are missing", f"{folder}: {lost[0]} leads nowhere.", GET_AGAIN
        )
    if not shards:
        found = _other_weights(folder)
        raise ModelFormatError(
            "This folder has no MLX weights",
            f"{folder} has no model*.safetensors" + (f", but {found}." if found else "."),
            GET_MLX,
        )
    return shards


def _other_weights(folder: Path) -> str:
    return next((what for pattern, what in OTHER_WEIGHTS.items() if any(folder.glob(pattern))), "")


def _generation_config(folder: Path) -> dict[str, Any]:
    """The model's own defaults; a model without them, or with damaged ones, has none."""
    path = folder / "generation_config.json"
    if not path.exists():
        return {}
    try:
        return _read_json(path)
    except ModelFormatError:
        return {}


def _window(config: Mapping[str, Any]) -> int | None:
    """The context window in tokens, where the config states it."""
    text_config = config.get("text_config")
    for values in (config, text_config if isinstance(text_config, dict) else {}):
        for key in WINDOW_KEYS:
            value = values.get(key)
            if type(value) is int and value > 0:
                return value
    return None
