"""Whole sets of keys that people have in their fingers: `[keys] preset = "vim"`.

A preset says only what differs from the default keymap; what the person binds goes before it. The
first key of every entry arrives from every terminal, because it is the one that texts name.
"""

from collections.abc import Mapping
from typing import Literal, get_args

Preset = Literal["default", "vim", "emacs"]
PRESETS: tuple[Preset, ...] = get_args(Preset)

_VIM: Mapping[str, str] = {
    # characters work wherever one does not type
    "palette.open": "ctrl+p,colon",
    "search.open": "ctrl+f,slash",
    "list.down": "down,j",
    "list.up": "up,k",
    "list.first": "home,g",
    "list.last": "end,G",
    "conversations.open": "enter,l",
    "conversations.delete": "delete,x",
    "models.remove": "delete,x",
    "settings.edit": "enter,l",
    "settings.reset": "delete,x",
    "transcript.older": "left_square_bracket,h",
    "transcript.newer": "right_square_bracket,l",
    "transcript.compose": "i,a,o",
    "dialog.close": "escape,q",
}

_EMACS: Mapping[str, str] = {
    # what Emacs needs for moving and searching; what was there goes elsewhere
    "palette.open": "ctrl+x,alt+x",
    "conversation.new": "f12,alt+n",
    "conversation.list": "ctrl+right_square_bracket,alt+l",
    "monitor.toggle": "ctrl+backslash,alt+g",
    "updates.open": "shift+f10",
    "search.open": "ctrl+s",
    "app.stop": "escape,ctrl+g",
    "app.copy": "ctrl+c,alt+w",
    "dialog.close": "escape,ctrl+g",
    "dialog.copy": "ctrl+c,alt+w",
    "composer.previous": "up,ctrl+p",
    "composer.next": "down,ctrl+n",
    "composer.left": "left,ctrl+b",
    "composer.right": "right,ctrl+f",
    "composer.page_up": "pageup,alt+v",
    "composer.page_down": "pagedown,ctrl+v",
    "transcript.next": "j,ctrl+n",
    "transcript.previous": "k,ctrl+p",
    "transcript.page_up": "pageup,alt+v",
    "transcript.page_down": "pagedown,ctrl+v",
    "list.down": "down,ctrl+n",
    "list.up": "up,ctrl+p",
    "list.page_up": "pageup,alt+v",
    "list.page_down": "pagedown,ctrl+v",
    "list.first": "home,ctrl+a",
    "list.last": "end,ctrl+e",
}

KEYS_OF: Mapping[Preset, Mapping[str, str]] = {"default": {}, "vim": _VIM, "emacs": _EMACS}
"""Keys by binding id."""
