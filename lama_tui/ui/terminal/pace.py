"""How often what streams is drawn: as often as the line takes it, and no oftener than an eye needs."""

from collections.abc import Mapping

LOCALLY = 0.05
"""Seconds between two frames on this machine."""

OVER_A_LINE = 0.1
"""Seconds between two frames over SSH, whose buffers hide how slow the line behind them is."""

SLOWEST = 1.0

_REMOTE = ("SSH_CONNECTION", "SSH_TTY", "MOSH_CONNECTION")


def frame_interval(delay: float, environment: Mapping[str, str]) -> float:
    """Seconds until the next frame of something that streams, where the terminal took `delay` seconds for one.

    A third of the line stays free, for what keys do.
    """
    quickest = OVER_A_LINE if any(environment.get(name) for name in _REMOTE) else LOCALLY
    return min(SLOWEST, max(quickest, 1.5 * delay))
