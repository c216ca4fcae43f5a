"""The files in which prompts are remembered beyond the end of the program: `cache/prompts/KEY/`. No MLX here.

A file holds the KV of one conversation, as mlx-lm writes it, and the tokens it was computed from. Its name is
`CONVERSATION-DIGEST.safetensors`: what does not have the digest of its name is not used, and removed. Several
instances share the folder; whatever another removed meanwhile is simply not there any more.
"""

import base64
import binascii
import contextlib
import hashlib
import io
import json
import logging
import os
import re
import shutil
import sys
import time
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from lama_tui.engine.backend import never
from lama_tui.paths import make_private

log = logging.getLogger(__name__)

TOKENS = "tokens"
"""The key of the metadata that holds the tokens."""
WHOLE = "whole"
"""The key of the metadata of KV that cannot be cut: it is of use only to a prompt that begins with all its tokens."""

_NAME = re.compile(r"(\d{1,18})-([0-9a-f]{32})\.safetensors")
_UNFINISHED = re.compile(r"\.\d+-(\d+)-\d+\.safetensors")
_HEADER = 64 * 1024**2  # bytes of a header at most
_ABANDONED = 3600.0  # seconds after which a file that nobody finished is removed
_SPARE = 1024**3  # bytes that stay free on the disk
_PIECE = 4 * 1024**2


class GivenUp(Exception):
    """Nobody wants any more what was read or written."""


@dataclass(frozen=True, slots=True)
class PromptFile:
    """One file. `size` in bytes; of `tokens` it holds the KV, of fewer only where that `can_be_cut`."""

    path: Path
    conversation: int
    digest: str
    size: int
    tokens: "array[int]" = field(repr=False)
    can_be_cut: bool


def packed(tokens: Iterable[int]) -> str:
    """Tokens as the metadata keeps them: 32 bits each, little endian, base64."""
    return base64.b64encode(_little(array("I", tokens)).tobytes()).decode()


def unpacked(text: str) -> "array[int]":
    """What `packed` wrote. Raises `ValueError`."""
    data = base64.b64decode(text, validate=True)
    words = array("I")
    words.frombytes(data)
    return _little(words)


def _little(words: "array[int]") -> "array[int]":
    if sys.byteorder == "big":
        words = words[:]
        words.byteswap()
    return words


