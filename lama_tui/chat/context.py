"""What a provider gets to read: the shown messages as plain role and text."""

from collections.abc import Sequence
from itertools import pairwise

from lama_tui.conversations.messages import Message
from lama_tui.types import ChatMessage

SUMMARY_REQUEST = "Summarize what we said so far."
"""Stands before a summary, which the model reads as an answer of its own."""


def build_context(messages: Sequence[Message], system: str = "") -> tuple[ChatMessage, ...]:
    """The messages in order, without reasoning and without those that say nothing, after the system prompt.

    The newest summary stands in place of the messages that it is of, except for the turns of those that are pinned.
    A failed answer that says something stays, because the person saw it and may refer to it. Where an empty
    answer is left out, the questions around it become one: chat templates want roles to alternate.
    """
    return tuple(message for message, _ in _laid_out(messages, system))


def shown_before(messages: Sequence[Message], left_out: int) -> int:
    """How many of `messages` come before what a model saw that left out the first `left_out` of their context.

    System messages are never left out, and so not counted.
    """
    context = [index for message, index in _laid_out(messages, "") if message.role != "system"]
    return context[left_out] if left_out < len(context) else len(messages)


def summarized_before(messages: Sequence[Message]) -> int:
    """How many of `messages` the newest summary stands for; 0 without one."""
    return next((count for count in range(len(messages), 0, -1) if messages[count - 1].summary is not None), 0)


def turn_starts(messages: Sequence[Message]) -> list[int]:
    """Where each turn begins: at a question, behind whatever was said before it."""
    return [index for index, message in enumerate(messages) if message.role == "user" or not index]


def _laid_out(messages: Sequence[Message], system: str) -> list[tuple[ChatMessage, int]]:
    """Each message of the context with the index of the message that it begins with."""
    begins = summarized_before(messages)
    context: list[tuple[ChatMessage, int]] = [(ChatMessage("system", system), 0)] if system.strip() else []

    def add(message: ChatMessage, index: int) -> None:
        if not message.text.strip():
            return
        if context and context[-1][0].role == message.role:
            before, index = context.pop()
            both = f"{before.text}\n\n{message.text}"
            message = ChatMessage(message.role, both, before.pinned or message.pinned)
        context.append((message, index))

    stays = _pinned_turns(messages[:begins])
    for index, message in enumerate(messages):
        if index >= begins or index in stays:
            add(ChatMessage(message.role, message.text, message.pinned), index)
        if index == begins - 1 and message.summary is not None:
            add(ChatMessage("user", SUMMARY_REQUEST, pinned=True), begins)
            add(ChatMessage("assistant", message.summary.text, pinned=True), begins)
    return context


def _pinned_turns(messages: Sequence[Message]) -> set[int]:
    """The indexes of the messages whose turn has a pinned one."""
    starts = [*turn_starts(messages), len(messages)]
    return {
        index
        for start, end in pairwise(starts)
        if any(message.pinned for message in messages[start:end])
        for index in range(start, end)
    }
