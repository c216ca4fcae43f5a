"""Every key of the app: its stable id, its default keys, what it does.

The UI builds its bindings from here, `lama config keys` lists it, help is generated from it,
and the guide's corpus is tested against it. Ids are contracts: `[keys]` rebinds by id.
"""

from dataclasses import dataclass
from typing import Literal

Scope = Literal["app", "workspace", "composer", "transcript", "conversations", "models", "help"]


@dataclass(frozen=True, slots=True)
class Key:
    """One binding. `keys` are Textual key names, comma separated; `label` fits a footer."""

    id: str
    scope: Scope
    keys: str
    action: str
    label: str
    tooltip: str
    show: bool = False


KEYMAP: tuple[Key, ...] = (
    # everywhere (app), and everywhere in the workspace
    Key("conversation.new", "workspace", "ctrl+n", "new_conversation", "New", "Start a new conversation", True),
    Key("conversation.list", "workspace", "ctrl+s", "show_conversations", "Conversations", "Go to the list of conversations", True),
    Key("models.open", "workspace", "ctrl+l", "choose_model", "Models", "Choose the model of this conversation", True),
    Key("monitor.toggle", "workspace", "ctrl+g", "toggle_monitor", "Monitor", "Show or hide the live monitor", True),
    Key("palette.open", "app", "ctrl+p", "command_palette", "Palette", "Find any action by name", True),
    Key("help.open", "app", "f1", "help", "Help", "Show every key that works here", True),
    Key("app.redraw", "app", "f5", "redraw", "Redraw", "Draw the whole screen again"),
    Key("app.suspend", "app", "ctrl+z", "suspend_process", "Suspend", "Go back to the shell; `fg` returns"),
    Key("app.copy", "workspace", "ctrl+c", "copy_or_clear", "Copy", "Copy the selection, else clear what is typed, else stop the answer"),
    Key("app.stop", "workspace", "escape", "stop_or_leave", "Stop", "Stop the answer; when nothing runs, go to the transcript"),
    Key("focus.next", "workspace", "tab", "next_pane", "Next pane", "Move to the next pane"),
    Key("focus.previous", "workspace", "shift+tab", "previous_pane", "Previous pane", "Move to the previous pane"),
    Key("app.quit", "app", "ctrl+q", "quit", "Quit", "Save everything and quit", True),
    # typing
    Key("composer.send", "composer", "enter", "send", "Send", "Send the message; while an answer streams, queue it"),
    Key("composer.newline", "composer", "shift+enter,ctrl+j", "newline", "New line", "Start a new line"),
    Key("composer.edit_queued", "composer", "up", "up_or_queued", "Edit queued", "On the first line: take the queued message back to edit it"),
    Key("composer.undo", "composer", "ctrl+underscore", "undo", "Undo", "Undo the last typing"),
    Key("composer.page_up", "composer", "pageup", "scroll_transcript(-1)", "Scroll up", "Scroll the transcript up a page"),
    Key("composer.page_down", "composer", "pagedown", "scroll_transcript(1)", "Scroll down", "Scroll the transcript down a page"),
    # reading
    Key("transcript.next", "transcript", "j", "next_message", "Next", "Go to the next message", True),
    Key("transcript.previous", "transcript", "k", "previous_message", "Previous", "Go to the previous message", True),
    Key("transcript.first", "transcript", "g", "first_message", "First", "Go to the first message"),
    Key("transcript.last", "transcript", "G", "last_message", "Last", "Go to the last message and follow it"),
    Key("transcript.copy", "transcript", "y", "copy_message", "Copy", "Copy the message", True),
    Key("transcript.regenerate", "transcript", "r", "regenerate", "Regenerate", "Answer again; the old answer is kept beside the new one", True),
    Key("transcript.continue", "transcript", "c", "continue_answer", "Continue", "Continue an answer that was stopped or interrupted", True),
    Key("transcript.older", "transcript", "left_square_bracket", "sibling(-1)", "Older answer", "Show the answer before this one"),
    Key("transcript.newer", "transcript", "right_square_bracket", "sibling(1)", "Newer answer", "Show the answer after this one"),
    Key("transcript.fold", "transcript", "space", "fold", "Fold", "Fold or unfold the reasoning"),
    Key("transcript.compose", "transcript", "i", "compose", "Write", "Go to the composer", True),
    # the list of conversations
    Key("conversations.open", "conversations", "enter", "open", "Open", "Open this conversation", True),
    Key("conversations.rename", "conversations", "f2", "rename", "Rename", "Give this conversation another title", True),
    Key("conversations.delete", "conversations", "delete", "delete", "Delete", "Delete this conversation; `u` brings it back", True),
    Key("conversations.undo", "conversations", "u", "undo_delete", "Undo delete", "Bring back the conversation that was deleted last", True),
    # the model picker
    Key("models.use", "models", "enter", "use", "Use", "Use this model in this conversation", True),
    Key("models.close", "models", "escape", "close", "Back", "Close without changing anything", True),
    # help
    Key("help.close", "help", "escape", "close", "Back", "Close help", True),
)


def keys_of(scope: Scope, overrides: dict[str, str] | None = None) -> tuple[Key, ...]:
    """The bindings of one scope, with `[keys]` applied."""
    changed = overrides or {}
    return tuple(
        Key(k.id, k.scope, changed.get(k.id, k.keys), k.action, k.label, k.tooltip, k.show)
        for k in KEYMAP
        if k.scope == scope
    )
