"""Whether there is room on the disk. Blocks: call in a thread."""

import errno
import os
import shutil
from pathlib import Path

from lama_tui.errors import DownloadError

_RESERVE = 512 * 1024**2
_RESERVE_SHARE = 50  # of a small disk a fiftieth


class DiskFull(DownloadError):
    """No room for what is to be fetched. It may pass: something may be removed."""


def free_space(folder: Path) -> tuple[int, int]:
    """Bytes that we may still write in `folder`, which need not exist yet, and how many of them to leave alone."""
    for there in (folder, *folder.parents):
        try:
            volume = shutil.disk_usage(there)
        except (FileNotFoundError, NotADirectoryError):
            continue
        return volume.free, min(_RESERVE, volume.total // _RESERVE_SHARE)
    return 0, 0


def check_space(folder: Path, needed: int) -> None:
    """Raise `DiskFull` where `needed` bytes more would leave less than the reserve."""
    free, reserve = free_space(folder)
    if needed + reserve > free:
        raise disk_full(f"{said(needed)} are needed and {said(reserve)} kept free; {said(free)} are there")


def disk_full(detail: str) -> DiskFull:
    """The error with its words."""
    return DiskFull(
        "The disk is full", detail, "Make room: `lama ls` shows what models take. It goes on by itself then"
    )


def of_disk(error: OSError) -> DownloadError:
    """What the system said of a file, as our error."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full(os.strerror(error.errno))
    named = f" ({error.filename})" if error.filename else ""
    return DownloadError(
        "A file of the model cannot be written",
        f"{error.strerror or error}{named}",
        "Check who owns the hub's cache and its permissions, or set HF_HOME to another folder",
    )


def said(count: int) -> str:
    """Bytes in the units of everything else that is shown."""
    return f"{count / 1024**3:,.1f} GiB" if count >= 1024**3 else f"{count / 1024**2:.1f} MiB"
