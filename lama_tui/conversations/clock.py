"""The time as the store keeps it."""

import time


def now() -> int:
    """UTC milliseconds."""
    return time.time_ns() // 1_000_000
