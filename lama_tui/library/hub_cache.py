"""The hub's own cache on this disk, shared with other tools.

    <cache>/models--ORG--NAME/refs/main             the commit that `main` was at, 40 hex digits
    <cache>/models--ORG--NAME/snapshots/COMMIT/…    links into
    <cache>/models--ORG--NAME/blobs/HASH            the bytes

Read directly: importing the hub's library costs a quarter of a second, and its scan reads every
file of every revision. Nothing here touches the network.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_PREFIX = "models--"
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_REF_BYTES = 256  # a ref holds one commit; whatever is longer is something else


@dataclass(frozen=True, slots=True)
class CachedRepo:
    """A repo in the cache. `revision` and `folder` are None where no snapshot is there."""

    name: str
    revision: str | None
    folder: Path | None


def hub_cache_folder(environment: Mapping[str, str] | None = None) -> Path:
    """Where the hub's tools keep models, by the variables that they honour, first match first."""
    env = os.environ if environment is None else environment

    def folder(*names: str) -> Path | None:
        value = next((env[name] for name in names if env.get(name)), None)
        return Path(os.path.expandvars(value)).expanduser() if value else None

    if cache := folder("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        return cache
    if home := folder("HF_HOME"):
        return home / "hub"
    return (folder("XDG_CACHE_HOME") or Path.home() / ".cache") / "huggingface" / "hub"


def cached_repos(cache: Path) -> Iterator[CachedRepo]:
    """Every model repo in `cache`, in no order; nothing where the folder cannot be read."""
    try:
        folders = list(cache.iterdir())
    except OSError:
        return
    for folder in folders:
        if folder.name.startswith(_PREFIX):
            yield _repo(folder)


def cached_repo(cache: Path, name: str) -> CachedRepo | None:
    """The repo `name` (`ORG/NAME`), None where it is not in `cache`."""
    folder = cache / (_PREFIX + name.replace("/", "--"))
    try:
        return _repo(folder) if folder.is_dir() else None
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return None


def bytes_begun(cache: Path, name: str) -> int:
    """Bytes of a download of the repo `name` that has not ended; 0 where there is none. Blocks."""
    files = {}
    try:
        for file in (cache / (_PREFIX + name.replace("/", "--")) / "blobs").iterdir():
            files[file.name] = file.stat().st_size
    except OSError:
        return 0
    begun = any(size for file, size in files.items() if file.endswith((".part", ".incomplete")))
    return sum(files.values()) if begun else 0


def repo_at(place: Path) -> tuple[str, Path] | None:
    """The repo, and the folder of the snapshot, that a model at `place` is in; None: not in a hub's cache. No I/O."""
    for folder in (place, *place.parents):
        if folder.parent.name == "snapshots" and (name := folder.parent.parent.name).startswith(_PREFIX):
            return name.removeprefix(_PREFIX).replace("--", "/"), folder
    return None


def is_commit(text: str) -> bool:
    """Whether `text` can name a commit."""
    return _COMMIT.fullmatch(text) is not None


def _repo(folder: Path) -> CachedRepo:
    name = folder.name.removeprefix(_PREFIX).replace("--", "/")
    snapshots = folder / "snapshots"
    try:
        revision = _main(folder) or _newest(snapshots)
        if revision and (snapshots / revision).is_dir():
            return CachedRepo(name, revision, snapshots / revision)
    except OSError:
        pass  # what cannot be read is shown as not there
    return CachedRepo(name, None, None)


def _main(folder: Path) -> str | None:
    """The commit in `refs/main`; None where it is missing or names no commit."""
    try:
        with (folder / "refs" / "main").open("rb") as ref:
            text = ref.read(_REF_BYTES).decode("ascii", "replace").strip()
    except OSError:
        return None
    return text if is_commit(text) else None


def _newest(snapshots: Path) -> str | None:
    """The snapshot made last: a download by commit or tag leaves no `refs/main`."""
    commits = [entry for entry in snapshots.iterdir() if is_commit(entry.name)]
    return max(commits, key=lambda entry: entry.stat().st_mtime).name if commits else None
