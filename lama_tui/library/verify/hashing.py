"""Computes the hash of a file in a thread: in pieces, flat in memory, stopped between two reads."""

import asyncio
import hashlib
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from lama_tui.library.hub.values import HashAlgorithm

PIECE = 4 * 1024**2
"""Bytes of one read."""

T = TypeVar("T")


class Stopped(Exception):
    """Nobody waits for the hash any more."""


def new_hash(algorithm: HashAlgorithm, size: int) -> "hashlib._Hash":
    """A hash as the hub names files; `size` in bytes is part of git's."""
    if algorithm == "sha256":
        return hashlib.sha256()
    return hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)


def hash_file(
    path: Path, algorithm: HashAlgorithm, progress: Callable[[int], None], stop: threading.Event
) -> tuple[str, os.stat_result]:
    """The hash of `path`, and what the file was when it was opened. `progress` gets the bytes of each read.

    Raises `OSError`, and `Stopped` after `stop` was set. Blocks.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe must not hold it up
    with open(descriptor, "rb", buffering=0) as file:  # noqa: PTH123 — a descriptor
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError("It is not a file")
        digest = new_hash(algorithm, status.st_size)
        buffer = memoryview(bytearray(min(PIECE, max(1, status.st_size))))
        while read := file.readinto(buffer):
            digest.update(buffer[:read])
            progress(read)
            if stop.is_set():
                raise Stopped
    return digest.hexdigest(), status


async def in_thread(work: Callable[[threading.Event], T]) -> T:
    """Run `work` in a thread; where this task is cancelled its event is set, and its end waited for."""
    stop = threading.Event()
    running = asyncio.ensure_future(asyncio.to_thread(work, stop))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait([running])
        if not running.cancelled():
            running.exception()  # `Stopped`, or what no longer matters
        raise
