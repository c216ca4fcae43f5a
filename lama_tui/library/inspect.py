"""What a model folder holds, from `config.json`, the model card and the weights' headers.

The files come from anywhere: whatever is wrong with them ends as `problem`, a short reason that
people can read, and never as an exception. Blocks on disk: call it in a thread.
"""

import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lama_tui.library import parameters
from lama_tui.library.safetensors import DamagedFileError, Tensor, read_header

_CONFIG_LIMIT = 16 * 1024**2  # bytes
_CARD_LIMIT = 64 * 1024  # the front matter comes first
_CONTEXT_KEYS = ("max_position_embeddings", "n_positions", "max_seq_len", "max_sequence_length", "seq_length", "n_ctx")
_TOKENIZERS = re.compile(r"tokenizer\.(json|model)|vocab\.(json|txt)|.*\.(model|tiktoken)|tokenizer_config\.json")
_TORCH = re.compile(r".*\.(bin|pt|pth)")
# these read text and write none; asking them for an answer can only fail
_NOT_WRITERS = re.compile(
    r".*For(MaskedLM|SequenceClassification|TokenClassification|QuestionAnswering|ImageClassification|CTC)"
    r"|(Bert|Roberta|XLMRoberta|DistilBert|MPNet|CLIP|Siglip|ViT|NomicBert|ModernBert)Model"
)


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a folder holds. `size` and `weights` in bytes, `context` in tokens; None is unknown.

    `problem` says why it cannot be used, and is empty for a model that can.
    """

    format: str | None = None
    architecture: str | None = None
    params: int | None = None
    bits: int | None = None
    size: int = 0
    weights: int = 0
    context: int | None = None
    license: str | None = None
    problem: str = ""


def inspect_folder(folder: Path) -> Inspection:
    """Look into `folder`. Never raises: what is wrong is the value's `problem`."""
    try:
        return _inspect(folder)
    except OSError as error:
        return Inspection(problem=f"cannot be read: {error.strerror or error}")
    except ValueError:  # a NUL or an undecodable name
        return Inspection(problem="cannot be read: the name is not a path")


def _inspect(folder: Path) -> Inspection:
    files = dict(_files(folder))
    size = sum({(status.st_dev, status.st_ino): status.st_size for status in files.values() if status}.values())
    config, config_problem = _config(folder)
    shards = sorted(name for name in files if re.fullmatch(r"model.*\.safetensors", name))
    tensors, made_by, problem = _weights(folder, shards)
    params, bits = parameters.count(tensors, config)
    return Inspection(
        format=_format(files, shards, made_by, config),
        architecture=_architecture(config),
        params=params,
        bits=bits,
        size=size,
        weights=sum(status.st_size for name in shards if (status := files[name])),
        context=_context(config),
        license=_license(folder),
        problem=_unusable(files, shards, config, config_problem) or problem or _missing_shards(folder, shards),
    )


def _files(folder: Path) -> Iterator[tuple[str, os.stat_result | None]]:
    """Every file by its path in `folder`; None for a link to nothing (a download that was cut off)."""
    for base, _, names in os.walk(folder, onerror=_raise):
        for name in names:
            path = Path(base, name)
            try:
                status = path.stat()
            except OSError:
                yield str(path.relative_to(folder)), None
            else:
                if stat.S_ISREG(status.st_mode):
                    yield str(path.relative_to(folder)), status


def _raise(error: OSError) -> None:
    raise error


