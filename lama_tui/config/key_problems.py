"""What is wrong with `[keys]`: unknown ids, keys that do not exist or never arrive, one key for two things."""

import difflib
from collections.abc import Mapping

from lama_tui.config.keymap import KEYMAP, Scope, split_keys
from lama_tui.config.sendable import SAME, always_arrives, is_key, is_sendable, is_typed, normal

_BY_ID = {key.id: key for key in KEYMAP}

# The panes of the workspace; what opens above covers it, and only keys of the app work there too.
_PANES: frozenset[Scope] = frozenset({"composer", "transcript", "conversations"})
_SECTIONS: frozenset[Scope] = frozenset({"installed", "hub", "downloads", "updates"})
_DIALOGS: frozenset[Scope] = frozenset({"models", "chooser", "settings", "log", *_SECTIONS})
_TYPING: frozenset[Scope] = frozenset({"app", "workspace", "composer", "chooser", "dialog"})

_NEEDED = ("palette.open", "dialog.close")
"""Without these one would not get out of a screen, or not at what has no key."""

_OTHER_KEY = "Take another one, such as f9 or ctrl+…, or write one beside it that always arrives"


def problems_of_keys(
    overrides: Mapping[str, str], preset: Mapping[str, str] | None = None
) -> list[tuple[str, str, str]]:
    """Check `[keys]`; `preset` are the keys that hold where `overrides` says nothing.

    Returns (id, why, what to do) for each problem. An empty text takes the key away.
    """
    problems = []
    for name, keys in overrides.items():
        binding = _BY_ID.get(name)
        if binding is None:
            nearest = difflib.get_close_matches(name, _BY_ID, 1, 0.5)
            hint = f"Did you mean `{nearest[0]}`?" if nearest else "`lama config keys` lists the ids"
            problems.append((name, "There is no such binding", hint))
        elif not split_keys(keys) and name in _NEEDED:
            problems.append((name, "It needs a key: without it one would be stuck", f"Such as {binding.keys}"))
        else:
            problems += [(name, *trouble) for trouble in _troubles(binding.scope, keys)]
    return problems + _conflicts(overrides, preset or {})


def _troubles(scope: Scope, keys: str) -> list[tuple[str, str]]:
    """(why, what to do) for each key that does not exist, never arrives, or is needed for typing."""
    found = []
    split = split_keys(keys)
    typed = [key for key in split if is_key(key) and is_typed(key)]
    for key in split:
        if not is_key(key):
            found.append((f"`{key}` is not a key", "Write keys as ctrl+n, f2, pageup or j"))
        elif (same := SAME.get(normal(key))) is not None:
            found.append((f"Terminals send `{key}` as `{same}`", f"Write `{same}`, or take another key"))
        elif not is_sendable(key) and not always_arrives(keys):
            found.append((f"Most terminals cannot send `{key}`", _OTHER_KEY))
        elif key in typed and (scope == "composer" or (scope in _TYPING and len(typed) == len(split))):
            found.append((f"`{key}` is needed for typing", "Use a function key or ctrl+…"))
    return found


def _conflicts(overrides: Mapping[str, str], preset: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Find keys that an override gives to two actions that are reachable at the same time."""
    in_force = {key.id: overrides.get(key.id, preset.get(key.id, key.keys)) for key in KEYMAP}
    taken = [(binding, key, _arriving(key)) for binding in KEYMAP for key in split_keys(in_force[binding.id])]
    return [
        (mine.id, f"`{key}` is also the key of `{other.id}` ({other.label})", "Give one of them another key")
        for mine, key, arriving in taken
        if mine.id in overrides
        for other, _, same in taken
        if same == arriving and other.id != mine.id and _overlap(mine.scope, other.scope)
    ]


def _arriving(key: str) -> str:
    return SAME.get(normal(key), normal(key))


def _overlap(one: Scope, other: Scope) -> bool:
    """Whether the keys of both scopes can be pressed at the same place."""
    both = {one, other}
    if one == other or "app" in both:
        return True
    if "list" in both:
        return bool(both & (_DIALOGS | {"dialog", "workspace", "conversations"}))
    if "dialog" in both:
        return bool(both & _DIALOGS)
    if "models" in both:
        return bool(both & _SECTIONS)
    return "workspace" in both and both <= _PANES | {"workspace"}
