"""What a download should know of earlier checks: which blobs are bad, and which are known to be right.

What differs from what was published is set aside as `blobs/HASH.bad` until somebody cleans up, so that it is fetched
again; everything that is right is not fetched twice.
"""

import asyncio
import logging
import time
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


async def known_right(
    folder: RepoFolder, files: Sequence[HubFile], fetched: Mapping[str, int], snapshots: SnapshotTable
) -> Mapping[str, tuple[int, int]]:
    """The paths of files whose hash is known to be right, with when that was found and their `mtime_ns`.

    `fetched` are hashes that were computed just now, as the bytes came, with the `mtime_ns` of the file then: one
    that was written since is not known to be right. Raises `StoreError`.
    """
    before, now = await snapshots.right(), time.time_ns() // 1_000_000

    def look() -> Mapping[str, tuple[int, int]]:
        found = {}
        for file in files:
            try:
                mtime_ns = folder.blob(file.hash).stat().st_mtime_ns
            except OSError:
                continue
            checked = now if fetched.get(file.hash) == mtime_ns else before.get(file.hash, {}).get(mtime_ns)
            if checked is not None:
                found[file.path] = (checked, mtime_ns)
        return found

    return await asyncio.to_thread(look)


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
