"""Sets blobs aside that a check found to be other than published, so that a download fetches them again.

Their bytes stay as `blobs/HASH.bad` until somebody cleans up; everything that is right is not fetched twice.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from lama_tui.library.downloads.layout import RepoFolder
from lama_tui.library.hub.values import HubFile
from lama_tui.library.snapshot_table import SnapshotTable

log = logging.getLogger(__name__)

BAD = ".bad"


async def set_bad_aside(folder: RepoFolder, files: Sequence[HubFile], snapshots: SnapshotTable) -> Sequence[Path]:
    """Rename those blobs of `files` whose last check failed, if nobody wrote them since; returns what they are now.

    Raises `StoreError`, `OSError`.
    """
    failed = await snapshots.differing()
    suspected = {file.hash: failed[file.hash] for file in files if file.hash in failed}
    return await asyncio.to_thread(_set_aside, folder, suspected) if suspected else ()


def _set_aside(folder: RepoFolder, suspected: Mapping[str, frozenset[int]]) -> Sequence[Path]:
    moved = []
    for hash_, times in suspected.items():
        blob = folder.blob(hash_)
        try:
            if blob.stat().st_mtime_ns not in times:
                continue  # written since: it may be right now, and the next check tells
        except OSError:
            continue
        aside = blob.with_name(hash_ + BAD)
        blob.replace(aside)
        log.warning("%s differed from what was published; it is set aside as %s", blob, aside.name)
        moved.append(aside)
    return moved
