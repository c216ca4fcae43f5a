"""Loads an MLX model folder and holds what is needed to answer with it.

Weights are not memory-mapped: `mx.load` reads only the header, and each tensor is copied with
`pread` into a buffer of MLX's allocator when it is first evaluated (measured on CPU: nothing
of the file in `/proc/self/maps`, resident memory grows by the tensors' size; the same code
reads for Metal and CUDA). Evaluating tensor by tensor therefore is reading the file, which
makes progress exact and lets a load be cancelled between two pieces.

Import only in the engine thread: everything here needs MLX.
"""

import gc
import importlib
import os
import sys
import time
from collections.abc import Callable, Mapping, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lama_tui.engine.architectures import supported
from lama_tui.engine.backend import ModelSource
from lama_tui.engine.failures import is_out_of_memory
from lama_tui.engine.model_code import KEY, ModelCode, classes, contained
from lama_tui.engine.model_files import GET_MLX, ModelFiles
from lama_tui.engine.parts import draft_files
from lama_tui.engine.prompt import PLAIN_STOP, ControlTokens
from lama_tui.errors import LamaError, ModelFormatError, ModelLoadError, OutOfMemoryError

PIECE = 64 * 1024**2
"""Bytes that are read between two looks at whether the load was cancelled."""


@dataclass(slots=True)
class MlxModel:
    """A model in memory. `template` is the Jinja source, None where it brings none.

    `context_window` is how many tokens of a prompt it takes here, `longest` how many it can count in all.
    """

    source: ModelSource
    network: Any
    tokenizer: Any
    generation_config: Mapping[str, Any]
    context_window: int | None
    weights: int
    template: str | None
    control: ControlTokens
    special: Mapping[str, str]
    """`bos_token` and its like, which templates may use."""
    stops: tuple[str, ...]
    """Strings that end an answer, besides the end-of-text tokens."""
    seconds: float
    longest: int | None
    draft: Any = None
    """The network of a model that drafts answers, None without one."""