class PromptFiles:
    """The files in `folder`, together `limit` bytes at most; what was used longest ago goes first.

    With `wipe` what is removed is overwritten before. Every method blocks, and none raises `OSError`.
    """

    def __init__(self, folder: Path, limit: int, wipe: bool = False) -> None:
        self._folder = folder
        self._limit = limit
        self._wipe = wipe
        self._known: dict[Path, PromptFile | None] = {}

    def of(self, key: str) -> list[PromptFile]:
        """The files of one model, as it is loaded now."""
        found = []
        for path in _listed(self._folder / key):
            if path not in self._known:
                self._known[path] = self._read(path)
            if (file := self._known[path]) is not None:
                found.append(file)
        return found

    def is_whole(self, file: PromptFile, given_up: Callable[[], bool] = never) -> bool:
        """Whether it is what was written; what is not is removed. Notes that it is used. Raises `GivenUp`."""
        try:
            whole = _digest(file.path, given_up) == file.digest
            if whole:
                os.utime(file.path)
        except OSError as error:
            log.info("a remembered prompt cannot be read: %s", error)
            whole = False
        if not whole:
            self.remove(file.path)
        return whole

    def add(
        self,
        key: str,
        conversation: int,
        expected: int,
        write: Callable[[io.RawIOBase], object],
        given_up: Callable[[], bool] = never,
    ) -> bool:
        """Let `write` make a file of about `expected` bytes, in place of what there is of the conversation.

        False where there is no room, or the disk refuses. Raises `GivenUp`: then all is as it was.
        """
        folder = self._folder / key
        if expected > self._limit or not conversation:
            return False
        temporary = folder / f".{conversation}-{os.getpid()}-{time.monotonic_ns()}.safetensors"
        try:
            make_private(self._folder)
            make_private(folder)
            self.bound(expected)
            if shutil.disk_usage(folder).free - expected < _SPARE:
                return False
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                written = _Written(file, given_up)
                write(written)
            path = folder / f"{conversation}-{written.digest}.safetensors"
            temporary.replace(path)
        except (OSError, GivenUp) as error:
            if temporary.exists():
                self.remove(temporary)
            if isinstance(error, GivenUp):
                raise
            log.warning("a prompt is not kept on the disk: %s", error)
            return False
        for other in folder.glob(f"{conversation}-*.safetensors"):
            if other != path:
                self.remove(other)
        return True

    def bound(self, coming: int = 0) -> None:
        """Remove what was used longest ago until `coming` bytes fit, and what nobody finished."""
        files = []
        for path in self._folder.glob("*/*.safetensors"):
            with contextlib.suppress(OSError):
                status = path.stat()
                if path.name.startswith("."):
                    if time.time() - status.st_mtime > _ABANDONED or _is_of_the_dead(path):
                        self.remove(path)
                    continue
                files.append((status.st_mtime_ns, status.st_size, path))
        total = sum(size for _, size, _ in files) + coming
        for _, size, path in sorted(files):
            if total <= self._limit:
                return
            self.remove(path)
            total -= size

    def forget(self, *conversations: int) -> None:
        """Remove what is kept of these conversations, of all models."""
        names = {str(conversation) for conversation in conversations}
        for path in list(self._folder.glob("*/*-*.safetensors")):
            if path.name.removeprefix(".").partition("-")[0] in names:  # what nobody finished too
                self.remove(path)

    def remove(self, path: Path) -> None:
        """Remove a file; a file that cannot be removed is told in the log."""
        self._known.pop(path, None)
        try:
            if self._wipe:
                # another instance may read it just now: what is overwritten does not have its name any more
                path = path.replace(path.with_name(f".{path.name.lstrip('.')}"))
                _overwrite(path)
            path.unlink()
        except FileNotFoundError:
            return
        except OSError as error:
            log.warning("a remembered prompt cannot be removed: %s", error)

    def _read(self, path: Path) -> PromptFile | None:
        name = _NAME.fullmatch(path.name)
        try:
            metadata = _metadata(path)
            tokens = unpacked(metadata[TOKENS])
            size = path.stat().st_size
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, binascii.Error) as error:
            log.info("a remembered prompt is not used: %s: %s", path.name, error)
            self.remove(path)
            return None
        if name is None or not len(tokens):
            self.remove(path)
            return None
        return PromptFile(path, int(name[1]), name[2], size, tokens, WHOLE not in metadata)


class _Written(io.RawIOBase):
    """A file that is written in pieces, so that it can be given up between two."""

    def __init__(self, file: BinaryIO, given_up: Callable[[], bool]) -> None:
        self._file = file
        self._given_up = given_up
        self._sha = hashlib.blake2b(digest_size=16)

    @property
    def digest(self) -> str:
        """That of all that was written."""
        return self._sha.hexdigest()

    def write(self, data: Any) -> int:
        """All of `data`, bytes. Raises `OSError`, and `GivenUp`."""
        for at in range(0, len(data), _PIECE):
            if self._given_up():
                raise GivenUp
            piece = data[at : at + _PIECE]
            self._sha.update(piece)
            self._file.write(piece)
        return len(data)


def _is_of_the_dead(unfinished: Path) -> bool:
    """Whether the process that was writing it is gone."""
    name = _UNFINISHED.fullmatch(unfinished.name)
    if name is None:
        return False
    try:
        os.kill(int(name[1]), 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:
        pass
    return False


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))
    except OSError:
        return []


def _metadata(path: Path) -> dict[str, str]:
    """The metadata of a file that mlx-lm wrote: ours is the first of its three parts."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= _HEADER:
            raise ValueError("no header")
        written = json.loads(file.read(length))["__metadata__"]
    return {name.removeprefix("0."): value for name, value in written.items() if name.startswith("0.")}


def _digest(path: Path, given_up: Callable[[], bool]) -> str:
    sha = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            if given_up():
                raise GivenUp
            sha.update(piece)
    return sha.hexdigest()


def _overwrite(path: Path) -> None:
    """Fill a file with zeros. Disks that copy on write keep what was there all the same."""
    with path.open("r+b") as file:
        left = os.fstat(file.fileno()).st_size
        while left > 0:
            left -= file.write(bytes(min(left, _PIECE)))
        file.flush()
        os.fsync(file.fileno())
