"""The names of keys as they stand on a keyboard, and in the guide's answers as the person bound them.

The guide learned the default keys. Where another one is bound, its answers are shown with that: the
stored text stays as it was generated.
"""

import re
from collections.abc import Mapping

from lama_tui.config.keymap import KEYMAP, Key, Scope, split_keys
from lama_tui.config.sendable import always_arrives, character_of, is_typed, normal

# what stands on keyboards is shorter than Textual's name; "ctrl+_" would be misread, and a space not seen
_SHOWN = {
    "escape": "esc",
    "pageup": "pgup",
    "pagedown": "pgdn",
    "delete": "del",
    "underscore": "underscore",
    "space": "space",
}
_WRITTEN = {"esc": "escape", "pgup": "pageup", "pgdn": "pagedown", "del": "delete"}


def key_name(keys: str) -> str:
    """The first of `keys` as it stands on a keyboard: `esc`, `[`, `ctrl+n`."""
    first = next(iter(split_keys(keys)), "")
    modifiers, _, last = first.rpartition("+") if len(first) > 1 else ("", "", first)
    last = _SHOWN.get(last) or character_of(last) or last
    return f"{modifiers}+{last}" if modifiers else last


def key_of(binding: str, overrides: Mapping[str, str] | None = None) -> str:
    """The name of the key that is bound to an id now, of several the first that every terminal sends; where none
    is, how to find it in the palette."""
    for key in KEYMAP:
        if key.id == binding:
            keys = (overrides or {}).get(binding, key.keys)
            name = key_name(next(filter(always_arrives, split_keys(keys)), keys))
            return name or f"{key_of('palette.open', overrides)} {key.label}"
    raise KeyError(binding)


def in_own_keys(answer: str, overrides: Mapping[str, str]) -> str:
    """An answer of the guide with every default key in it replaced by the one that is bound now.

    Only a code span that is nothing but the name of a key counts. Where several actions have that key, the
    words around it say which is meant; where they do not, it stays. Without overrides nothing changes.
    """
    moved = {key.id for key in KEYMAP if key.id in overrides and overrides[key.id] != key.keys}
    if not moved or "`" not in answer:
        return answer
    return "\n".join(_line(line, moved, overrides) for line in answer.split("\n"))


def _line(line: str, moved: set[str], overrides: Mapping[str, str]) -> str:
    def own(span: re.Match[str]) -> str:
        key = _meant(span[1], line, span.start())
        if key is None or key.id not in moved:
            return span[0]
        keys = overrides[key.id]
        if _canonical(span[1]) in split_keys(keys):
            return span[0]  # still one of its keys
        return f"`{key_of(key.id, overrides)}`"

    return re.sub(r"(?<!`)`([^`\n]+)`(?!`)", own, line)


_PLACE: Mapping[Scope, tuple[str, ...]] = {
    "composer": ("composer", "message"),
    "transcript": ("transcript", "message", "answer"),
    "conversations": ("conversation",),
    "models": ("model browser", "model"),
    "installed": ("model browser", "model"),
    "hub": ("hub",),
    "downloads": ("download",),
    "updates": ("update",),
    "settings": ("settings",),
    "log": ("log",),
}
"""What stands in an answer that is about the keys of a scope."""

_ABOVE: frozenset[Scope] = frozenset({"dialog", "list", "chooser"})
"""Scopes that the guide means only where nothing else has the key."""

_BY_NAME: dict[str, list[Key]] = {}
for _key in KEYMAP:
    for _name in split_keys(_key.keys):
        _BY_NAME.setdefault(_name, []).append(_key)


def _canonical(name: str) -> str:
    """A key as the guide writes it, in the spelling of the keymap."""
    *modifiers, last = name.split("+") if len(name) > 1 else [name]
    return normal("+".join([*modifiers, _WRITTEN.get(last, last)]))


def _meant(name: str, line: str, at: int) -> Key | None:
    """The binding that is meant by the name of a default key at this place in a line; None where it is not sure."""
    canonical = _canonical(name)
    found = _BY_NAME.get(canonical, [])
    if len(found) == 1 and ("+" in canonical or re.fullmatch(r"f\d+", canonical)):
        return found[0]  # such a name means nothing else
    sentence = _words(line[_start(line, at) : _end(line, at)])
    scores = []
    for key in found:
        place = _place_is_named(key.scope, line)
        if is_typed(canonical) and not place:
            continue  # a letter by itself can be anything
        does = len(sentence & _words(f"{key.label} {key.tooltip}"))
        if does + place:
            scores.append((does + 2 * place - (key.scope in _ABOVE), key))
    best = max((score for score, _ in scores), default=0)
    likely = [key for score, key in scores if score == best]
    return likely[0] if len(likely) == 1 else None


def _place_is_named(scope: Scope, line: str) -> bool:
    return any(word in line.lower() for word in _PLACE.get(scope, ()))


def _start(line: str, at: int) -> int:
    return max(line.rfind(". ", 0, at), line.rfind("? ", 0, at), line.rfind("; ", 0, at)) + 1


def _end(line: str, at: int) -> int:
    ends = [end for mark in (". ", "; ") if (end := line.find(mark, at)) >= 0]
    return min(ends, default=len(line))


def _words(text: str) -> set[str]:
    """The beginnings of words, so that `copies` meets `copy`; words that stand everywhere say nothing."""
    return {word[:3] for word in re.findall(r"[a-z]{3,}", text.lower()) if word not in _SMALL}


_SMALL = frozenset(
    [
        "the",
        "this",
        "that",
        "with",
        "what",
        "from",
        "then",
        "when",
        "goes",
        "press",
        "and",
        "for",
        "your",
        "you",
        "one",
        "else",
        "here",
        "last",
        "own",
    ]
)