def load(source: ModelSource, files: ModelFiles, progress: Callable[[int, int], None]) -> MlxModel:
    """Read weights and tokenizer. Raises a `ModelError`, and what `progress(done, total)` raises.

    Progress is in bytes of the weights.
    """
    started = time.perf_counter()
    _import_in_pieces(lambda: progress(0, files.weights))
    try:
        network = _network(source, files)
        draft = _draft(source, network) if source.draft else None
        if source.adapter:
            _adapt(network, source.adapter)
        weights = _read(network, progress)
        if draft is not None:
            weights += _read(draft, lambda *_: progress(files.weights, files.weights))
    except (MemoryError, RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _explain(source, error) from error
    progress(weights, weights)
    tokenizer = _tokenizer(files, source.tokenizer)
    if source.draft or source.tokenizer:
        _check_vocabularies(source, files, tokenizer)
    template = _template(tokenizer)
    return MlxModel(
        source,
        network,
        tokenizer,
        files.generation_config,
        files.context_window,
        weights,
        template,
        ControlTokens(_control_tokens(tokenizer, template)),
        {name: token for name, token in tokenizer.special_tokens_map.items() if isinstance(token, str)},
        _stops(files.generation_config, asked_plainly=not tokenizer.has_chat_template),
        seconds=time.perf_counter() - started,
        longest=files.context_window,
        draft=draft,
    )


def _import_in_pieces(between: Callable[[], None]) -> None:
    """Import the loader; it takes a second or two, so look between its parts whether to go on."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")  # its advice on stderr would tear the screen
    modules = ("transformers", "transformers.models.auto.tokenization_auto", "mlx_lm.utils", "mlx_lm.generate")
    if modules[-1] in sys.modules:
        return
    for module in modules:
        between()
        try:
            importlib.import_module(module)
        except (ImportError, ValueError, OSError) as error:
            raise ModelLoadError(
                "The MLX runtime could not be started", f"Importing {module}: {error}.", "Run `lama doctor`."
            ) from error
    # half a million objects that never go away: without this every full collection stops the screen for them.
    # Once only, before any model: what is frozen is not collected, and a model must be.
    gc.freeze()


def _network(source: ModelSource, files: ModelFiles) -> Any:
    """The model's layers with weights that are still to be read. Raises `ModelFormatError` and foreign errors."""
    from mlx_lm import utils

    if files.code is not None:
        return _own_network(source, files, files.code)
    if not supported(files.model_type):
        detail = f"Its config.json says model_type {files.model_type[:80]!r}, unknown to this mlx-lm."
        if "auto_map" in files.config:
            detail += " It brings code of its own for PyTorch, which MLX cannot run."
        raise ModelFormatError("This kind of model is not supported", detail, GET_MLX)
    network, _ = utils.load_model(files.folder, lazy=True, trust_remote_code=False)
    return network


def _own_network(source: ModelSource, files: ModelFiles, code: ModelCode) -> Any:
    """The layers as the model's own program makes them. It is run here: mlx-lm would read the file once more."""
    from mlx_lm import utils
    from mlx_lm.models.cache import make_prompt_cache

    model, arguments = classes(source, code)
    try:
        made = contained(model), arguments
        network, _ = utils.load_model(
            files.folder,
            lazy=True,
            model_config={KEY: None},
            get_model_classes=lambda config: made,
            trust_remote_code=False,
        )
        if not isinstance(network.layers, Sized) or not isinstance(make_prompt_cache(network), list):
            raise TypeError("it has no list of layers, or of what they remember")  # which the first answer would miss
    except (Exception, SystemExit) as error:  # what a stranger wrote raises anything
        if isinstance(error, Exception) and is_out_of_memory(error):
            raise
        raise ModelLoadError(
            "The model's own program failed", f"{type(error).__name__}: {str(error)[:300]}", GET_MLX
        ) from error
    return network


def _read(network: Any, progress: Callable[[int, int], None]) -> int:
    """Evaluate the parameters in pieces; returns their bytes."""
    import mlx.core as mx
    from mlx.utils import tree_flatten

    arrays = [array for _, array in tree_flatten(network.parameters())]
    total: int = sum(array.nbytes for array in arrays)
    done = waiting = 0
    piece: list[Any] = []
    for array in arrays:
        piece.append(array)
        waiting += array.nbytes
        if waiting >= PIECE:
            mx.eval(piece)
            done, waiting, piece = done + waiting, 0, []
            progress(done, total)
    mx.eval(piece)
    return total


def _adapt(network: Any, folder: str) -> None:
    """Add the layers of an adapter. Raises `ModelFormatError` where they do not fit."""
    from mlx_lm.tuner.utils import load_adapters

    try:
        load_adapters(network, folder)
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise ModelFormatError(
            "The adapter was not made for this model",
            f"{folder}: {type(error).__name__}: {str(error)[:300]}",
            "Use an adapter of this model.",
        ) from error
    network.eval()  # else its new layers would drop out numbers, as they do in training


def _draft(source: ModelSource, network: Any) -> Any:
    """The network of the draft model, still to be read. Raises `ModelFormatError` where it cannot draft."""
    from mlx_lm.models.cache import KVCache, make_prompt_cache

    draft = _network(source, draft_files(source))
    for each in (network, draft):
        layers = make_prompt_cache(each)
        if not all(type(layer) is KVCache for layer in layers) or len(layers) != len(each.layers):
            raise ModelFormatError(
                f"{source.reference} cannot work with a draft",
                "What one of the two models remembers cannot be taken back where a draft was wrong.",
                "Use models of plain attention, or no draft.",
            )
    return draft


def _check_vocabularies(source: ModelSource, files: ModelFiles, tokenizer: Any) -> None:
    """Raises `ModelFormatError` where the draft model, or the model itself, has other tokens than the tokenizer."""
    vocabulary = tokenizer.get_vocab()
    size = files.config.get("vocab_size")
    if source.tokenizer and isinstance(size, int) and max(vocabulary.values(), default=0) >= size:
        raise ModelFormatError(
            "The tokenizer was not made for this model",
            f"{source.tokenizer} has {max(vocabulary.values()) + 1:,} tokens, the model {size:,}.",
            "Name another tokenizer folder, or none.",
        )
    if source.draft and _tokenizer(draft_files(source)).get_vocab() != vocabulary:
        raise ModelFormatError(
            f"{source.draft} cannot draft for {source.reference}",
            "It has another tokenizer: its tokens mean something else.",
            "Use a smaller model of the same family as the draft.",
        )


def _tokenizer(files: ModelFiles, folder: str = "") -> Any:
    from mlx_lm.utils import load_tokenizer

    try:
        # never its code, never the network: both would otherwise be asked for, on stdin and by default
        options = {"trust_remote_code": False, "local_files_only": True}
        ends = files.generation_config.get("eos_token_id") or files.config.get("eos_token_id")
        return load_tokenizer(Path(folder or files.folder), options, eos_token_ids=ends)
    except Exception as error:  # tokenizers raises bare Exception
        if "trust_remote_code" in str(error):
            raise ModelFormatError(
                "Its tokenizer is a program of its own, which lama never runs",
                f"tokenizer_config.json in {folder or files.folder} names it (auto_map).",
                "Choose another model, or load it with a tokenizer folder that needs no program (`--tokenizer`).",
            ) from error
        raise ModelFormatError(
            "The model's tokenizer cannot be read",
            f"{folder or files.folder}: {type(error).__name__}: {str(error)[:300]}.",
            "Get the model again, or choose another one.",
        ) from error


def _template(tokenizer: Any) -> str | None:
    """The Jinja source that the tokenizer brings; where there are several, the one for chat."""
    template = tokenizer.chat_template
    if isinstance(template, dict):
        template = template.get("default")
    return template if isinstance(template, str) and template.strip() else None


def _control_tokens(tokenizer: Any, template: str | None) -> set[str]:
    """What the tokenizer reads as control: special tokens, and added ones that the template writes."""
    written = (template or "") + (tokenizer.think_start or "") + (tokenizer.think_end or "")
    return set(tokenizer.all_special_tokens) | {
        token.content
        for token in tokenizer.added_tokens_decoder.values()
        if token.special or (token.content.strip() and token.content in written)
    }


def _stops(generation_config: Mapping[str, Any], asked_plainly: bool) -> tuple[str, ...]:
    """The model's own stop strings, and the end of the plain form where that is used."""
    own = generation_config.get("stop_strings")
    named = [own] if isinstance(own, str) else own if isinstance(own, list) else []
    return (*(stop for stop in named if isinstance(stop, str) and stop), *([PLAIN_STOP] if asked_plainly else []))


def _explain(source: ModelSource, error: Exception) -> LamaError:
    """Translate what MLX raised while loading."""
    text = str(error)
    if is_out_of_memory(error):
        return OutOfMemoryError(
            f"{source.reference} does not fit in memory", text[:300], "Choose a smaller model or quantization."
        )
    if isinstance(error, RuntimeError):
        return ModelLoadError(f"{source.reference} could not be loaded", text[:300], "Get the model again.")
    what = "The weights and config.json do not describe the same model"
    return ModelFormatError(what, f"{source.folder}: {type(error).__name__}: {text[:300]}", "Get the model again.")
