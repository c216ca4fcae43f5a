"""How the engine thread is shared between a model that loads and the answers of others."""

import time
from collections.abc import Callable


class Sharing:
    """Half and half: answers get as long as the load took since they had their last turn."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left = clock()
        self._owed = 0.0

    def turn(self, go_on: Callable[[], bool]) -> None:
        """Let answers `go_on` for the seconds they are owed, or until they have nothing to do."""
        began = self._clock()
        self._owed += began - self._left
        while self._owed > 0 and go_on():
            now = self._clock()
            self._owed -= now - began  # a step may take longer than it should: the load gets that back
            began = now
        self._owed = min(self._owed, 0.0)
        self._left = self._clock()
