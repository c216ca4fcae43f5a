"""Which keys matter at this moment, the most important first: what the line of keys shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from lama_tui.config.keymap import KEYMAP, Key, Scope
from lama_tui.ui.bindings import names_of, short_key_name
from lama_tui.ui.commands.entries import BY_ID
from lama_tui.ui.commands.obstacle import Now

ALWAYS = ("help.open", "app.quit")
"""What has a place on every line of keys."""

_IDLE = (
    "conversation.new", "models.open", "palette.open", "conversation.list", "search.open", "monitor.toggle",
    "thinking.toggle", "conversation.settings", "settings.open", "theme.choose",
)  # fmt: skip
"""In the workspace while nothing presses."""

_READING = (
    "transcript.copy", "transcript.regenerate", "transcript.edit", "transcript.next", "transcript.previous",
    "transcript.compose", "transcript.fork", "transcript.fold", "transcript.next_code", "transcript.copy_code",
    "transcript.range", "transcript.figures", "transcript.export",
)  # fmt: skip
"""In the transcript."""


@dataclass(frozen=True, slots=True)
class Hint:
    """A key and what it does now. `press` is its Textual name, for a click."""

    key: str
    label: str
    press: str
    tooltip: str

    def __str__(self) -> str:
        return f"{self.key} {self.label}"


def hints(
    places: Sequence[Scope],
    now: Now | None,
    overrides: Mapping[str, str],
    instead: Sequence[str] = (),
    labels: Mapping[str, str] = MappingProxyType({}),
) -> list[Hint]:
    """The keys of the place that has the focus (`places`, nearest first), without those that are always shown.

    `instead` are the ids of the bindings that matter above the workspace in the state that the screen is in, and
    `labels` what they do in it, by id, where the keymap names more than one thing.

    Answers that are being written and messages that wait come first: that is what one looks for then.
    """
    wanted: list[tuple[str, str]] = []  # ids, and another label than the keymap's where that says more
    nearest = places[0] if places else "app"
    if now is not None:
        wanted += _pressing(nearest, now)
        if nearest == "transcript":
            wanted += [(binding, "") for binding in (_READING if now.messages else ("transcript.compose",))]
        elif nearest == "conversations":
            wanted += _shown(["conversations"]) if now.conversations else [("conversations.undo", "")]
        wanted += [(binding, "") for binding in _IDLE]
    else:
        own = [(binding, labels.get(binding, "")) for binding in instead]
        own = own or _shown([scope for scope in places if scope not in ("workspace", "app")])
        back = [hint for hint in own if hint[0] == "dialog.close"]  # with what enter does: also the narrowest show it
        wanted += [*own[:1], *back, *own[1:], ("palette.open", "")]
    found: dict[str, Hint] = {}
    for binding, label in wanted:
        if (hint := hint_of(BY_ID[binding], overrides, label)) is not None:
            found.setdefault(hint.press, hint)  # a key does what the nearest place makes of it
    return list(found.values())


def _pressing(nearest: Scope, now: Now) -> list[tuple[str, str]]:
    """What one looks for in this state of things."""
    if nearest == "composer" and now.completes:
        return [("composer.send", "Do it"), ("focus.next", "Complete"), ("app.stop", "Close")]
    wanted = []
    if now.is_running:
        wanted.append(("app.stop", "Stop"))
    if nearest == "composer":
        if now.typed:
            wanted.append(("composer.send", "Queue" if now.is_running else "Send"))
            if now.pasted:
                wanted.append(("composer.open_paste", ""))
        elif now.queued:
            wanted.append(("composer.previous", "Edit queued"))
            if not now.is_running:
                wanted.append(("composer.send", "Send queued"))
        if now.messages and not now.is_running:
            wanted.append(("app.stop", "Read"))
    elif nearest == "conversations" and not now.is_running:
        wanted.append(("app.stop", "Back"))
    if nearest == "transcript" and now.cut_short and not now.is_running:
        wanted.append(("transcript.continue", ""))
    return wanted


def _shown(scopes: Sequence[Scope]) -> list[tuple[str, str]]:
    return [(key.id, "") for scope in scopes for key in KEYMAP if key.scope == scope and key.show]


def hint_of(key: Key, overrides: Mapping[str, str], label: str = "") -> Hint | None:
    """A binding as a hint, with the key that it has now; None where it has none."""
    keys = overrides.get(key.id, key.keys)
    names = names_of(keys)
    return Hint(short_key_name(keys), label or key.label, names[0], key.tooltip) if names else None


def fitting(hints: Sequence[Hint], always: Sequence[Hint], width: int, gap: int) -> tuple[list[Hint], list[Hint]]:
    """As many hints as fit into `width` cells, and those that are always there; none is cut."""
    kept_always: list[Hint] = []
    room = width
    for hint in always:
        if len(str(hint)) <= room:
            kept_always.append(hint)
            room -= len(str(hint)) + gap
    kept: list[Hint] = []
    for hint in hints:
        if len(str(hint)) > room:
            break
        kept.append(hint)
        room -= len(str(hint)) + gap
    return kept, kept_always
