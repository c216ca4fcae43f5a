"""The `lama` command with a look at its event loop: `python -m tests.benchmarks.watched FILE`.

A turn of the loop is due every 10 ms; how late each came is written to FILE at the end, as a JSON list of
(when it was due by `time.monotonic`, seconds late). Turns that a long one swallowed count with what they waited, so
that the figures are those of a key pressed at any moment.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

from lama_tui.cli.main import main
from lama_tui.ui.app import LamaApp

_EVERY = 0.01  # seconds


async def watch(late: list[tuple[float, float]]) -> None:
    """Note how late every turn of the loop is, until cancelled."""
    due = time.monotonic()
    while True:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        while due <= (now := time.monotonic()):
            late.append((due, now - due))
            due += _EVERY


def run_watched(app: LamaApp, *, mouse: bool) -> None:
    """In place of `LamaApp.run`."""

    late: list[tuple[float, float]] = []

    async def run() -> None:
        look = asyncio.create_task(watch(late))
        await app.run_async(mouse=mouse)
        look.cancel()

    asyncio.run(run())
    Path(sys.argv[1]).write_text(json.dumps(late))


if __name__ == "__main__":
    LamaApp.run = run_watched  # type: ignore[method-assign,assignment]
    sys.exit(main([]))
