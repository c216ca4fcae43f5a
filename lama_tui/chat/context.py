"""What a provider gets to read: the shown messages as plain role and text."""

from collections.abc import Iterable

from lama_tui.conversations.messages import Message
from lama_tui.types import ChatMessage


def build_context(messages: Iterable[Message]) -> tuple[ChatMessage, ...]:
    """The messages in order, without reasoning and without those that say nothing.

    A failed answer that says something stays, because the person saw it and may refer to it. Where an empty
    answer is left out, the questions around it become one: chat templates want roles to alternate.
    """
    context: list[ChatMessage] = []
    for message in messages:
        text = message.text
        if not text.strip():
            continue
        if context and context[-1].role == message.role:
            text = f"{context.pop().text}\n\n{text}"
        context.append(ChatMessage(message.role, text))
    return tuple(context)
