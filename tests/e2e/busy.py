"""How long a machine that others keep busy takes for what an idle one does in so many seconds."""

import os
import threading
import time
from collections import deque
from pathlib import Path

_PRESSURE = Path("/proc/pressure")
_STEP = 0.05  # seconds between two looks
_MOST = 10.0  # times as long, where something waits all the time


def in_time(seconds: float) -> float:
    """So many seconds, and longer where others keep the machine busy: by the programs for each processor, of the last
    minute; by the share of the last ten seconds in which something waited for a processor or a disk; and so long that
    in as many of the last seconds nothing waited. A burst is over before the first two know of it."""
    shares = sum(_told(what, "avg10") / 100 for what in ("cpu", "io"))
    factor = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1), 1 + 3 * shares)
    return max(seconds * factor, min(_looks.since(seconds), seconds * _MOST))


def _told(what: str, name: str) -> float:
    """A figure of the time in which something waited; 0 where the system does not tell."""
    try:
        told = (_PRESSURE / what).read_text()  # some avg10=12.34 avg60=… total=… (microseconds)
    except OSError:
        return 0.0
    return float(told.split("\n")[0].split(f"{name}=")[1].split()[0])


class _Looks(threading.Thread):
    """Looks again and again how long something has waited altogether."""

    def __init__(self) -> None:
        super().__init__(name="busy", daemon=True)
        self._seen: deque[tuple[float, float]] = deque(maxlen=round(60 / _STEP))

    def run(self) -> None:
        while True:
            self._look()
            time.sleep(_STEP)

    def _look(self) -> tuple[float, float]:
        waited = sum(_told(what, "total") / 1e6 for what in ("cpu", "io"))
        self._seen.append((time.monotonic(), waited))
        return self._seen[-1]

    def since(self, seconds: float) -> float:
        """How long ago it is that so many seconds without waiting began, as far as was looked."""
        now, waited = self._look()
        ago = 0.0
        for then, had_waited in reversed(list(self._seen)):
            ago = now - then
            if ago - (waited - had_waited) >= seconds:
                break
        return ago


_looks = _Looks()
_looks.start()
