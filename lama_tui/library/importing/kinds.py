"""What a file is: its first bytes decide, never its name.

Nothing in a file is ever run or unpacked to find out. Pickles are what matters most: reading one
may run any program, so whatever other tools would read as one is told apart here, also where it
begins like something else. Blocks on disk: call it in a thread.
"""

import codecs
import os
import re
import stat
import tarfile
import zipfile
from pathlib import Path
from typing import BinaryIO, Literal

from lama_tui.library.importing import pickles

Kind = Literal[
    "safetensors", "gguf", "zip", "tar", "gzip", "bzip2", "xz", "zstd", "other archive",
    "pickle", "torch", "lfs pointer", "html", "json", "text", "empty", "not a file", "unknown",
]  # fmt: skip
"""`torch`: a pickle inside the container that PyTorch writes. `not a file`: a folder, a pipe, a device."""

ARCHIVES: frozenset[Kind] = frozenset(("zip", "tar", "gzip", "bzip2", "xz", "zstd", "other archive"))
PICKLES: frozenset[Kind] = frozenset(("pickle", "torch"))

WORDS: dict[Kind, str] = {
    "safetensors": "a safetensors file",
    "gguf": "a GGUF file",
    "zip": "a zip archive",
    "tar": "a tar archive",
    "gzip": "a gzip file",
    "bzip2": "a bzip2 file",
    "xz": "an xz file",
    "zstd": "a Zstandard file",
    "other archive": "an archive of another kind (7z, rar)",
    "pickle": "a pickle",
    "torch": "a pickle in PyTorch's container",
    "lfs pointer": "a git LFS pointer: it names the weights and does not hold them",
    "html": "a web page",
    "json": "JSON",
    "text": "text",
    "empty": "empty",
    "not a file": "not a file but a folder, a pipe or a device",
    "unknown": "of a kind that lama does not know",
}
"""What each is, to stand after "it is"."""

DIRECTORY_LIMIT = 16 * 1024**2
"""Bytes of a zip's list of members that are read at most."""

_HEADER_LIMIT = 100 * 1024**2  # of safetensors, in bytes
_BEGINNING = 4096  # bytes that are looked at
_BLOCK = 512  # of tar
_TORCH = re.compile(r"(^|/)data\.pkl$")
_BEGINNINGS: tuple[tuple[bytes, Kind], ...] = (
    (b"GGUF", "gguf"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"PK\x07\x08", "zip"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"7z\xbc\xaf\x27\x1c", "other archive"),
    (b"Rar!\x1a\x07", "other archive"),
    (b"version https://git-lfs.github.com/", "lfs pointer"),
)


def kind_of(path: Path) -> Kind:
    """What the file at `path` is; links are followed. Raises `OSError` where it cannot be read."""
    # a pipe is not waited for
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        return kind_of_open(file)


def kind_of_open(file: BinaryIO, size: int | None = None) -> Kind:
    """What an open file is. It is left at its beginning. `size` is what it will have when all of it is there."""
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        return "not a file"
    file.seek(0)
    try:
        return _kind(file, size or status.st_size)
    finally:
        file.seek(0)


def _kind(file: BinaryIO, size: int) -> Kind:
    start = file.read(_BEGINNING)
    if not start:
        return "empty"
    weights = _is_safetensors(start, size)
    # the header of safetensors may be so long that it begins as a pickle does; what follows then does not go on so
    verdict = pickles.verdict(file, size)
    if verdict == "runs" or (not weights and (verdict == "data" or pickles.is_marked(start))):
        return "pickle"
    if weights:
        return "safetensors"
    for beginning, kind in _BEGINNINGS:
        if start.startswith(beginning):
            return "torch" if kind == "zip" and _is_torch(file, size) else kind
    return "tar" if _is_tar(start) else _kind_of_text(start)


def _is_safetensors(start: bytes, size: int) -> bool:
    """Eight bytes of length, then so many of JSON."""
    length = int.from_bytes(start[:8], "little")
    return len(start) > 8 and 2 <= length <= min(size - 8, _HEADER_LIMIT) and start[8:9] == b"{"


def _is_torch(file: BinaryIO, size: int) -> bool:
    """Whether a zip is what `torch.save` writes. A list of members too long for that is not read."""
    if zip_directory_size(file, size) > DIRECTORY_LIMIT:
        return False
    try:
        with zipfile.ZipFile(file) as archive:
            return any(_TORCH.search(name) for name in archive.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OSError):
        return False


def zip_directory_size(file: BinaryIO, size: int) -> int:
    """Bytes of a zip's list of members, as its end says: Python reads it whole. 0 where there is no end."""
    tail_at = max(0, size - 22 - 0xFFFF - 20)
    file.seek(tail_at)
    tail = file.read(size - tail_at)
    end = tail.rfind(b"PK\x05\x06")
    if end < 0 or len(tail) < end + 22:
        return 0
    directory = int.from_bytes(tail[end + 12 : end + 16], "little")
    locator = tail[max(0, end - 20) : end]
    if locator[:4] == b"PK\x06\x07":
        file.seek(min(int.from_bytes(locator[8:16], "little"), size))
        large = file.read(56)
        # where the locator leads nowhere, Python looks right in front of it; its length is all that matters here
        if large[:4] != b"PK\x06\x06":
            large = tail[max(0, end - 76) : max(0, end - 20)]
        directory = max(directory if directory != 0xFFFFFFFF else 0, int.from_bytes(large[40:48], "little"))
    return directory


def _is_tar(start: bytes) -> bool:
    """The checksum of its first header is right: the oldest kind has no other mark."""
    try:
        tarfile.TarInfo.frombuf(start[:_BLOCK], "utf-8", "surrogateescape")
    except (tarfile.HeaderError, ValueError):
        return False
    return True


def _kind_of_text(start: bytes) -> Kind:
    if b"\x00" in start:
        return "unknown"
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(start).lstrip()  # what is cut off at the end may be
    except UnicodeDecodeError:
        return "unknown"
    if text[:20].lower().startswith(("<!doctype html", "<html", "<head")):
        return "html"
    return "json" if text.startswith(("{", "[")) else "text"
