"""Unpacks archives that come from anywhere into a folder, and never a byte beside it.

Only plain files are written, each under a checked name and as a new file; links, devices and what is
encrypted are refused. What comes out is limited in number and in bytes as they are written, not as the archive
says. Blocks: call it in a thread.
"""

import bz2
import errno
import gzip
import io
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from lama_tui.errors import ModelFormatError
from lama_tui.library.downloads.space import free_space
from lama_tui.library.importing.kinds import DIRECTORY_LIMIT, WORDS, Kind, zip_directory_size
from lama_tui.library.importing.names import Places, is_hidden
from lama_tui.library.importing.target import of_disk, too_little_space
from lama_tui.library.importing.work import PIECE, Work
from lama_tui.security.gate import clean_line

FILES = 5_000
"""Files of one model at most."""

_ALWAYS = 256 * 1024**2  # bytes that may come out of any archive
_RATIO = 20  # weights hardly shrink: what grows more than so many times is a bomb
_HEADERS = 4 * 1024**2  # bytes of one member's headers
_MEMORY = 256 * 1024**2  # that unpacking xz may take
_BROKEN = (
    zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, ValueError,
    NotImplementedError, RuntimeError, OverflowError, RecursionError,
)  # fmt: skip


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def unpack(path: Path, called: str, kind: Kind, into: Path, work: Work) -> None:
    """Write what is in the archive at `path`, which is `called` so, into `into`.

    Raises `ModelError`, `DownloadError` for names that are not safe, `OSError` and `Stopped`.
    """
    size = path.stat().st_size
    free, reserve = free_space(into)
    budget = _Budget(min(max(_ALWAYS, _RATIO * size), free - reserve), free - reserve, size)
    with path.open("rb") as file:
        work.begin("unpacking", size)
        write = _Writer(into, budget, work, file).write
        try:
            if kind == "zip":
                _unpack_zip(file, size, write)
            else:
                _unpack_tar(file, kind, write, budget)
        except (*_BROKEN, OSError) as error:
            if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
                raise  # of the disk; what it unpacks with says no number, or asks for a place before the beginning
            raise ModelFormatError(
                f"{clean_line(called, 80)} is damaged or not what it seems",
                clean_line(str(error)) or type(error).__name__,
                "Get the archive again.",
            ) from error


class _Budget:
    """How many bytes may still be written."""

    def __init__(self, left: int, free: int, packed: int) -> None:
        self._left = left
        self._free = free
        self._packed = packed
        self._all = left

    def take(self, count: int) -> None:
        """So many more. Raises `ModelError`."""
        self._left -= count
        if self._left < 0:
            if self._all >= self._free:
                raise too_little_space(self._all + count, self._free)
            raise ModelFormatError(
                "The archive grows too large: it is refused as a bomb",
                f"{self._packed:,} bytes became more than {self._all:,}.",
                "If it is sound, unpack it yourself and import the folder.",
            )


