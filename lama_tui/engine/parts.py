"""What a model can be loaded with besides its own files: a draft model, an adapter, another tokenizer."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lama_tui.engine.backend import ModelSource
from lama_tui.engine.model_code import demand_trust
from lama_tui.engine.model_files import TOKENIZERS, check_folder, read_json
from lama_tui.engine.safetensors import read_header
from lama_tui.errors import ModelFormatError, ModelLoadError, ModelNotFoundError

ADAPTER_CONFIG, ADAPTER_WEIGHTS = "adapter_config.json", "adapters.safetensors"

_MLX_ADAPTER = "Use a folder that mlx_lm.lora wrote, made for this model."


def check_parts(source: ModelSource) -> int:
    """Look at the folders of what is added to a model; the bytes that they add. Raises a `ModelError`."""
    try:
        if source.tokenizer:
            _check_tokenizer(Path(source.tokenizer))
        added = _check_adapter(Path(source.adapter)) if source.adapter else 0
        return added + (draft_files(source).weights if source.draft else 0)
    except OSError as error:
        file = error.filename or source.adapter or source.tokenizer
        raise ModelLoadError(
            f"{Path(file).name[:80]} cannot be read: {error.strerror or error}", str(file), "Check its permissions."
        ) from error


def draft_files(source: ModelSource) -> Any:
    """The files of the draft model, checked. Raises a `ModelError`."""
    files = check_folder(ModelSource(source.draft, source.draft))
    demand_trust(source.draft, files.code, source.draft_code)
    return files


def stamp(source: ModelSource) -> str:
    """What tells one adapter or tokenizer from another: names, sizes and times of their files."""
    return "\n".join(line for folder in (source.adapter, source.tokenizer) for line in _stamps(folder))


def _stamps(folder: str) -> Iterator[str]:
    if folder:
        yield str(Path(folder).resolve())
        for path in sorted(Path(folder).iterdir()):
            status = path.stat()
            yield f"{path.name} {status.st_size} {status.st_mtime_ns}"


def _check_tokenizer(folder: Path) -> None:
    _check_place(folder, "tokenizer")
    if not any(next(folder.glob(known), None) for known in TOKENIZERS):
        raise ModelFormatError(
            "There is no tokenizer", f"{folder} holds none of {', '.join(TOKENIZERS)}.", "Name the folder that has it."
        )


def _check_adapter(folder: Path) -> int:
    """An adapter as `mlx_lm.lora` writes it; the bytes of its weights."""
    _check_place(folder, "adapter")
    config = read_json(folder / ADAPTER_CONFIG)
    weights = folder / ADAPTER_WEIGHTS
    if not weights.is_file():
        foreign = "peft_type" in config or (folder / "adapter_model.safetensors").exists()
        why = " It looks like an adapter for PyTorch (PEFT)." if foreign else ""
        raise ModelFormatError(f"{ADAPTER_WEIGHTS} is missing", f"{folder} has no such file.{why}", _MLX_ADAPTER)
    header = read_header(weights)
    if config.get("fine_tune_type", "lora") == "full":
        return header.data
    how = config.get("lora_parameters")
    layers = config.get("num_layers")
    if not isinstance(how, dict) or not {"rank", "scale", "dropout"} <= how.keys() or not isinstance(layers, int):
        raise ModelFormatError(
            f"{ADAPTER_CONFIG} does not say how the adapter was made",
            f"{folder / ADAPTER_CONFIG} needs num_layers, and rank, scale and dropout in lora_parameters.",
            _MLX_ADAPTER,
        )
    for name, tensor in header.tensors.items():
        if name.endswith(".lora_a") and tensor.shape[-1:] != (how["rank"],):
            raise ModelFormatError(
                f"{ADAPTER_WEIGHTS} and {ADAPTER_CONFIG} do not belong together",
                f"{name[:120]} has the shape {tuple(tensor.shape)}, where rank {how['rank']!r} is said.",
                _MLX_ADAPTER,
            )
    return header.data


def _check_place(folder: Path, what: str) -> None:
    if not folder.is_dir():
        raise ModelNotFoundError(f"There is no {what} there", f"{folder} is not a folder.", "Name another folder.")
