"""Notifications that are shown for a moment at least.

Textual looks whether one is over, makes its toast a moment later, and has the toast wait for the time that is
left then. When that is less than nothing, its timer turns for ever and nothing else runs (textual 8.2.8, `Timer._run`).
"""

from textual.notifications import Notification

_LEAST = 0.05
"""Seconds that a toast waits at least."""


class LastingNotification(Notification):
    """As any other; what is left of its time, as a toast waits for it, is never less than a moment."""

    @property
    def time_left(self) -> float:
        """Seconds, for the timer of the toast."""
        return max(_LEAST, super().time_left)

    @property
    def has_expired(self) -> bool:
        """Whether it is over, which a moment more does not change."""
        return super().time_left <= 0
