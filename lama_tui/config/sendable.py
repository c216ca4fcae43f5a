"""Which keys terminals send, and as what they arrive. Keys are in the one spelling of `normal`.

A plain terminal knows no modifiers: it sends bytes that were given out in the sixties. ctrl with a
letter clears two bits of it, so ctrl+i is a tab; alt puts an escape before it; and what has no
byte of its own (ctrl+1, shift+enter) arrives as another key. Only terminals with the keyboard
protocol of kitty tell all of them apart, and few people have one everywhere, tmux and SSH included.
"""

import unicodedata

from lama_tui.config.keymap import split_keys

_MODIFIERS = frozenset({"ctrl", "shift", "alt", "super", "hyper", "meta"})

# xterm puts the modifiers of these into numbers, and so do nearly all others
_NUMBERED = frozenset(
    {"insert", "delete", "home", "end", "pageup", "pagedown", "up", "down", "left", "right"}
    | {f"f{number}" for number in range(1, 13)}
)
# fmt: off
_NAMED = _NUMBERED | frozenset({
    "enter", "escape", "tab", "space", "backspace",
    *(f"f{number}" for number in range(13, 25)),
})
# fmt: on

_CTRL = frozenset("abcdefghijklmnopqrstuvwxyz") | {
    *("backslash", "right_square_bracket", "circumflex_accent", "underscore"),
}

SAME = {
    "ctrl+i": "tab",
    "ctrl+m": "enter",
    "ctrl+h": "backspace",
    "ctrl+left_square_bracket": "escape",
    "ctrl+slash": "ctrl+underscore",
    "alt+enter": "enter",
    "alt+backspace": "ctrl+w",
    "alt+b": "ctrl+left",
    "alt+f": "ctrl+right",
}
"""Keys that arrive as another one: the same bytes, or bytes that stand for the other since Emacs and readline."""


def normal(key: str) -> str:
    """The one spelling of a key: modifiers sorted, characters by name."""
    *modifiers, last = parts(key)
    if len(last) == 1:
        if modifiers == ["shift"] and last.isalpha():
            return last.upper()
        last = last if last.isalnum() else _name(last)
    return "+".join([*sorted(modifiers), last])


def is_key(key: str) -> bool:
    """Whether there is such a key at all, on any terminal."""
    *modifiers, last = parts(key)
    if not set(modifiers) <= _MODIFIERS or len(set(modifiers)) < len(modifiers):
        return False
    if len(last) == 1:
        return last.isprintable()
    return last in _NAMED or character_of(last) is not None


def is_sendable(key: str) -> bool:
    """Whether plain terminals send this key as itself; alt does arrive, as an escape right before the key."""
    key = normal(key)
    if key in SAME:
        return False
    *modifiers, last = parts(key)
    match modifiers:
        case []:
            return last not in _NAMED or last in _NUMBERED or not last[1:].isdigit()
        case _ if last in _NUMBERED:
            return set(modifiers) <= {"alt", "ctrl", "shift"}
        case ["ctrl"]:
            return last in _CTRL
        case ["shift"]:
            return last == "tab"
        case ["alt"]:
            return len(last) == 1 and last.isascii() and last.islower()
        case _:
            return False


def always_arrives(keys: str) -> bool:
    """Whether one of these keys arrives from every terminal: not only with alt, which some keep for themselves."""
    return any(is_sendable(key) and "alt" not in parts(key)[:-1] for key in split_keys(keys))


def is_typed(key: str) -> bool:
    """Whether the key is a character, which is needed wherever one types."""
    *modifiers, last = parts(normal(key))
    return not modifiers and (last == "space" or character_of(last) is not None)


def parts(key: str) -> list[str]:
    """Split `ctrl+n`; the last part of `ctrl++` is a plus."""
    return [*key[:-2].split("+"), "+"] if key.endswith("++") else ["+"] if key == "+" else key.split("+")


def _name(character: str) -> str:
    """A character's name as keys are called: Unicode's, but for a few that are shorter."""
    name = unicodedata.name(character, character).lower().replace(" ", "_").replace("-", "_")
    return _SHORTER.get(name, name)


_SHORTER = {
    "solidus": "slash",
    "reverse_solidus": "backslash",
    "hyphen_minus": "minus",
    "plus_sign": "plus",
    "low_line": "underscore",
    "commercial_at": "at",
}
_CHARACTERS = {_name(chr(code)): chr(code) for code in range(ord("!"), ord("~") + 1)}


def character_of(name: str) -> str | None:
    """The character of a key without modifiers, by its name; None where it has none."""
    if len(name) == 1:
        return name
    if name in _CHARACTERS:
        return _CHARACTERS[name]
    try:
        character = unicodedata.lookup(name.replace("_", " ")) if name.islower() else ""
    except KeyError:
        return None
    return character if character.isprintable() and character else None