def _read(path: Path, limit: int) -> bytes | None:
    """The first `limit` bytes of a regular file; None where there is none."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return file.read(limit)


def _config(folder: Path) -> tuple[Mapping[str, Any], str]:
    """`config.json` and what is wrong with it."""
    raw = _read(folder / "config.json", _CONFIG_LIMIT)
    if raw is None:
        return {}, "config.json is missing"
    try:
        config = json.loads(raw)
    except (ValueError, RecursionError):
        return {}, "config.json is not valid JSON"
    if not isinstance(config, dict):
        return {}, "config.json is not an object"
    return config, ""


def _weights(folder: Path, shards: list[str]) -> tuple[Mapping[str, Tensor], str, str]:
    """The tensors of all shards, the tool that wrote them, and what is wrong with them."""
    tensors: dict[str, Tensor] = {}
    made_by = ""
    for name in shards:
        try:
            header = read_header(folder / name)
        except FileNotFoundError:
            return {}, made_by, f"{name} was not downloaded completely"
        except DamagedFileError as error:
            return {}, made_by, f"{name} {error}"
        tensors.update(header.tensors)
        made_by = header.made_by or made_by
    return tensors, made_by, ""


def _missing_shards(folder: Path, shards: list[str]) -> str:
    """Compare with `model.safetensors.index.json`, where there is one."""
    raw = _read(folder / "model.safetensors.index.json", _CONFIG_LIMIT)
    if raw is None:
        return ""
    try:
        index = json.loads(raw)
        wanted = {name for name in index["weight_map"].values() if isinstance(name, str)}
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
        return "model.safetensors.index.json is damaged"
    missing = wanted - set(shards)
    return f"{len(missing)} of {len(wanted)} weight files are missing" if missing else ""


def _unusable(
    files: Mapping[str, os.stat_result | None], shards: list[str], config: Mapping[str, Any], config_problem: str
) -> str:
    if not files:
        return "the folder is empty"
    if "model_index.json" in files:
        return "an image model: only language models can be used"
    if not shards:
        if any(name.endswith(".gguf") for name in files):
            return "GGUF: this version runs MLX models only"
        if any(_TORCH.fullmatch(name) for name in files):
            return "PyTorch weights: only safetensors can be used"
    if config_problem:
        return config_problem
    if not shards:
        return "there are no weights (model*.safetensors)"
    if not isinstance(config.get("model_type"), str):
        return "config.json does not say its model_type"
    if "model_file" in config:
        return "it wants to run its own program, which lama never does"
    names = config.get("architectures")
    if isinstance(names, list) and names and all(isinstance(n, str) and _NOT_WRITERS.fullmatch(n) for n in names):
        return "it does not write text"
    if not any(_TOKENIZERS.fullmatch(name) for name, status in files.items() if status):
        return "there is no tokenizer"
    return ""


def _format(files: Mapping[str, object], shards: list[str], made_by: str, config: Mapping[str, Any]) -> str | None:
    if shards:
        return "mlx" if made_by == "mlx" or isinstance(config.get("quantization"), dict) else "safetensors"
    if any(name.endswith(".gguf") for name in files):
        return "gguf"
    if any(_TORCH.fullmatch(name) for name in files):
        return "pytorch"
    return None


def _architecture(config: Mapping[str, Any]) -> str | None:
    """`model_type`, the name that decides which code runs it; else the first of `architectures`."""
    names = config.get("architectures")
    for found in (config.get("model_type"), names[0] if isinstance(names, list) and names else None):
        if isinstance(found, str) and found:
            return found
    return None


def _context(config: Mapping[str, Any]) -> int | None:
    """The context window in tokens; multimodal models keep it in `text_config`."""
    text = config.get("text_config")
    for part in (config, text if isinstance(text, dict) else {}):
        for key in _CONTEXT_KEYS:
            value = part.get(key)
            if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**40:
                return value
    return None


def _license(folder: Path) -> str | None:
    """`license:` of the model card's front matter; `license_name:` where that says only "other"."""
    raw = _read(folder / "README.md", _CARD_LIMIT)
    front = re.match(r"---\r?\n(.*?)\n---", raw.decode("utf-8", "replace"), re.DOTALL) if raw else None
    if front is None:
        return None
    said = dict(re.findall(r"^(license|license_name):[ \t]*[\"']?([^\s\"'\[\]#]{1,80})", front[1], re.MULTILINE))
    license_name = said.get("license")
    return said.get("license_name", license_name) if license_name in (None, "other") else license_name
