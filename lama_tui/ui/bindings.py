"""Textual bindings, made from the keymap, and the names of keys in the texts of the screen."""

from collections.abc import Mapping

from textual.binding import Binding, BindingType
from textual.dom import DOMNode

from lama_tui.config.key_names import key_name as key_name
from lama_tui.config.key_names import key_of as key_of
from lama_tui.config.keymap import KEYMAP, Scope, keys_of, split_keys

UNBOUND = "unbound"
"""The key of what has none: Textual knows no binding without a key, and no terminal sends this one."""

_IN_A_FIELD = frozenset({"cursor_down", "cursor_up", "page_down", "page_up"})
"""Moves in a list that a field above it has no use for."""


def bindings(scope: Scope) -> list[BindingType]:
    """The bindings of one scope."""
    return [
        Binding(
            key.keys,
            key.action,
            key.label,
            show=key.show,
            key_display=short_key_name(key.keys),
            tooltip=key.tooltip,
            id=key.id,
        )
        for key in KEYMAP
        if key.scope == scope
    ]


def keymap_of(overrides: Mapping[str, str]) -> dict[str, str]:
    """`[keys]` for Textual, which does not take a key away for an empty text."""
    return {binding: keys or UNBOUND for binding, keys in overrides.items()}


def names_of(keys: str) -> list[str]:
    """The single keys of a comma-separated text."""
    return split_keys(keys)


def short_key_name(keys: str) -> str:
    """The first of `keys` where room is scarce: `^n`."""
    return key_name(keys).replace("ctrl+", "^")


def overrides_at(node: DOMNode) -> Mapping[str, str]:
    """`[keys]` as it is in force in the app that a node is mounted in."""
    overrides: Mapping[str, str] = getattr(node.app, "key_overrides", {})
    return overrides


def key_at(node: DOMNode, binding: str) -> str:
    """The name of the key that is bound to an id now, for the texts of a screen or widget."""
    return key_of(binding, overrides_at(node))


def move_at(node: DOMNode, pressed: str) -> str | None:
    """The action of `list` (`cursor_down`, `page_up`, …) of a key that is pressed in a field above a list; None
    where the key belongs to the field."""
    for key in keys_of("list", overrides_at(node)):
        if key.action in _IN_A_FIELD and pressed in split_keys(key.keys):
            return key.action
    return None
