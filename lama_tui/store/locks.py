"""Advisory file locks. The system drops them when the process ends, however it ends."""

import os
import sys
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def try_lock(descriptor: int) -> bool:
        """Lock the open file for this process; False when another has it. Raises `OSError`."""
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True

else:
    import fcntl

    def try_lock(descriptor: int) -> bool:
        """Lock the open file for this process; False when another has it. Raises `OSError`.

        `flock` belongs to the opening, not to the process: a second opening of the same file
        in the same process conflicts too, and closing one opening leaves the others' locks.
        """
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def locked(path: Path) -> bool:
    """Whether somebody has the file at `path` locked; False for one that is gone or may not be opened."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        return not try_lock(descriptor)
    except OSError:  # a file system without locks
        return False
    finally:
        os.close(descriptor)
