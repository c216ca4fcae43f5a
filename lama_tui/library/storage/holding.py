"""Who is at work in a model's folder: a removal holds the folder, the hub's own client holds locks of its files."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from lama_tui.errors import ModelError
from lama_tui.store.locks import locked, try_lock

_PATIENCE = 0.3  # seconds; who only looks holds it for less than that


@asynccontextmanager
async def alone_in(folder: Path | None, ref: str) -> AsyncIterator[None]:
    """Be the only one that takes something away from `folder`; None: there is nothing to hold.

    Two removals of one model would undo each other's steps. Raises a `ModelError` where another one is at it. The
    system lets go when the process ends; a file system without locks holds nothing.
    """
    try:
        descriptor = await asyncio.to_thread(_hold, folder) if folder is not None else None
    except BlockingIOError as error:
        why = "Another removal is at work in its folder."
        raise ModelError(f"{ref} is being removed", why, "Wait until that has ended.") from error
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def is_held(folder: Path) -> bool:
    """Whether a removal is at work in `folder` now, and not only somebody who looks, as this does. Blocks."""
    try:
        descriptor = _hold(folder)
    except BlockingIOError:
        return True
    if descriptor is not None:
        os.close(descriptor)
    return False


def held_lock(repo: Path) -> Path | None:
    """A lock by which the hub's own client fetches a file of `repo` now. Blocks."""
    try:
        locks = list((repo.parent / ".locks" / repo.name).glob("*.lock"))
    except OSError:
        return None
    return next((lock for lock in locks if locked(lock)), None)


def _hold(folder: Path) -> int | None:
    """What holds it until it is closed, None where nothing can be held. `BlockingIOError`: another one does."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None  # it is gone, which who looks again sees; or a system whose folders cannot be opened
    until = time.monotonic() + _PATIENCE
    try:
        while not try_lock(descriptor):
            if time.monotonic() > until:
                raise BlockingIOError
            time.sleep(0.01)
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            raise
        return None  # a file system without locks
    return descriptor
