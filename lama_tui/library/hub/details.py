"""One revision of one model: its files with sizes and hashes, and what its `config.json` says.

The hub tells everything in one answer; of repos with thousands of files that answer is slow or too large, and
the files are listed page by page instead.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from lama_tui.engine.fit import key_value_shape
from lama_tui.engine.model_files import context_window
from lama_tui.errors import AuthError, DownloadError, ModelNotFoundError, ProviderTimeout
from lama_tui.library.hub.client import AnswerTooLarge, HubClient, as_json, file_path, model_path, next_query
from lama_tui.library.hub.fitting import weights_of
from lama_tui.library.hub.large_json import read_json
from lama_tui.library.hub.model_json import count, model_of, part, text, width_of
from lama_tui.library.hub.values import HashAlgorithm, HubDetails, HubFile, HubModel
from lama_tui.library.inspect import architecture_of
from lama_tui.library.safe_path import safe_paths
from lama_tui.security.gate import clean_line

CONFIG_LIMIT = 4 << 20  # bytes
ONE_ANSWER = 4 << 20  # bytes; about 10,000 files
MOST_PAGES = 100  # of the tree, each of a thousand files

_SHA256, _SHA1 = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{40}")
_FACTS = (
    *("downloads", "likes", "lastModified", "gated", "private", "tags", "sha", "library_name", "config"),
    *("safetensors", "gguf", "usedStorage"),
)


async def details(client: HubClient, repo: str, revision: str, *, with_config: bool = True) -> HubDetails:
    """Everything about `revision` of `repo`. Raises a `LamaError`, also for a listing that cannot be trusted.

    Not `with_config`, `config.json` is not fetched, and what only it says is not known.
    """
    whole = model_path(repo, "revision", revision, blobs="true")
    try:
        said, entries = await client.get(whole, _one_answer, limit=ONE_ANSWER, repo=repo, what=revision)
    except (AnswerTooLarge, ProviderTimeout):
        entries = None
    if entries is None:
        facts = f"{model_path(repo, 'revision', revision)}?{'&'.join(f'expand={fact}' for fact in _FACTS)}"
        said, _ = await client.get(facts, _one_answer, repo=repo, what=revision)
        entries = await _pages(client, repo, said.commit)
    files = await asyncio.to_thread(_files, repo, entries)  # thousands of names hold the loop up
    has_config = with_config and any(file.path == "config.json" for file in files)
    config = await _config(client, repo, said.commit) if has_config else {}
    return await asyncio.to_thread(_details, said, revision, files, config)


_Entry = tuple[object, object, object, object]
"""Of a file, as they come: name, size, SHA-256 (of large ones), git's hash."""


@dataclass(frozen=True, slots=True)
class _Said:
    """What the hub knows without looking into the files."""

    model: HubModel
    commit: str
    context: int | None
    architecture: str | None
    width: int | None
    """Bytes of most of its numbers that are not packed."""


def _details(said: "_Said", revision: str, files: tuple[HubFile, ...], config: Mapping[str, Any]) -> HubDetails:
    """All of it together."""
    found = HubDetails(
        said.model, revision, said.commit, files, config,
        context=context_window(config) or said.context,
        architecture=architecture_of(config) or said.architecture,
        kv=key_value_shape(config, _width(config) or said.width),
    )  # fmt: skip
    bits = said.model.bits if said.model.bits is not None else _bits(config)
    return replace(found, model=replace(said.model, size=weights_of(found) or said.model.size, bits=bits))


def _one_answer(raw: bytes, headers: Mapping[str, str]) -> tuple[_Said, list[_Entry] | None]:
    """The model and its files, None where the answer has no sizes. Raises `ValueError`."""
    told = read_json(raw, _sibling)
    model = model_of(told)
    if model is None or model.commit is None:
        raise ValueError("an answer about a model has its name and its commit")
    gguf = part(told, "gguf")
    architecture = architecture_of(part(told, "config")) or text(gguf.get("architecture"))
    said = _Said(model, model.commit, count(gguf.get("context_length")), architecture, width_of(told))
    siblings = told.get("siblings")
    if not isinstance(siblings, list) or not all(isinstance(one, tuple) for one in siblings):
        return said, None
    return said, siblings


