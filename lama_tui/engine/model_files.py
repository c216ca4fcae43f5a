"""Checks the folder of an MLX model before anything is loaded from it.

What can be seen from names, sizes and headers is told here, in words; reading the weights is
left to MLX. Nothing in the folder is run by this. The title of each error says in a few words why
the folder cannot be used: lists of models show it as it is.
"""

import json
import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from lama_tui.engine.backend import ModelSource
from lama_tui.engine.fit import KeyValueShape, computed_width, key_value_shape
from lama_tui.engine.model_code import ModelCode, model_code
from lama_tui.engine.safetensors import Header, read_header
from lama_tui.errors import ModelError, ModelFormatError, ModelLoadError, ModelNotFoundError
from lama_tui.types import GUIDE

GET_MLX = "Choose a model in MLX format, for example one from mlx-community on the hub."
GET_AGAIN = "Get the model again."

_WEIGHTS = "model*.safetensors"  # what MLX looks for
INDEX = "model.safetensors.index.json"
"""Names the weight files of a model that has several."""
TOKENIZERS = ("tokenizer.json", "*.model", "*.tiktoken", "vocab.json", "vocab.txt")
"""Files that a tokenizer is read from, any of them."""
_OTHER_WEIGHTS = {
    "*.gguf": "GGUF",
    "*.bin": "PyTorch",
    "*.pt": "PyTorch",
    "*.pth": "PyTorch",
    "*.h5": "TensorFlow",
    "*.msgpack": "Flax",
    "*.onnx": "ONNX",
    "*.npz": "NPZ",
}
_WINDOW_KEYS = ("max_position_embeddings", "n_positions", "max_seq_len", "max_sequence_length", "n_ctx", "seq_length")
# these read text and write none; asking them for an answer can only fail
_NOT_WRITERS = re.compile(
    r".*For(MaskedLM|SequenceClassification|TokenClassification|QuestionAnswering|ImageClassification|CTC)"
    r"|(Bert|Roberta|XLMRoberta|DistilBert|MPNet|CLIP|Siglip|ViT|NomicBert|ModernBert)Model"
)
_JSON_LIMIT = 64 * 1024**2  # bytes


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A folder that looks like a whole MLX model. `headers` are those of its weight files, `code` is what it brings."""

    folder: Path
    config: Mapping[str, Any]
    generation_config: Mapping[str, Any]
    model_type: str
    headers: tuple[Header, ...]
    context_window: int | None
    code: ModelCode | None = None

    @property
    def weights(self) -> int:
        """Bytes of tensors in its files."""
        return sum(header.data for header in self.headers)

    @property
    def kv(self) -> KeyValueShape | None:
        """What its KV cache keeps of a token, None where the architecture keeps something else."""
        tensors = {name: tensor for header in self.headers for name, tensor in header.tensors.items()}
        return key_value_shape(self.config, computed_width(tensors))


def check_folder(source: ModelSource) -> ModelFiles:
    """Look at a model's files. Raises a `ModelError` that says what is wrong with them."""
    folder = Path(source.folder)
    try:
        _check_place(source, folder)
        names = [entry.name for entry in folder.iterdir()]
        _check_names(folder, names)
        config = read_json(folder / "config.json")
        model_type = _model_type(folder, config)
        _check_purpose(folder, config)
        code = model_code(folder, config)
        shards = _shards(folder, names)
        if not any(fnmatchcase(name, known) for name in names for known in TOKENIZERS):
            raise ModelFormatError(
                "There is no tokenizer", f"{folder} holds none of {', '.join(TOKENIZERS)}.", GET_AGAIN
            )
        headers = tuple(read_header(folder / shard) for shard in shards)
        window = context_window(config)
        return ModelFiles(folder, config, _generation_config(folder), model_type, headers, window, code)
    except OSError as error:
        file = Path(str(error.filename or folder))
        raise ModelLoadError(
            f"{file.name[:80]} cannot be read: {error.strerror or error}",
            f"{source.reference} needs {file}.",
            "Check the permissions of the folder and the disk.",
        ) from error


