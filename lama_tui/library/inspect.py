"""What a model folder holds, from `config.json`, the model card and the weights' headers.

The files come from anywhere: whatever is wrong with them ends as `problem`, a short reason that
people can read, and never as an exception. Blocks on disk: call it in a thread.
"""

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lama_tui.engine.backend import ModelSource
from lama_tui.engine.fit import KeyValueShape, computed_width, key_value_shape
from lama_tui.engine.model_files import check_folder, context_window, other_format, read_json, weight_files
from lama_tui.engine.safetensors import Header
from lama_tui.errors import ModelError
from lama_tui.library import parameters

_CARD_LIMIT = 64 * 1024  # bytes; the front matter comes first


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a folder holds. `size` and `weights` in bytes, `context` in tokens; None is unknown.

    `kv` is what its KV cache keeps of a token, None where the architecture keeps something else.
    `code` is the digest of the program that it brings and is asked about before it runs; empty: it brings none.
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
    kv: KeyValueShape | None = None
    code: str = ""
    problem: str = ""


def inspect_folder(folder: Path) -> Inspection:
    """Look into `folder`. Never raises: what is wrong is the value's `problem`."""
    try:
        return _inspect(folder)
    except OSError as error:
        return Inspection(problem=f"It cannot be read: {error.strerror or error}")
    except ValueError:  # a NUL or an undecodable name
        return Inspection(problem="It cannot be read: the name is not a path")


def _inspect(folder: Path) -> Inspection:
    files = dict(_files(folder))
    headers: tuple[Header, ...] = ()
    try:
        model = check_folder(ModelSource(str(folder), str(folder)))
    except ModelError as error:
        config, problem, code = _config(folder), error.title, ""
    else:
        config, problem, headers = model.config, "", model.headers
        code = model.code.digest if model.code is not None else ""
    tensors = {name: tensor for header in headers for name, tensor in header.tensors.items()}
    params, bits = parameters.count(tensors, config)
    shards = weight_files([name for name in files if Path(name).name == name])
    return Inspection(
        format=_format(files, shards, headers, config),
        architecture=architecture_of(config),
        params=params,
        bits=bits,
        size=sum({(status.st_dev, status.st_ino): status.st_size for status in files.values()}.values()),
        weights=sum(header.data for header in headers) or sum(files[name].st_size for name in shards),
        context=context_window(config),
        license=_license(folder),
        kv=key_value_shape(config, computed_width(tensors)),
        code=code,
        problem=problem,
    )


def _files(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Every regular file by its path in `folder`, links followed; not those that cannot be reached."""
    for base, _, names in os.walk(folder):
        for name in names:
            path = Path(base, name)
            try:
                status = path.stat()
            except OSError:  # a link to nothing, a folder that may not be searched
                continue
            if stat.S_ISREG(status.st_mode):
                yield str(path.relative_to(folder)), status


def _config(folder: Path) -> Mapping[str, Any]:
    """What `config.json` says of a model that cannot be used."""
    try:
        return read_json(folder / "config.json")
    except (ModelError, OSError):
        return {}


def _format(
    files: Mapping[str, object], shards: list[str], headers: tuple[Header, ...], config: Mapping[str, Any]
) -> str | None:
    if shards:
        made_by_mlx = any(header.made_by == "mlx" for header in headers)
        return "mlx" if made_by_mlx or isinstance(config.get("quantization"), dict) else "safetensors"
    return other_format(files).lower() or None


def architecture_of(config: Mapping[str, Any]) -> str | None:
    """`model_type`, the name that decides which code runs it; else the first of `architectures`."""
    names = config.get("architectures")
    for found in (config.get("model_type"), names[0] if isinstance(names, list) and names else None):
        if isinstance(found, str) and found:
            return found
    return None


def _license(folder: Path) -> str | None:
    """`license:` of the model card's front matter; `license_name:` where that says only "other"."""
    card = folder / "README.md"
    if not card.is_file():
        return None
    with card.open("rb") as file:
        text = file.read(_CARD_LIMIT).decode("utf-8", "replace")
    front = re.match(r"---\r?\n(.*?)\n---", text, re.DOTALL)
    if front is None:
        return None
    said = dict(re.findall(r"^(license|license_name):[ \t]*[\"']?([^\s\"'\[\]#]{1,80})", front[1], re.MULTILINE))
    license_name = said.get("license")
    return said.get("license_name", license_name) if license_name in (None, "other") else license_name
