"""What a provider gets to read: the shown messages as plain role and text."""

from collections.abc import Iterable, Sequence

from lama_tui.conversations.messages import Message
from lama_tui.types import ChatMessage


def build_context(messages: Iterable[Message], system: str = "") -> tuple[ChatMessage, ...]:
    """The messages in order, without reasoning and without those that say nothing, after the system prompt.

    A failed answer that says something stays, because the person saw it and may refer to it. Where an empty
    answer is left out, the questions around it become one: chat templates want roles to alternate.
    """
    context = [ChatMessage("system", system)] if system.strip() else []
    for message in messages:
        text = message.text
        if not text.strip():
            continue
        if context and context[-1].role == message.role:
            text = f"{context.pop().text}\n\n{text}"
        context.append(ChatMessage(message.role, text))
    return tuple(context)


def shown_before(messages: Sequence[Message], left_out: int) -> int:
    """How many of `messages` come before what a model saw that left out the first `left_out` of their context.

    System messages are never left out, and so not counted.
    """
    seen: str | None = None
    counted = 0
    for index, message in enumerate(messages):
        if message.text.strip() and message.role not in ("system", seen):
            seen = message.role
            counted += 1
            if counted > left_out:
                return index
    return len(messages)