def read_code(folder: Path) -> ModelCode | None:
    """The program that the model in `folder` brings, as it is now; None without one. Raises a `ModelError`."""
    try:
        return model_code(folder, read_json(folder / "config.json"))
    except OSError as error:
        raise ModelLoadError(
            "Its program cannot be read", f"{folder}: {error.strerror or error}.", GET_AGAIN
        ) from error


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises `ModelFormatError`, `OSError`."""
    if not os.path.lexists(path):
        raise ModelFormatError(f"{path.name} is missing", f"{path.parent} has no {path.name}.", GET_MLX)
    if not path.is_file():
        raise ModelFormatError(f"{path.name} is not a file", f"{path} is a folder, a pipe or leads nowhere.", GET_AGAIN)
    with path.open("rb") as file:
        raw = file.read(_JSON_LIMIT)
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ModelFormatError(f"{path.name} is not valid JSON", f"{path}: {error}.", GET_AGAIN) from error
    if not isinstance(value, dict):
        raise ModelFormatError(f"{path.name} is not an object", f"{path} does not hold a table of values.", GET_AGAIN)
    return value


def context_window(config: Mapping[str, Any]) -> int | None:
    """The context window in tokens, where `config.json` states it; multimodal models do so in `text_config`."""
    text_config = config.get("text_config")
    for values in (config, text_config if isinstance(text_config, dict) else {}):
        for key in _WINDOW_KEYS:
            value = values.get(key)
            if type(value) is int and 0 < value < 2**40:
                return value
    return None


def weight_files(names: Collection[str]) -> list[str]:
    """Those of a folder's file names that MLX takes for its weights, in order."""
    return sorted(name for name in names if fnmatchcase(name, _WEIGHTS))


def other_format(names: Collection[str]) -> str:
    """The name of a format that some of these files have and MLX does not load; empty where there is none."""
    found = (what for known, what in _OTHER_WEIGHTS.items() if any(fnmatchcase(name, known) for name in names))
    return next(found, "")


def _check_place(source: ModelSource, folder: Path) -> None:
    if source.reference == GUIDE and not (folder / "config.json").is_file():
        raise ModelNotFoundError(
            "The built-in model is not in this installation",
            f"{folder} holds no model.",
            "Install lama again, or choose another model.",
        )
    if folder.is_dir():
        return
    if folder.exists():
        raise ModelFormatError(f"{source.reference} is a file", f"{folder} is not a folder of model files.", GET_MLX)
    raise ModelNotFoundError(
        f"There is no model {source.reference}", f"The folder {folder} does not exist.", "Choose another one."
    )


def _check_names(folder: Path, names: Collection[str]) -> None:
    """Refuse what is another kind of model altogether: saying what is missing would miss the point."""
    if not names:
        raise ModelFormatError("The folder is empty", f"{folder} holds no files.", GET_AGAIN)
    if "model_index.json" in names:
        raise ModelFormatError(
            "It is an image model: only language models can be used", f"{folder} has a model_index.json.", GET_MLX
        )
    deeper = (name for _, _, inside in os.walk(folder) for name in inside)
    if not weight_files(names) and (other := other_format(tuple(deeper))):
        raise ModelFormatError(
            f"{other} weights: this version runs MLX models only", f"{folder} has no {_WEIGHTS}.", GET_MLX
        )


def _model_type(folder: Path, config: Mapping[str, Any]) -> str:
    model_type = config.get("model_type")
    if not isinstance(model_type, str) or not model_type:
        raise ModelFormatError(
            "config.json does not say its model_type", f"{folder} is not the folder of an MLX model.", GET_MLX
        )
    return model_type


def _check_purpose(folder: Path, config: Mapping[str, Any]) -> None:
    names = config.get("architectures")
    if isinstance(names, list) and names and all(isinstance(n, str) and _NOT_WRITERS.fullmatch(n) for n in names):
        raise ModelFormatError(
            "It does not write text", f"config.json in {folder} says that it is a {names[0][:80]}.", GET_MLX
        )


def _shards(folder: Path, names: Collection[str]) -> list[str]:
    """The weight files. Raises `ModelFormatError` where some are missing."""
    shards = weight_files(names)
    if not shards:
        raise ModelFormatError(f"There are no weights ({_WEIGHTS})", f"{folder} holds no such file.", GET_MLX)
    lost = next((shard for shard in shards if not (folder / shard).exists()), None)
    if lost is not None:
        raise ModelFormatError(
            f"{lost} was not downloaded completely", f"{folder / lost} is a link that leads nowhere.", GET_AGAIN
        )
    if INDEX in names:
        wanted = indexed_files(folder / INDEX)
        if missing := sorted(wanted.difference(shards)):
            shown = ", ".join(missing[:3]) + (" …" if len(missing) > 3 else "")
            raise ModelFormatError(
                f"{len(missing)} of {len(wanted)} weight files are missing",
                f"{folder / INDEX} names {shown}.",
                "The download did not finish; get the model again.",
            )
    return shards


def indexed_files(index: Path) -> set[str]:
    """The weight files that an index names. Raises `ModelFormatError`, `OSError`."""
    weight_map = read_json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not all(isinstance(name, str) for name in weight_map.values()):
        raise ModelFormatError(f"{index.name} is damaged", f"{index} has no table of weight files.", GET_AGAIN)
    return set(weight_map.values())


def _generation_config(folder: Path) -> dict[str, Any]:
    """The model's own defaults; a model without them, or with damaged ones, has none."""
    try:
        return read_json(folder / "generation_config.json")
    except ModelError:
        return {}
