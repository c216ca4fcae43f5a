"""Every key of the app: its stable id, its default keys, what it does.

The UI builds its bindings from here, `lama config keys` lists it, help is generated from it,
and the guide's corpus is tested against it. Ids are contracts: `[keys]` rebinds by id.
"""

import difflib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

Scope = Literal["app", "workspace", "composer", "transcript", "conversations", "models", "rename", "help"]


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
    Key(
        "conversation.list",
        "workspace",
        "ctrl+s",
        "show_conversations",
        "List",
        "Go to the list of conversations",
        True,
    ),
    Key("models.open", "workspace", "ctrl+l", "choose_model", "Models", "Choose the model of this conversation", True),
    Key("monitor.toggle", "workspace", "ctrl+g", "toggle_monitor", "Monitor", "Show or hide the live monitor", True),
    Key("palette.open", "app", "ctrl+p", "command_palette", "Palette", "Find any action by name", True),
    Key("help.open", "app", "f1", "help", "Help", "Show every key that works here", True),
    Key("app.redraw", "app", "f5", "redraw", "Redraw", "Draw the whole screen again"),
    Key("app.suspend", "app", "ctrl+z", "suspend_process", "Suspend", "Go back to the shell; `fg` returns"),
    Key(
        "app.copy",
        "workspace",
        "ctrl+c",
        "copy_or_clear",
        "Copy",
        "Copy the selection, else clear what is typed, else stop the answer",
    ),
    Key(
        "app.stop",
        "workspace",
        "escape",
        "stop_or_leave",
        "Stop",
        "Stop the answer; when nothing runs, go to the transcript",
    ),
    Key("focus.next", "workspace", "tab", "next_pane", "Next pane", "Move to the next pane"),
    Key("focus.previous", "workspace", "shift+tab", "previous_pane", "Previous pane", "Move to the previous pane"),
    Key("app.quit", "app", "ctrl+q", "quit", "Quit", "Save everything and quit", True),
    # typing
    Key("composer.send", "composer", "enter", "send", "Send", "Send the message; while an answer streams, queue it"),
    Key("composer.newline", "composer", "shift+enter,ctrl+j", "newline", "New line", "Start a new line"),
    Key(
        "composer.edit_queued",
        "composer",
        "up",
        "up_or_queued",
        "Edit queued",
        "On the first line: take the queued message back to edit it",
    ),
    Key("composer.undo", "composer", "ctrl+underscore", "undo", "Undo", "Undo the last typing"),
    Key(
        "composer.page_up",
        "composer",
        "pageup",
        "scroll_transcript(-1)",
        "Scroll up",
        "Scroll the transcript up a page",
    ),
    Key(
        "composer.page_down",
        "composer",
        "pagedown",
        "scroll_transcript(1)",
        "Scroll down",
        "Scroll the transcript down a page",
    ),
    # reading
    Key("transcript.next", "transcript", "j", "next_message", "Next", "Go to the next message", True),
    Key("transcript.previous", "transcript", "k", "previous_message", "Previous", "Go to the previous message", True),
    Key("transcript.first", "transcript", "g", "first_message", "First", "Go to the first message"),
    Key("transcript.last", "transcript", "G", "last_message", "Last", "Go to the last message and follow it"),
    Key("transcript.copy", "transcript", "y", "copy_message", "Copy", "Copy the message", True),
    Key(
        "transcript.regenerate",
        "transcript",
        "r",
        "regenerate",
        "Regenerate",
        "Answer again; the old answer is kept beside the new one",
        True,
    ),
    Key(
        "transcript.continue",
        "transcript",
        "c",
        "continue_answer",
        "Continue",
        "Continue an answer that was stopped or interrupted",
        True,
    ),
    Key(
        "transcript.older",
        "transcript",
        "left_square_bracket",
        "sibling(-1)",
        "Older answer",
        "Show the answer before this one",
    ),
    Key(
        "transcript.newer",
        "transcript",
        "right_square_bracket",
        "sibling(1)",
        "Newer answer",
        "Show the answer after this one",
    ),
    Key("transcript.fold", "transcript", "space", "fold", "Fold", "Fold or unfold the reasoning"),
    Key("transcript.compose", "transcript", "i", "compose", "Write", "Go to the composer", True),
    # the list of conversations
    Key("conversations.open", "conversations", "enter", "open", "Open", "Open this conversation", True),
    Key(
        "conversations.rename", "conversations", "f2", "rename", "Rename", "Give this conversation another title", True
    ),
    Key(
        "conversations.delete",
        "conversations",
        "delete",
        "delete",
        "Delete",
        "Delete this conversation; `u` brings it back",
        True,
    ),
    Key(
        "conversations.undo",
        "conversations",
        "u",
        "undo_delete",
        "Undo delete",
        "Bring back the conversation that was deleted last",
        True,
    ),
    # the model picker
    Key("models.use", "models", "enter", "use", "Use", "Use this model in this conversation", True),
    Key("models.close", "models", "escape", "close", "Back", "Close without changing anything", True),
    # the new title of a conversation
    Key("rename.close", "rename", "escape", "close", "Back", "Keep the title as it is", True),
    # help
    Key("help.close", "help", "escape", "close", "Back", "Close help", True),
)


