"""The place where an imported model grows: a folder of `data/models/` whose name begins with a dot.

It is locked while somebody works in it, takes its name in one step when all is there, and is removed when
something fails. What a kill leaves is never taken for a model: the next import of that name removes it, and
`unfinished` finds it.
"""

import errno
import hashlib
import json
import os
import shutil
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

from lama_tui.errors import DownloadError, ModelError
from lama_tui.library.downloads.space import free_space, said
from lama_tui.library.importing.names import check_free
from lama_tui.library.importing.work import Work
from lama_tui.paths import make_private
from lama_tui.security.gate import clean_line
from lama_tui.store.locks import try_lock

PREFIX = ".import-"

_RECORD = "record.json"


class NoRoom(ModelError):
    """The disk has no room for what is to be written. It may pass: something may be removed."""


class Busy(DownloadError):
    """Another import does the same just now. It passes."""


class Target:
    """A place in `models` (`data/models/`) to fill. Blocks."""

    def __init__(self, models: Path, name: str) -> None:
        self._models = models
        self._name = name
        self._lock: int | None = None
        self.folder = models / f"{PREFIX}{hashlib.sha256(name.casefold().encode()).hexdigest()[:12]}"

    def begin(self) -> None:
        """Make it, empty. Raises `ModelError`, also where the name is taken; `Busy` where another one fills it."""
        with of_disk(self._models):
            make_private(self._models)
            check_free(self._models, self._name)
            self.folder.mkdir(mode=0o700, exist_ok=True)
            self._take()
            for left in self.folder.iterdir():  # by an import that was killed
                if left.is_dir() and not left.is_symlink():
                    shutil.rmtree(left)
                else:
                    left.unlink()

    def _take(self) -> None:
        busy = Busy("Another import of this name is at work", clean_line(self._name, 80), "Wait until it is done")
        self._lock = take(self.folder, busy)

    def end(self) -> None:
        """Take away what is left of it; safe to call however far it came."""
        if self._lock is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.release()

    def remove(self) -> None:
        """Take away what an import that was killed left, unless somebody works in it."""
        with suppress(OSError, Busy):
            self._take()
            self.end()

    @property
    def place(self) -> Path:
        """Where the model will be."""
        return self._models / self._name

    def save(self, model: Path, record: Mapping[str, object], work: Work) -> None:
        """See to it that `model` survives a power cut whole once it has its name, and note what is to be recorded then.

        Raises `Stopped` between files.
        """
        with of_disk(self.place):
            _sync(model, work)
            (self.folder / _RECORD).write_text(json.dumps({**record, "inode": _inode(model)}))

    def cut_off(self, source: str) -> Mapping[str, Any] | None:
        """What an import of `source` noted that was killed when the model had its name and was not recorded; else None.

        Where there is something it is this one's to `end`.
        """
        with suppress(OSError, ValueError, LookupError, TypeError, Busy):
            self._take()
            noted = json.loads((self.folder / _RECORD).read_text())
            if (noted["source"], noted["inode"]) == (source, _inode(self.place)):
                return cast("Mapping[str, Any]", noted)
        self.release()
        return None

    def release(self) -> None:
        """Let others have it as it is; safe to call twice."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def finish(self, model: Path) -> None:
        """Give `model`, which was saved and is this folder or something in it, its name."""
        with of_disk(self.place):
            with _alone(self._models):  # else two might find the name free
                check_free(self._models, self._name)
                model.rename(self.place)
            _sync_folder(self._models)

    def undo(self) -> None:
        """Take the name away again; `end` removes what had it."""
        with of_disk(self.place):
            self.place.rename(self.folder / "undone")


@contextmanager
def _alone(models: Path) -> Iterator[None]:
    """Be the only one that gives a name in `models`: it takes milliseconds."""
    descriptor = os.open(models, os.O_RDONLY | os.O_CLOEXEC)
    try:
        for _ in range(500):
            if _try(descriptor):
                break
            time.sleep(0.01)
        yield
    finally:
        os.close(descriptor)


def _try(descriptor: int) -> bool:
    try:
        return try_lock(descriptor)
    except OSError:
        return True  # a file system without locks


def take(folder: Path, busy: Busy) -> int:
    """Be the only one who works in `folder`, until the descriptor is closed. Raises `OSError`, or `busy`."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if _try(descriptor) and os.path.samestat(os.fstat(descriptor), folder.lstat()):
            return descriptor
    except FileNotFoundError:
        pass  # who had it has just taken it away
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    raise busy


def place_of(models: Path, url: str) -> Path:
    """Where what comes from an address is kept until it is imported."""
    return models / f"{PREFIX}{hashlib.sha256(url.encode()).hexdigest()[:16]}"


def unfinished(models: Path, wanted: Collection[str] = ()) -> list[Path]:
    """What imports have left that nobody works on any more, nor will: `wanted` are addresses that go on. Blocks."""
    kept = {place_of(models, url) for url in wanted}
    try:
        folders = [entry for entry in models.iterdir() if entry.name.startswith(PREFIX) and entry not in kept]
    except OSError:
        return []
    return [folder for folder in folders if not _is_worked_on(folder)]


def check_space(folder: Path, needed: int) -> None:
    """Raise `ModelError` where the disk would be too full."""
    free, reserve = free_space(folder)
    if needed > free - reserve:
        raise NoRoom(*too_little_space(needed, free - reserve).args)


def too_little_space(needed: int, free: int) -> ModelError:
    """The error with its words; bytes."""
    return ModelError(
        "The disk has too little space",
        f"{said(needed)} are needed, and {said(max(0, free))} can be had.",
        "Make room: `lama ls` shows what models take; or import with --link, which copies nothing.",
    )


@contextmanager
def of_disk(path: Path) -> Iterator[None]:
    """Turn what the system refuses for `path` into a `ModelError`, `NoRoom` where the disk is full."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoRoom(
                "The disk is full", f"{path} could not be written.", "Make room: `lama ls` shows what models take."
            ) from error
        why = error.strerror or str(error)
        what = clean_line(str(error.filename or path))
        raise ModelError(
            f"The import failed: {why}", f"{what}.", "Check that it is there, and its permissions."
        ) from error


def _is_worked_on(folder: Path) -> bool:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return True  # it is gone, or nobody can tell
    try:
        return not try_lock(descriptor)
    except OSError:
        return True  # a file system without locks: rather keep it
    finally:
        os.close(descriptor)


def _inode(path: Path) -> list[int]:
    """What stays the same when a folder or a link gets another name."""
    status = path.lstat()
    return [status.st_dev, status.st_ino]


def _sync(model: Path, work: Work) -> None:
    if model.is_symlink():
        return
    for base, _, names in os.walk(model):
        for name in names:
            path = Path(base, name)
            work.advance(0, name)
            if not path.is_symlink():
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
        _sync_folder(Path(base))


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
