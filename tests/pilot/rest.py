"""Knows when no widget has a message left to deal with.

What a key does goes from one widget to the next, each of which has a queue of its own; a pilot waits for what is in
these when it looks, not for what comes of that.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from textual.message_pump import MessagePump

_dealing: Counter[MessagePump] = Counter()
"""How many messages and callbacks each is dealing with."""


def _counted(deal: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    async def counted(pump: MessagePump, *given: Any) -> None:
        _dealing[pump] += 1
        try:
            await deal(pump, *given)
        finally:
            _dealing[pump] -= 1
            if not _dealing[pump]:
                del _dealing[pump]

    return counted


MessagePump._dispatch_message = _counted(MessagePump._dispatch_message)  # type: ignore[method-assign]
MessagePump._flush_next_callbacks = _counted(MessagePump._flush_next_callbacks)  # type: ignore[method-assign]


def at_rest(pumps: Iterable[MessagePump]) -> bool:
    """Whether none of them has anything left."""
    return not any(
        pump in _dealing or pump.message_queue_size or pump._pending_message or pump._next_callbacks for pump in pumps
    )
