"""The workspace with a look at its event loop: `python -m tests.benchmarks.watched FILE`.

A turn of the loop is due every 10 ms; how late each came is written to FILE at the end, as a JSON list of
(when it was due by `time.monotonic`, seconds late). Turns that a long one swallowed count with what they waited, so
that the figures are those of a key pressed at any moment.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

from lama_tui.config.loader import load_settings
from lama_tui.paths import Paths
from lama_tui.ui.app import LamaApp
from lama_tui.ui.options import WorkspaceOptions

_EVERY = 0.01  # seconds


async def watch(late: list[tuple[float, float]]) -> None:
    """Note how late every turn of the loop is, until cancelled."""
    due = time.monotonic()
    while True:
        due += _EVERY
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        while due <= (now := time.monotonic()):
            late.append((due, now - due))
            due += _EVERY
        due -= _EVERY


async def main(file: Path) -> None:
    paths = Paths.from_environment()
    late: list[tuple[float, float]] = []
    look = asyncio.create_task(watch(late))
    await LamaApp(paths, load_settings(paths), WorkspaceOptions()).run_async()
    look.cancel()
    file.write_text(json.dumps(late))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
