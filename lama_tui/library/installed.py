"""The models on this machine: the guide, the hub's cache and `data/models/`."""

import asyncio
import os
import re
from dataclasses import dataclass, fields, replace
from itertools import chain
from pathlib import Path

from lama_tui.engine.backend import ModelSource
from lama_tui.engine.fit import USUAL_CONTEXT, KeyValueShape, Machine, fit
from lama_tui.engine.machine import machine_memory as machine_memory
from lama_tui.errors import ModelFormatError, ModelNotFoundError
from lama_tui.library.gguf_models import GgufModel, gguf_model, gguf_models
from lama_tui.library.hub_cache import CachedRepo, bytes_begun, cached_repo, cached_repos, hub_cache_folder
from lama_tui.library.inspect import Inspection, inspect_folder
from lama_tui.paths import Paths, guide_weights
from lama_tui.types import GUIDE, ModelReference


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model on this machine. Bytes, tokens, bits a weight; None is unknown.

    `size` is what its files take on disk, `weights` what will be in memory. `fits` is for a
    conversation of usual length, in the memory that is free now; `kv` is what it keeps of a token. `code` is the digest
    of the program that it brings and that is asked about before it runs, empty: none; `trusted` that of the one
    which the person agreed to, where somebody looked. `problem` says why it cannot be used; empty: it can.
    `quantization` is that of GGUF as llama.cpp names it. `path` is the folder, or the file of a GGUF model that
    is not alone in one.
    """

    ref: str
    path: str
    revision: str | None = None
    format: str | None = None
    architecture: str | None = None
    params: int | None = None
    bits: int | None = None
    quantization: str | None = None
    size: int = 0
    weights: int = 0
    context: int | None = None
    license: str | None = None
    fits: bool | None = None
    kv: KeyValueShape | None = None
    code: str = ""
    trusted: str = ""
    problem: str = ""

    @property
    def usable(self) -> bool:
        """Whether it can be loaded, as far as its files tell."""
        return not self.problem


async def installed_models(paths: Paths) -> list[InstalledModel]:
    """All models here: the guide, then what can be used, then what cannot, each by name."""
    return await asyncio.to_thread(_list, paths)


async def describe(reference: str, paths: Paths) -> InstalledModel:
    """One model, whether it can be used or not. Raises `ModelNotFoundError`."""
    return await asyncio.to_thread(_describe, reference, paths)


async def resolve(reference: str, paths: Paths) -> ModelSource:
    """The folder to load for `reference`. Raises `ModelNotFoundError` or `ModelFormatError`."""
    return source_of(await describe(reference, paths))


def source_of(model: InstalledModel) -> ModelSource:
    """What to load for it, with what of its program is known to be trusted. Raises `ModelFormatError`."""
    if model.problem:
        raise ModelFormatError(f"{model.ref} cannot be used", model.problem, _remedy(model))
    return ModelSource(model.ref, model.path, code=model.trusted)


def _list(paths: Paths) -> list[InstalledModel]:
    available = _available_memory()
    guide, *others = [
        _guide(available),
        *chain.from_iterable(_from_hub(repo, available) for repo in cached_repos(hub_cache_folder())),
        *chain.from_iterable(_models(entry.name, entry, None, available) for entry in _own(paths.models)),
    ]
    return [guide, *sorted(others, key=lambda model: (bool(model.problem), model.ref.lower(), model.path))]


def _own(models: Path) -> list[Path]:
    """Folders and `.gguf` files; a name that begins with a dot is of something unfinished."""
    try:
        entries = [entry for entry in models.iterdir() if not entry.name.startswith(".")]
        return [entry for entry in entries if entry.is_dir() or entry.suffix.lower() == ".gguf"]
    except OSError:
        return []


def _describe(text: str, paths: Paths) -> InstalledModel:
    reference = ModelReference.parse(text, _exists)
    available = _available_memory()
    match reference.kind:
        case "guide":
            return _guide(available)
        case "folder":
            folder = Path(os.path.abspath(Path(reference.name).expanduser()))  # noqa: PTH100 — links stay as named
            if not _is_folder(folder):
                why = "It is a file; a model is a folder." if _exists(str(folder)) else "There is no such folder."
                raise ModelNotFoundError(f"There is no model at {folder}", why, "Check the path.")
            return _one(str(folder), folder, None, available)
        case "gguf":
            return _gguf_file(reference.name, paths, available)
        case "provider":
            raise ModelNotFoundError(
                f"{text} is not on this machine",
                f"It is served by the provider {reference.provider}.",
                "`lama ls` lists the models that are.",
            )
        case "hub":
            own = paths.models / reference.name
            if "/" not in reference.name and reference.name not in ("", ".", "..") and _is_folder(own):
                return _one(reference.name, own, None, available)
            repo = cached_repo(hub_cache_folder(), reference.name)
            if repo is None:
                raise _not_here(reference.name)
            if repo.folder is None:
                return _nothing_yet(repo)
            return _one(repo.name, repo.folder, repo.revision, available)


def _exists(text: str) -> bool:
    return bool(text) and os.path.exists(text)  # noqa: PTH110 — never raises, whatever the text


def _is_folder(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 — never raises, whatever the name


def _guide(available: int | None) -> InstalledModel:
    return _model(GUIDE, guide_weights(), None, available)


def _from_hub(repo: CachedRepo, available: int | None) -> list[InstalledModel]:
    if repo.folder is None:
        return [_nothing_yet(repo)]
    return _models(repo.name, repo.folder, repo.revision, available)


def _nothing_yet(repo: CachedRepo) -> InstalledModel:
    begun = bytes_begun(hub_cache_folder(), repo.name)
    return InstalledModel(
        repo.name,
        "",
        size=begun,
        problem="not all of it was downloaded yet" if begun else "nothing of it was downloaded yet",
    )


def _models(ref: str, place: Path, revision: str | None, available: int | None) -> list[InstalledModel]:
    """What a folder holds: one model, or a GGUF file for each of several quantizations."""
    if not place.is_dir():
        return [_of_gguf(ref, place, gguf_model(place), revision, available)]
    model = _model(ref, place, revision, available)
    found = gguf_models(place) if model.format == "gguf" else []
    if len(found) < 2:
        return [_of_gguf(ref, place, each, revision, available) for each in found] or [model]
    return [_of_gguf(f"{ref}/{each.name}", each.path, each, revision, available) for each in found]


def _one(ref: str, folder: Path, revision: str | None, available: int | None) -> InstalledModel:
    """The model of a folder; of several the folder itself, which is none of them."""
    model, *others = _models(ref, folder, revision, available)
    if not others:
        return model
    problem = f"It holds {len(others) + 1} GGUF models: name one of them, for example {model.ref}"
    return replace(_model(ref, folder, revision, available), problem=problem)


def _gguf_file(name: str, paths: Paths, available: int | None) -> InstalledModel:
    """A file by its path, or as the list names it: in `data/models/` or in a repo. Raises `ModelNotFoundError`."""
    path = Path(os.path.abspath(Path(name).expanduser()))  # noqa: PTH100 — links stay as named
    if os.path.isfile(path):  # noqa: PTH113 — never raises, whatever the name
        return _of_gguf(str(path), path, gguf_model(path), None, available)
    folder, _, inside = name.partition("/")
    if folder and ".." not in name.split("/"):
        own = paths.models / name
        if os.path.isfile(own):  # noqa: PTH113
            return _of_gguf(name, own, gguf_model(own), None, available)
        repository, _, inside = inside.partition("/")
        repo = cached_repo(hub_cache_folder(), f"{folder}/{repository}") if inside else None
        if repo and repo.folder and os.path.isfile(repo.folder / inside):  # noqa: PTH113
            return _of_gguf(name, repo.folder / inside, gguf_model(repo.folder / inside), repo.revision, available)
    raise ModelNotFoundError(f"There is no model at {path}", "There is no such file.", "Check the path.")


def _of_gguf(ref: str, path: Path, found: GgufModel, revision: str | None, available: int | None) -> InstalledModel:
    known = {field.name: getattr(found, field.name) for field in fields(found) if field.name not in ("path", "name")}
    fits = fit(found.weights, None, None, Machine(available=available)).fits
    return InstalledModel(ref=ref, path=str(path), revision=revision, format="gguf", fits=fits, **known)


def _model(ref: str, folder: Path, revision: str | None, available: int | None) -> InstalledModel:
    found: Inspection = inspect_folder(folder)
    known = {field.name: getattr(found, field.name) for field in fields(found)}
    tokens = min(USUAL_CONTEXT, found.context or USUAL_CONTEXT)
    fits = fit(found.weights, found.kv, tokens, Machine(available=available)).fits
    return InstalledModel(ref=ref, path=str(folder), revision=revision, fits=fits, **known)


def _available_memory() -> int | None:
    """Bytes that can be had without swapping, None where the system does not say."""
    return machine_memory().available


def _not_here(name: str) -> ModelNotFoundError:
    if not name.strip():
        return ModelNotFoundError("No model was named", "The reference is empty.", "`lama ls` lists the models here.")
    hint = "`lama ls` lists the models here."
    if re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        hint = f"Get it with `lama pull {name}`, or pick one of `lama ls`."
    return ModelNotFoundError(f"{name} is not on this machine", "It is not in the hub's cache.", hint)


def _remedy(model: InstalledModel) -> str:
    if model.ref == GUIDE:
        return "It is part of lama: install lama again."
    if (model.revision or not model.path) and model.format in ("mlx", "safetensors", None):
        return f"If its download was cut off, `lama pull {model.ref}` completes it; `lama ls` lists what can be used."
    return "Choose another model: `lama ls` lists those that can be used."
