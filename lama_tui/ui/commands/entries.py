"""The lines of the palette and of the list of slash commands: one for every action of the keymap."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from lama_tui.config.keymap import KEYMAP, Key, Scope
from lama_tui.ui.bindings import key_name

PLACES: Mapping[Scope, str] = {
    "app": "Everywhere",
    "workspace": "In the workspace",
    "composer": "While you write",
    "transcript": "In the transcript",
    "conversations": "In the list of conversations",
    "models": "In the model browser",
    "installed": "Among the installed models",
    "hub": "On the hub",
    "downloads": "Among the downloads",
    "updates": "Among the updates",
    "cleaning": "Where room is made",
    "chooser": "In lists to choose from",
    "settings": "In the settings",
    "log": "In the log",
    "dialog": "In what opens above the workspace",
    "list": "In lists and pages",
}
"""Where the keys of a scope work, as a heading."""

OPENED_BY: Mapping[Scope, str] = {
    "models": "models.open",
    "installed": "models.open",
    "hub": "hub.open",
    "downloads": "downloads.open",
    "updates": "updates.open",
    "cleaning": "models.clean",
    "settings": "settings.open",
    "log": "log.open",
}
"""The binding that opens the screen of a scope."""

DOORS: Mapping[str, str] = {"models.import": "import_model"}
"""Actions of the workspace that open another screen and begin there what a binding of that screen does, by its id."""

BY_ID: Mapping[str, Key] = {key.id: key for key in KEYMAP}
"""The keymap by binding id."""

_ALWAYS: tuple[Scope, ...] = ("workspace", "transcript", "conversations", "app", "composer")
"""Scopes whose actions can be asked for from anywhere, the likeliest first."""

_ORDER: tuple[Scope, ...] = (
    *_ALWAYS,
    *("installed", "hub", "downloads", "updates", "models", "cleaning", "settings", "log", "chooser", "dialog", "list"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line to choose. `key` is what stands on the keyboard; `also` are words that find it and are not shown.

    `id` is the binding id, or whatever else says what was chosen.
    """

    id: str
    label: str
    about: str
    key: str = ""
    also: str = ""
    is_conversation: bool = False


def key_now(key: Key, overrides: Mapping[str, str]) -> str:
    """The key that is bound now, as it stands on a keyboard; empty when none is."""
    return key_name(overrides.get(key.id, key.keys))


def palette_entries(overrides: Mapping[str, str], here: Collection[Scope]) -> list[Entry]:
    """Every action that can be asked for from a screen that carries out the scopes `here`.

    What belongs to a screen that is not open says which one: choosing it opens that screen. Lists and
    dialogs cannot be opened without a purpose, so theirs are offered only there.
    """
    entries = []
    own = [scope for scope in here if scope in OPENED_BY]  # what one came to this screen for is on top
    for key in sorted(
        KEYMAP, key=lambda key: (key.id == "palette.open", key.scope not in own, _ORDER.index(key.scope))
    ):
        if key.scope not in _ALWAYS and key.scope not in here and key.scope not in OPENED_BY:
            continue
        elsewhere = key.scope in OPENED_BY and key.scope not in here
        about = f"{PLACES[key.scope]}: {key.tooltip[0].lower()}{key.tooltip[1:]}" if elsewhere else key.tooltip
        also = " ".join((key.command, key.id.replace(".", " ")))
        entries.append(Entry(key.id, key.label, about, key_now(key, overrides), also))
    return entries


def slash_entries(overrides: Mapping[str, str]) -> list[Entry]:
    """Every action that has a name after a slash, by that name."""
    named = [key for key in KEYMAP if key.command]
    return [
        Entry(key.id, f"/{key.command}", key.tooltip, key_now(key, overrides), key.label)
        for key in sorted(named, key=lambda key: key.command)
    ]