_BY_ID = {key.id: key for key in KEYMAP}

# The panes of the workspace; the model picker and help cover it, and only keys of the app work there too.
_PANES: frozenset[Scope] = frozenset({"composer", "transcript", "conversations"})
_TYPING: frozenset[Scope] = frozenset({"app", "workspace", "composer"})

_MODIFIERS = frozenset({"ctrl", "shift", "alt", "super"})
# fmt: off
_NAMED = frozenset({
    "enter", "escape", "tab", "space", "backspace", "delete", "insert", "home", "end", "pageup", "pagedown",
    "up", "down", "left", "right", "at", "slash", "backslash", "minus", "plus", "underscore",
    *(f"f{number}" for number in range(1, 25)),
})
# fmt: on

# What a terminal sends is the same for both, so they are one key.
_SAME = {"ctrl+i": "tab", "ctrl+m": "enter", "ctrl+h": "backspace", "ctrl+left_square_bracket": "escape"}


def keys_of(scope: Scope, overrides: Mapping[str, str] | None = None) -> tuple[Key, ...]:
    """The bindings of one scope, with `[keys]` applied; `keys` may then be empty: not bound."""
    changed = overrides or {}
    return tuple(replace(key, keys=changed.get(key.id, key.keys)) for key in KEYMAP if key.scope == scope)


def problems_of_keys(overrides: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Check `[keys]`: unknown ids, keys that do not exist, and one key for two things.

    Returns (id, why, what to do) for each problem. An empty text takes the key away.
    """
    problems = []
    for name, keys in overrides.items():
        binding = _BY_ID.get(name)
        if binding is None:
            nearest = difflib.get_close_matches(name, _BY_ID, 1, 0.5)
            hint = f"Did you mean `{nearest[0]}`?" if nearest else "`lama config keys` lists the ids"
            problems.append((name, "There is no such binding", hint))
            continue
        for key in _split(keys):
            if not _is_key(key):
                problems.append((name, f"`{key}` is not a key", "Write keys as ctrl+n, f2, pageup or j"))
            elif binding.scope in _TYPING and len(key) == 1:
                problems.append((name, f"`{key}` is needed for typing", "Use a function key or ctrl+…"))
    return problems + _conflicts(overrides)


def _conflicts(overrides: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Find keys that an override gives to two actions that are reachable at the same time."""
    taken = [(binding, _normal(key)) for binding in KEYMAP for key in _split(overrides.get(binding.id, binding.keys))]
    return [
        (mine.id, f"`{key}` is also the key of `{other.id}` ({other.label})", "Give one of them another key")
        for mine, key in taken
        if mine.id in overrides
        for other, same in taken
        if same == key and other.id != mine.id and _overlap(mine.scope, other.scope)
    ]


def _overlap(one: Scope, other: Scope) -> bool:
    if one == other or "app" in (one, other):
        return True
    return "workspace" in (one, other) and {one, other} <= _PANES | {"workspace"}


def _split(keys: str) -> list[str]:
    return [key.strip() for key in keys.split(",") if key.strip()]


def _normal(key: str) -> str:
    """Return the one spelling of a key: modifiers sorted, characters by name, aliases resolved."""
    *modifiers, last = _parts(key)
    if len(last) == 1:
        if modifiers == ["shift"] and last.isalpha():
            return last.upper()
        last = last if last.isalnum() else unicodedata.name(last, last).lower().replace(" ", "_").replace("-", "_")
    key = "+".join([*sorted(modifiers), last])
    return _SAME.get(key, key)


def _is_key(key: str) -> bool:
    *modifiers, last = _parts(key)
    if not set(modifiers) <= _MODIFIERS or len(set(modifiers)) < len(modifiers):
        return False
    return last in _NAMED or (len(last) == 1 and last.isprintable()) or _is_character_name(last)


def _is_character_name(name: str) -> bool:
    """Whether `name` names a character as Unicode does: `left_square_bracket`, `full_stop`."""
    try:
        return name.islower() and unicodedata.lookup(name.replace("_", " ")).isprintable()
    except KeyError:
        return False


def _parts(key: str) -> list[str]:
    """Split `ctrl+n`; the last part of `ctrl++` is a plus."""
    return [*key[:-2].split("+"), "+"] if key.endswith("++") else ["+"] if key == "+" else key.split("+")
