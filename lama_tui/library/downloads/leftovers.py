"""What a cancelled download leaves, removed: parts, and whole files that no snapshot has. Blocks."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from lama_tui.library.downloads.layout import RepoFolder
from lama_tui.library.hub.values import HubFile
from lama_tui.store.locks import locked


def remove_parts(folder: RepoFolder, files: Sequence[HubFile]) -> None:
    """Remove what came of `files` and is part of no model. What cannot be removed, or is being written, stays."""
    used = {link.resolve() for link in (folder.path / "snapshots").glob("*/**/*") if link.is_symlink()}
    for file in files:
        if locked(folder.lock(file.hash)):
            continue
        for path in (folder.part(file.hash), folder.blob(file.hash)):
            if path.resolve() not in used and not _has_other_names(path):
                with suppress(OSError):
                    path.unlink(missing_ok=True)
    for empty in (folder.path / "blobs", folder.path):
        with suppress(OSError):  # not empty
            empty.rmdir()


def _has_other_names(path: Path) -> bool:
    """Whether it lies in a snapshot without links, under a second name."""
    try:
        return path.stat().st_nlink > 1
    except OSError:
        return False
