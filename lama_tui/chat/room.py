"""What the next prompt takes of the context window, as the model's own tokenizer counts it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from lama_tui.chat.context import build_context, shown_before
from lama_tui.conversations.messages import ConversationSettings, Message
from lama_tui.engine.fitting import Turns
from lama_tui.providers.base import Provider
from lama_tui.types import ChatMessage

NO_SETTINGS = ConversationSettings()


@dataclass(frozen=True, slots=True)
class Room:
    """`used` tokens of a `window`, which is the one in use; None is unknown.

    `left_out` counts the messages before the model's view, which begins behind them because all do not fit.
    """

    used: int | None = None
    window: int | None = None
    left_out: int = 0


async def measure(
    provider: Provider,
    model: str,
    messages: Sequence[Message],
    settings: ConversationSettings = NO_SETTINGS,
    limit: Callable[[int], int] | None = None,
) -> Room:
    """Count the prompt that `messages` make in a conversation with these settings.

    Of one that is longer than `limit` of the window, the oldest turns are left out as the engine would do it. Never
    raises a `LamaError`; unknown where the provider cannot count, as for servers.
    """

    def count(context: Sequence[ChatMessage]) -> Awaitable[int | None]:
        return provider.count_tokens(model, context, parts=settings.parts, thinking=settings.thinking)

    context = await asyncio.to_thread(build_context, messages, settings.system)
    window = provider.context_window(model)
    used = await count(context) if context else 0
    if used is None or window is None or limit is None or used <= limit(window):
        return Room(used, window)
    turns = Turns(context)
    lengths: dict[int, int] = {}
    search = turns.search(limit(window))
    try:
        turn = next(search)
        while True:
            counted = await count(turns.kept(turn))
            if counted is None:  # the model left memory meanwhile
                return Room()
            lengths[turn] = counted
            turn = search.send(counted)
    except StopIteration as found:
        left_out = turns.left_out(found.value)
        return Room(lengths[found.value], window, shown_before(messages, left_out) if left_out else 0)
