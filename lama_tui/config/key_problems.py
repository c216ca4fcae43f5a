"""What is wrong with `[keys]`: unknown ids, keys that do not exist, and one key for two things."""

import difflib
import unicodedata
from collections.abc import Mapping

from lama_tui.config.keymap import KEYMAP, Scope

_BY_ID = {key.id: key for key in KEYMAP}

# The panes of the workspace; what opens above covers it, and only keys of the app work there too.
_PANES: frozenset[Scope] = frozenset({"composer", "transcript", "conversations"})
_DIALOGS: frozenset[Scope] = frozenset({"models", "chooser", "settings", "log"})
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
    if "dialog" in (one, other):
        return bool({one, other} & _DIALOGS)
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
