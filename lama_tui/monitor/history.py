"""The last samples, oldest first."""

from collections import deque
from collections.abc import Iterator

from lama_tui.types import ResourceSample


class History:
    """A ring of samples: nearly three minutes at one a second, then the oldest go."""

    def __init__(self, length: int = 160) -> None:
        self._ring: deque[ResourceSample] = deque(maxlen=length)

    def append(self, sample: ResourceSample) -> None:
        """Keep `sample` as the newest."""
        self._ring.append(sample)

    @property
    def latest(self) -> ResourceSample | None:
        """The newest sample, None before the first."""
        return self._ring[-1] if self._ring else None

    def __len__(self) -> int:
        return len(self._ring)

    def __iter__(self) -> Iterator[ResourceSample]:
        return iter(tuple(self._ring))
