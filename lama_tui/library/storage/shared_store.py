"""The store of the hub's own client that repos share: `blobs/HASH` of a repo is then a link into `<cache>/blobs`.

    <cache>/blobs/.huggingface-shared-blobs      says that it is one, and its version
    <cache>/blobs/ab/abc…                        the bytes
    <cache>/blobs/ab/abc….refs                   which repos link to them, as the client notes it
    <cache>/blobs/ab/abc….lock                   held while that changes

Only the client deletes from it, under its own lock: what its notes do not say is not known to be free.
"""

from collections.abc import Collection
from pathlib import Path

_STORE = "blobs"
_MARKER = ".huggingface-shared-blobs"


def shared_blob(blob: Path, cache: Path) -> Path | None:
    """The bytes in the shared store that `blob` of a repo links to; None for one that has its own."""
    if not blob.is_symlink():
        return None
    store = (cache / _STORE).resolve()
    end = blob.resolve()
    return end if end.is_relative_to(store) and (store / _MARKER).is_file() else None


def gained(shared: Path, blobs: Collection[Path], cache: Path) -> int:
    """Bytes that are freed with `shared` when those `blobs` are deleted; 0 where another repo links to it."""
    try:
        from huggingface_hub.utils import _shared_blobs as client
    except ImportError:  # a client that has no such store
        return 0
    store = cache / _STORE
    inside = store / shared.relative_to(store.resolve())
    return client.expected_shared_blob_freed_size(inside, blob_paths_to_delete=set(blobs), cache_dir=cache)


def sweep(shared: Path, cache: Path) -> int:
    """Delete `shared` if nothing links to it any more; bytes freed."""
    try:
        from huggingface_hub.utils import _shared_blobs as client
    except ImportError:
        return 0
    return client.sweep_shared_blob(shared, cache_dir=cache.resolve())
