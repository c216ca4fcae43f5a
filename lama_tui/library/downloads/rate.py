"""How fast something comes, by its last seconds."""

from collections import deque

_SPAN = 5.0  # seconds that are looked back


class Rate:
    """Bytes a second over the last five seconds, from how many there were when."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, at: float, count: int) -> None:
        """`count` bytes in all at the time `at`, in seconds of any clock that never goes back."""
        self._seen.append((at, count))
        while len(self._seen) > 2 and self._seen[1][0] <= at - _SPAN:
            self._seen.popleft()

    def now(self) -> float | None:
        """None until something was seen for a second."""
        if len(self._seen) < 2:
            return None
        (begin, before), (end, count) = self._seen[0], self._seen[-1]
        return (count - before) / (end - begin) if end - begin >= 1.0 else None

    def restart(self) -> None:
        """Forget what was: it stood still."""
        self._seen.clear()
