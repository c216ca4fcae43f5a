"""Why an action cannot be carried out now, where nothing would happen otherwise."""

from dataclasses import dataclass

from lama_tui.config.keymap import Key


@dataclass(frozen=True, slots=True)
class Now:
    """What the workspace has at this moment: what its actions could act on."""

    is_open: bool = False
    messages: int = 0
    conversations: int = 0
    is_running: bool = False
    queued: int = 0
    typed: bool = False
    pasted: bool = False
    completes: bool = False
    cut_short: bool = False


_BEFORE_OPEN = {
    "app.copy", "conversation.list", "focus.next", "focus.previous", "monitor.toggle", "settings.open",
    "models.open", "hub.open", "downloads.open", "updates.open", "app.stop", "transcript.compose",
}  # fmt: skip
"""What works before the conversations are open, beside typing."""

_WITHOUT_MESSAGES = {"transcript.compose", "transcript.figures"}


def obstacle(key: Key, now: Now) -> str:
    """What is missing for this action, as a sentence; empty where it can be tried."""
    if key.scope in ("app", "composer") or (not now.is_open and key.id in _BEFORE_OPEN):
        return "Nothing is typed yet." if key.id == "composer.send" and not now.typed and not now.queued else ""
    if key.scope in ("workspace", "transcript", "conversations") and not now.is_open:
        return "Your conversations are still being opened; try again in a moment."
    if key.id == "app.stop" and not now.is_running:
        return "No answer is being written."
    if key.scope == "transcript" and not now.messages and key.id not in _WITHOUT_MESSAGES:
        return "There is no message in this conversation yet."
    if key.scope == "conversations" and not now.conversations and key.id != "conversations.undo":
        return "There is no conversation yet: it begins with your first message."
    return ""
