"""How a verb that takes a while runs: in an event loop of its own, with the log open until it has ended."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from lama_tui.paths import Paths
from lama_tui.security.log import open_log

T = TypeVar("T")


def run_logged(work: Coroutine[Any, Any, T], paths: Paths, *, debug: bool) -> T:
    """What `work` returns; raises what it raises. `debug` makes the log say more."""
    log = open_log(paths, debug)
    try:
        return asyncio.run(work)
    finally:
        log.close()
