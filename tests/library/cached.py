"""Lays models into the hub's cache of a test, as the hub's own tools leave them."""

import shutil
from pathlib import Path

from lama_tui.library.hub_cache import hub_cache_folder
from tests.library.hub_repos import Content, files_in, store

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def lay_in_cache(
    name: str, files: Path | dict[str, Content], commit: str = COMMIT, *, ref: str | None = "main"
) -> Path:
    """A revision of a model; blobs that are there stay. Returns the snapshot."""
    repo = hub_cache_folder() / ("models--" + name.replace("/", "--"))
    snapshot = repo / "snapshots" / commit
    (repo / "blobs").mkdir(parents=True, exist_ok=True)
    given = files_in(files) if isinstance(files, Path) else files
    for path, content in given.items():
        blob = repo / "blobs" / store(path, content, {}).etag
        if not blob.exists():
            if isinstance(content, Path):
                shutil.copyfile(content, blob)
            else:
                blob.write_bytes(content.encode() if isinstance(content, str) else content)
        link = snapshot / path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(Path("../" * (2 + path.count("/"))) / "blobs" / blob.name)
    if ref is not None:
        (repo / "refs").mkdir(exist_ok=True)
        (repo / "refs" / ref).write_text(commit)
    return snapshot