class _Writer:
    """Writes the files of one archive."""

    def __init__(self, into: Path, budget: _Budget, work: Work, archive: BinaryIO) -> None:
        self._into = into
        self._budget = budget
        self._work = work
        self._archive = archive
        self._places = Places()
        self._read = 0
        self._members = 0

    def write(self, name: str, open_member: Callable[[], _Readable] | None) -> None:
        """Write one member; None is a folder or what is left out. Raises as `unpack`."""
        self._members += 1
        if self._members > 2 * FILES:
            raise ModelFormatError(
                "The archive has too many files", f"It has more than {2 * FILES:,}.", "A model has a few dozen."
            )
        self._note_read(name)
        if open_member is None or is_hidden(name):
            return
        target = self._into / self._places.add(name)
        reader = open_member()
        with of_disk(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        with open(descriptor, "wb", buffering=0) as file:  # noqa: PTH123 — a descriptor
            while piece := reader.read(PIECE):
                self._budget.take(len(piece))
                with of_disk(target):
                    _write_all(file, piece)
                self._note_read(name)

    def _note_read(self, name: str) -> None:
        """How much of the archive itself was read: of what comes out nobody knows how much there will be."""
        at = max(self._read, self._archive.tell())
        self._work.advance(at - self._read, name)
        self._read = at


def _write_all(file: io.FileIO, piece: bytes) -> None:
    view = memoryview(piece)
    while view:
        view = view[file.write(view) :]


def _unpack_zip(file: BinaryIO, size: int, write: Callable[[str, Callable[[], _Readable] | None], None]) -> None:
    if zip_directory_size(file, size) > DIRECTORY_LIMIT:
        raise ModelFormatError("The archive has too many files", "Its list of them is too long to be read.", "")
    file.seek(0)
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            mode = member.external_attr >> 16
            if member.orig_filename.endswith("/"):
                write(member.orig_filename, None)
                continue
            # the name as it is written there: what Python reads in front of a NUL is another
            name = member.orig_filename
            if not is_hidden(name):
                if mode and not stat.S_ISREG(mode) and stat.S_IFMT(mode):
                    raise _not_plain(name)
                if member.flag_bits & 1:
                    raise ModelFormatError(
                        "The archive is encrypted", clean_line(name), "Unpack it yourself and import the folder."
                    )
            write(name, lambda member=member: cast("_Readable", archive.open(member)))  # type: ignore[misc]


def _unpack_tar(
    file: BinaryIO, kind: Kind, write: Callable[[str, Callable[[], _Readable] | None], None], budget: _Budget
) -> None:
    with _unpacked(file, kind) as unpacked:
        stream = _Forward(unpacked, budget)
        try:
            archive = tarfile.open(fileobj=cast("BinaryIO", stream), mode="r:", errors="surrogateescape")  # noqa: SIM115
        except tarfile.TarError as error:
            words = WORDS[kind]
            raise ModelFormatError(
                "It is not an archive", f"It is {words}, and there is no tar archive in it: {error}.",
                "Unpack it yourself and import what is in it.",
            ) from error  # fmt: skip
        while (member := _next(archive, stream)) is not None:
            name = member.name.removeprefix("./")
            if member.isdir() or is_hidden(name):
                write(name, None)
            elif not member.isreg() or member.issparse():
                raise _not_plain(name)
            else:
                write(name, lambda member=member: stream.data(archive.extractfile(member)))  # type: ignore[misc]
            cast("Any", archive).members.clear()  # they are kept otherwise
        stream.finish()


def _next(archive: tarfile.TarFile, stream: "_Forward") -> tarfile.TarInfo | None:
    stream.begin_headers()
    return archive.next()


def _not_plain(name: str) -> ModelFormatError:
    return ModelFormatError(
        "The archive holds something else than files",
        f"{clean_line(name, 120)} is a link, a device or a sparse file.",
        "Unpack it yourself and import the folder.",
    )


@contextmanager
def _unpacked(file: BinaryIO, kind: Kind) -> Iterator[BinaryIO]:
    """The tar archive inside. Raises `ModelFormatError` for what this Python cannot unpack."""
    opened: BinaryIO
    if kind == "tar":
        opened = file
    elif kind == "gzip":
        opened = cast("BinaryIO", gzip.GzipFile(fileobj=file))
    elif kind == "bzip2":
        opened = cast("BinaryIO", bz2.BZ2File(file))
    elif kind == "xz":
        opened = cast("BinaryIO", io.BufferedReader(_Xz(file), PIECE))
    else:
        opened = _zstd(file, kind)
    try:
        yield opened
    finally:
        if opened is not file:
            opened.close()


def _zstd(file: BinaryIO, kind: Kind) -> BinaryIO:
    if kind == "zstd":
        try:
            from compression import zstd  # type: ignore[import-not-found, unused-ignore] # since Python 3.14
        except ImportError:
            pass
        else:
            return cast("BinaryIO", zstd.ZstdFile(file))
    words = WORDS[kind]
    raise ModelFormatError(
        "This archive cannot be unpacked here", f"It is {words}.", "Unpack it yourself and import the folder."
    )


class _Xz(io.RawIOBase):
    """Unpacks xz within bounds of memory, which `lzma.LZMAFile` does not have."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._unpacker = lzma.LZMADecompressor(memlimit=_MEMORY)

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read what fits."""
        while True:
            if self._unpacker.eof:
                rest = self._unpacker.unused_data or self._file.read(64 * 1024)
                rest = rest.lstrip(b"\0")  # what xz pads with
                if not rest:
                    return 0
                self._unpacker = lzma.LZMADecompressor(memlimit=_MEMORY)
            else:
                rest = self._file.read(64 * 1024) if self._unpacker.needs_input else b""
                if not rest and self._unpacker.needs_input:
                    raise EOFError("It ends in the middle")
            if piece := self._unpacker.decompress(rest, len(buffer)):
                buffer[: len(piece)] = piece
                return len(piece)


class _Forward:
    """What `tarfile` reads from: forward only, with limits on what it may want at once.

    It reads the headers of a member whole, whatever length they say; and it looks back by one byte.
    """

    def __init__(self, file: BinaryIO, budget: _Budget) -> None:
        self._file = file
        self._budget = budget
        self._at = 0
        self._last = b""
        self._back = False
        self._headers = _HEADERS

    def begin_headers(self) -> None:
        """The headers of the next member."""
        self._headers = _HEADERS

    def data(self, reader: object) -> _Readable:
        """Read the data of a member: it is limited where it is written."""
        self._headers = 1 << 62
        return cast("_Readable", reader)

    def tell(self) -> int:
        """Where it is."""
        return self._at - self._back

    def seek(self, to: int, whence: int = 0) -> int:
        """Go forward, or back by one byte."""
        if to == self._at - 1 and self._last:
            self._back = True
            return to
        self._back = False
        if to < self._at:
            raise tarfile.ReadError("it leads back to what was read")
        while self._at < to:
            piece = self._next(min(PIECE, to - self._at))
            if not piece:
                break
            self._budget.take(len(piece))
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Read `size` bytes, or what is left."""
        if size < 0 or size > self._headers:
            raise tarfile.ReadError("the headers of a file are too long")
        self._headers -= size
        before, self._back = (self._last if self._back and size else b""), False
        return before + self._next(size - len(before))

    def finish(self) -> None:
        """Read what is behind the last member: the checksum of what was unpacked comes last."""
        while piece := self._next(PIECE):
            self._budget.take(len(piece))

    def _next(self, size: int) -> bytes:
        pieces = []
        while size > 0 and (piece := self._file.read(size)):
            pieces.append(piece)
            size -= len(piece)
            self._at += len(piece)
            self._last = piece[-1:]
        return b"".join(pieces)
