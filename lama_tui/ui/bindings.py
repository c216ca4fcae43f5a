"""Textual bindings, made from the keymap."""

from collections.abc import Mapping

from textual.binding import Binding, BindingType

from lama_tui.config.keymap import KEYMAP, Scope

_SYMBOLS = {
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "escape": "esc",
    "pageup": "pgup",
    "pagedown": "pgdn",
    "delete": "del",
}


def bindings(scope: Scope) -> list[BindingType]:
    """The bindings of one scope."""
    return [
        Binding(
            key.keys,
            key.action,
            key.label,
            show=key.show,
            key_display=key_name(key.keys).replace("ctrl+", "^"),
            tooltip=key.tooltip,
            id=key.id,
        )
        for key in KEYMAP
        if key.scope == scope
    ]


def names_of(keys: str) -> list[str]:
    """The single keys of a comma-separated text."""
    return [name.strip() for name in keys.split(",") if name.strip()]


def key_name(keys: str) -> str:
    """The first of `keys` as it stands on a keyboard: `esc`, `[`, `ctrl+n`."""
    first = keys.split(",")[0].strip()
    return _SYMBOLS.get(first, first)


def key_of(binding: str, overrides: Mapping[str, str] | None = None) -> str:
    """The name of the key that is bound to an id now."""
    for key in KEYMAP:
        if key.id == binding:
            return key_name((overrides or {}).get(binding, key.keys))
    raise KeyError(binding)
