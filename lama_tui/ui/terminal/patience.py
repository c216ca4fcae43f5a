"""How long a process is waited for: what it did not get of a busy machine does not count against it.

Imports next to nothing: the guard does before anything is on the screen.
"""

import os
import time


class Patience:
    """Begins now and lasts `limit` seconds; longer by the time in which the process `pid` could have run and other
    programs had the processors, but `most` seconds at most. Only Linux tells of that time."""

    def __init__(self, pid: int, limit: float, most: float) -> None:
        self._pid = pid
        self._limit = limit
        self._most = most
        self._began = time.monotonic()
        self._had_waited = waited(pid)

    def left(self) -> float:
        """Seconds that are left, as far as is known now; none left: 0 or less."""
        lost = max(0.0, waited(self._pid) - self._had_waited)  # threads that end take their time along
        return self._began + min(self._limit + lost, self._most) - time.monotonic()


def waited(pid: int) -> float:
    """Seconds that all threads of a process have waited for a processor so far; 0 where the system does not tell."""
    nanoseconds = 0
    try:
        threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - pathlib takes as long to import as all else here
    except OSError:
        return 0.0
    for thread in threads:
        try:
            with open(f"/proc/{pid}/task/{thread}/schedstat", "rb") as file:  # noqa: PTH123
                nanoseconds += int(file.read().split()[1])  # time on a processor, time without one, turns
        except (OSError, IndexError, ValueError):  # it ended, or the system keeps no count
            continue
    return nanoseconds / 1e9
