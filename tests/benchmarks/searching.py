"""Searching a hub on loopback: how long after the hub's answer the values are there, and what the event loop sees.

    python -m tests.benchmarks.searching

Prints, for a usual page (100 models) and for one of 5,000 models in one answer, the bytes of the answer, the
time from its last byte to the values, the longest pause of the event loop meanwhile, and for comparison what
`json.loads` on the loop would take; then the same for a repo with 10,000 files.
"""

import asyncio
import json
import time
from collections.abc import Awaitable
from typing import Any

from lama_tui.library.hub.access import HubAccess
from lama_tui.library.hub.hub import Hub
from lama_tui.library.hub.values import HubQuery
from tests.library.hub import TestHub

_STEP = 0.001  # seconds between two looks at the loop


def listing(models: int) -> list[dict[str, Any]]:
    """As much as the hub tells of each model."""
    return [
        {
            "_id": f"{number:024x}",
            "id": f"mlx-community/Some-Model-{number}-Instruct-4bit",
            "downloads": 1_000_000 - number,
            "likes": number % 500,
            "lastModified": "2026-05-01T10:20:30.000Z",
            "gated": False,
            "private": False,
            "sha": f"{number:040x}",
            "library_name": "mlx",
            "tags": ["mlx", "safetensors", "llama", "text-generation", "conversational", "4-bit", "license:mit"]
            + [f"base_model:org/Some-Model-{number}", "region:us"] + [f"lang-{tag}" for tag in range(20)],
            "safetensors": {"parameters": {"BF16": 38_717_440, "U32": 154_501_120}, "total": 193_218_560},
        }
        for number in range(models)
    ]  # fmt: skip


def whole_repo(files: int) -> dict[str, Any]:
    """A repo as `?blobs=true` tells it."""
    siblings = [
        {
            "rfilename": f"data/{number // 100}/part-{number:05d}.safetensors",
            "size": 1000 + number,
            "blobId": f"{number:040x}",
            "lfs": {"sha256": f"{number:064x}", "size": 1000 + number, "pointerSize": 130},
        }
        for number in range(files)
    ]
    return {**listing(1)[0], "siblings": siblings}


async def longest_pause(work: Awaitable[object]) -> tuple[float, float]:
    """Seconds that `work` took, and the longest that the loop was held up meanwhile."""
    worst = 0.0

    async def watch() -> None:
        nonlocal worst
        while True:
            before = time.perf_counter()
            await asyncio.sleep(_STEP)
            worst = max(worst, time.perf_counter() - before - _STEP)

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0.02)
    worst, begin = 0.0, time.perf_counter()
    await work
    took = time.perf_counter() - begin
    watching.cancel()
    return took, worst


async def measure() -> None:
    """Print the figures."""
    print(f"{'answer':<24}{'MiB':>8}{'values after ms':>18}{'loop pause ms':>16}{'json.loads ms':>16}")
    with TestHub() as server:
        hub = Hub(HubAccess(server.endpoint), local_only=True)
        await hub.search(HubQuery())  # the first one imports and connects
        for name, told in (
            ("100 models", listing(100)),
            ("5,000 models", listing(5000)),
            ("a repo of 9,000 files", whole_repo(9000)),
        ):
            body = json.dumps(told).encode()
            begin = time.perf_counter()
            json.loads(body)
            plain = time.perf_counter() - begin
            found = []
            for _ in range(5):
                server.behave()
                server.trouble("/api/models", status=200, body=body, seconds=0.1)
                if isinstance(told, list):
                    found.append(await longest_pause(hub.search(HubQuery())))
                else:
                    found.append(await longest_pause(hub.details(told["id"])))
            took, worst = sorted(one[0] for one in found)[2] - 0.1, max(one[1] for one in found)
            print(f"{name:<24}{len(body) / 2**20:>8.2f}{took * 1e3:>18.1f}{worst * 1e3:>16.1f}{plain * 1e3:>16.1f}")
        await hub.close()


if __name__ == "__main__":
    asyncio.run(measure())
