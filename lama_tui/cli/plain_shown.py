"""What plain lines show of conversations: a message, the last turns, the commands."""

from collections.abc import Iterable, Sequence

from lama_tui.conversations.messages import Conversation, Message
from lama_tui.security.gate import clean, clean_line
from lama_tui.ui.current import CurrentConversation
from lama_tui.ui.figures import ago, model_name

_LAST = 4
"""Messages that are shown of a conversation that is opened."""
_SHORT = 400
"""Characters that are shown of each."""


def lately(current: CurrentConversation) -> str:
    """Which conversation it is, who answers, and its last turns, shortly."""
    lines = [f"Conversation: {clean_line(current.title)}. Model: {model_name(current.model)}."]
    earlier = len(current.messages) - _LAST
    if earlier > 0:
        lines.append(f"({earlier} earlier messages; /read prints all)")
    lines += [whole(message, _SHORT) for message in current.messages[-_LAST:]]
    if current.is_held_up:
        lines.append(f"({len(current.queued)} of your messages wait; an empty line sends them)")
    return "\n".join(lines) + "\n"


def whole(message: Message, limit: int | None = None) -> str:
    """A message with who said it, its reasoning named as such, and how it ended; cut at `limit` characters."""
    name = "You" if message.role == "user" else model_name(message.model) or message.role
    if message.covers:
        name = f"Summary of {message.covers:,} messages" + (f" by {name}" if message.model else "")
    name += " (pinned)" if message.pinned else ""
    lines = []
    if message.reasoning.strip() and limit is None:
        lines.append(f"{name}, reasoning: {clean(message.reasoning).strip()}")
    text = clean(message.text).strip()
    if limit is not None and len(text) > limit:
        text = f"{text[:limit].rstrip()}… (/read prints all of it)"
    lines.append(f"{name}: {text}")
    if limit is None:
        lines += [f"{name}, asking for a tool: {clean_line(call, len(call))}" for call in message.calls]
    if end := ended(message):
        lines.append(f"({end})")
    return "\n".join(lines)


def ended(message: Message) -> str:
    """How an answer ended early, as a sentence; empty where it did not."""
    if message.role != "assistant":
        return ""
    match message.state:
        case "stopped":
            return "Stopped: what is there of the answer is kept."
        case "interrupted":
            return "Interrupted: what is there of the answer is kept."
        case "streaming":
            return "Still being written."
        case "failed":
            return f"Failed: {message.error.title if message.error else 'the answer'}."
    return "It reached its limit of tokens." if message.finish_reason == "length" else ""


def listed(conversations: Sequence[Conversation], now: int, here: int | None) -> Iterable[str]:
    """A line for each, with the number that opens it. `now` is UTC milliseconds."""
    for each in conversations:
        marks = [
            ago(each.updated, now),
            "open here" if each.id == here else "",
            "new answer" if each.unseen else "",
            "interrupted" if each.interrupted else "",
        ]
        yield f"{each.id}. {clean_line(each.title) or 'New conversation'} ({', '.join(filter(None, marks))})"
