"""Which revision of a model is in force, and which others are here, by the hub's cache alone. Blocks on the disk.

`refs/main` says what is in force. It is replaced as a whole, after everything that it leads to is there: who looks
sees the one revision or the other. What a running model reads stays, because blobs and snapshots stay.
"""

import os
from pathlib import Path

from lama_tui.library.downloads.layout import RepoFolder, point
from lama_tui.library.hub_cache import cached_repo, hub_cache_folder, is_commit

MAIN = "main"


def folder_of(ref: str) -> RepoFolder:
    """The place of a model in the cache of this machine."""
    return RepoFolder(hub_cache_folder(), ref)


def in_force(folder: RepoFolder) -> str | None:
    """The commit that is used; None where there is none."""
    repo = cached_repo(folder.cache, folder.repo)
    return repo.revision if repo is not None else None


def followed(folder: RepoFolder, commit: str) -> str | None:
    """The branch or tag that the commit in force was fetched by; None: it was fetched by its hash and stays."""
    refs = folder.ref(MAIN).parent
    try:
        named = sorted(path for path in refs.rglob("[!.]*") if path.is_file() and _read(path) == commit)
    except OSError:
        return None
    names = [path.relative_to(refs).as_posix() for path in named]
    return MAIN if MAIN in names else names[0] if names else None


def others_here(folder: RepoFolder, commit: str) -> list[str]:
    """The other revisions whose every file is here, the newest first."""
    try:
        snapshots = [path for path in folder.snapshot(commit).parent.iterdir() if is_commit(path.name)]
        here = [path for path in snapshots if path.name != commit and _is_whole(path)]
        here.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    except OSError:
        return []
    return [path.name for path in here]


def switch(folder: RepoFolder, commit: str) -> None:
    """Put another revision in force. Raises `OSError`."""
    point(folder.ref(MAIN), commit)


def _is_whole(snapshot: Path) -> bool:
    """Whether it has files, and every link leads to bytes."""
    paths = [Path(base, name) for base, _, names in os.walk(snapshot) for name in names]
    return bool(paths) and all(path.exists() for path in paths)


def _read(ref: Path) -> str:
    with ref.open("rb") as file:
        return file.read(256).decode("ascii", "replace").strip()