def _sibling(raw: object) -> object:
    """The entry of a file with its size; other items (tags) as they are."""
    if not isinstance(raw, dict) or "size" not in raw:
        return raw
    return raw.get("rfilename"), raw["size"], part(raw, "lfs").get("sha256"), raw.get("blobId")


async def _pages(client: HubClient, repo: str, commit: str) -> list[_Entry]:
    """The files by the `tree` endpoint."""
    path = model_path(repo, "tree", commit)
    ask: str | None = "recursive=true&limit=1000"
    entries: list[_Entry] = []
    for _ in range(MOST_PAGES):
        page, ask = await client.get(f"{path}?{ask}", _tree, repo=repo, what=commit)
        entries += page
        if ask is None:
            return entries
    raise _not_trusted(repo, f"It has no end: {len(entries):,} files came in {MOST_PAGES} pages")


def _tree(raw: bytes, headers: Mapping[str, str]) -> tuple[list[_Entry], str | None]:
    listed = read_json(raw, _leaf)
    if not isinstance(listed, list):
        raise ValueError("a listing is an array")
    return [entry for entry in listed if entry is not None], next_query(headers)


def _leaf(raw: Any) -> _Entry | None:
    """The entry of a file, None of a folder."""
    if raw["type"] == "directory":
        return None
    return raw.get("path"), raw.get("size"), part(raw, "lfs").get("oid"), raw.get("oid")


def _files(repo: str, entries: list[_Entry]) -> tuple[HubFile, ...]:
    """The files, each checked. One that cannot be trusted takes the whole listing with it. Raises `DownloadError`."""
    paths = safe_paths(path for path, *_ in entries)
    sizes: dict[str, int] = {}
    found = []
    for path, (_, size, sha256, git) in zip(paths, entries, strict=True):
        algorithm: HashAlgorithm = "git-sha1" if sha256 is None else "sha256"
        digest, shape = (git, _SHA1) if sha256 is None else (sha256, _SHA256)
        if (length := count(size)) is None:
            raise _not_trusted(repo, f"It gives no size for {clean_line(path, 80)}")
        if not isinstance(digest, str) or not shape.fullmatch(digest):
            raise _not_trusted(repo, f"It gives no hash for {clean_line(path, 80)}")
        if sizes.setdefault(digest, length) != length:
            raise _not_trusted(repo, f"It gives another size for the same bytes: {clean_line(path, 80)}")
        found.append(HubFile(path, length, algorithm, digest))
    return tuple(sorted(found, key=lambda file: file.path))


async def _config(client: HubClient, repo: str, commit: str) -> Mapping[str, Any]:
    """`config.json`; empty where it may not be read yet (gated), is too large or is damaged."""
    try:
        config = await client.get(file_path(repo, commit, "config.json"), as_json, limit=CONFIG_LIMIT, repo=repo)
    except (AuthError, ModelNotFoundError, DownloadError):
        return {}
    return config if isinstance(config, dict) else {}


def _width(config: Mapping[str, Any]) -> int | None:
    """Bytes of a number of the type that it computes in."""
    kind = config.get("torch_dtype") or config.get("dtype")
    return {"float32": 4, "bfloat16": 2, "float16": 2}.get(kind) if isinstance(kind, str) else None


def _bits(config: Mapping[str, Any]) -> int | None:
    bits = (part(config, "quantization") or part(config, "quantization_config")).get("bits")
    return bits if type(bits) is int and 1 <= bits <= 64 else None


def _not_trusted(repo: str, why: str) -> DownloadError:
    return DownloadError(f"The listing of {clean_line(repo, 100)} cannot be trusted", why, "Use another model")
