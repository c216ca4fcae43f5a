"""Slash commands while one types them: a list just above the composer that narrows and completes."""

from collections.abc import Sequence

from textual.message import Message

from lama_tui.config.keymap import KEYMAP
from lama_tui.ui.bindings import names_of, overrides_at
from lama_tui.ui.commands.arguments import ARGUMENTS
from lama_tui.ui.commands.entries import BY_ID, Entry, slash_entries
from lama_tui.ui.commands.ranking import Found, rank
from lama_tui.ui.commands.slash import NAMED
from lama_tui.ui.widgets.command_list import CommandList

_TALLEST = 8
"""Lines: the conversation stays in view above it."""

_LONGEST = 60
"""Characters after a slash that are still looked up: no command, model or theme that one types is longer."""


class SlashList(CommandList):
    """Follows what stands in the composer. The composer passes it the keys first while it is open.

    It reads the text when it is asked, not when it changed: keys in a row may come faster than that is told.
    """

    class ValuesRequested(Message):
        """Someone begins to write what follows a command, whose possible values are not known yet."""

        def __init__(self, id: str) -> None:  # noqa: A002 - the id of a binding
            super().__init__()
            self.id = id

    class PutAway(Message):
        """It was closed by its key, and stays closed for what is typed now."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - the name that Textual uses
        super().__init__(id=id)
        self._values: dict[str, Sequence[tuple[str, str]]] = {}
        self._text = ""
        self._put_away = False
        self._moved = False
        self.display = False

    @property
    def is_open(self) -> bool:
        """Whether it is on screen."""
        return bool(self.display)

    def offer(self, id: str, values: Sequence[tuple[str, str]]) -> None:  # noqa: A002 - the id of a binding
        """What may follow a command: each value and what it is."""
        self._values[id] = values
        text, self._text = self._text, ""
        self.follow(text)

    def follow(self, text: str) -> None:
        """List what the text may become; close where it is no command."""
        if text == self._text:
            return
        self._text = text
        self._moved = False
        if not text.startswith("/"):
            self._put_away = False
        found = [] if self._put_away else self._meant(text)
        if found or self.display:
            self.display = bool(found)
            rows = min(_TALLEST, len(found))
            self.styles.height, self.styles.offset = rows, (0, -rows)
            self.show(found)

    def press(self, key: str, text: str) -> bool:
        """Take a key that means something in the open list; False for all others."""
        self.follow(text)
        if not self.is_open:
            return False
        if key in names_of(overrides_at(self).get("app.stop", BY_ID["app.stop"].keys)):
            self.display, self._put_away = False, True
            self.post_message(self.PutAway())
            return True
        if self.steer(key):
            self._moved = True
            return True
        return False

    def completed(self, text: str) -> str | None:
        """The text with the highlighted line in it, for tab; None while the list is closed."""
        self.follow(text)
        found = self.highlighted
        if not self.is_open or found is None:
            return None
        return self.taken(found.entry.id)

    def taken(self, id: str) -> str | None:  # noqa: A002 - the id of an entry
        """The text with the line of this id in it."""
        command, space, _ = self._text.partition(" ")
        if space:
            return f"{command} {id}" if id in [value for value, _ in self._offered(command)] else None
        for key in KEYMAP:
            if key.id == id:
                return f"/{key.command}" + (" " if id in ARGUMENTS else "")
        return None

    def entered(self, text: str) -> tuple[str, bool]:
        """What enter makes of the text, and whether that is to be sent at once.

        A line that one moved to, or whose beginning was typed, is carried out; one that was found by other
        words is only written out, to be looked at first.
        """
        self.follow(text)
        if not self.is_open or (found := self.highlighted) is None:
            return text, True
        command, space, argument = text.partition(" ")
        if not self._moved:
            if text == "/":
                return text, False
            whole = argument.strip() in ("", *(value for value, _ in self._offered(command)))
            if whole if space else command[1:].lower() in NAMED:
                return text, True
        taken = self.taken(found.entry.id)
        if taken is None:
            return text, True
        sure = self._moved or bool(space) or taken.startswith(text.lower())
        return (taken.strip(), True) if sure else (taken, False)

    def _meant(self, text: str) -> list[Found]:
        if not text.startswith("/") or "\n" in text or len(text) > _LONGEST:
            return []
        command, space, argument = text.partition(" ")
        if not space:
            return rank(slash_entries(overrides_at(self)), command[1:]) if "/" not in command[1:] else []
        key = NAMED.get(command[1:].lower())
        if key is None or key.id not in ARGUMENTS:
            return []
        if key.id not in self._values:
            self._values[key.id] = ()
            self.post_message(self.ValuesRequested(key.id))
        values = [Entry(value, value, about) for value, about in self._offered(command)]
        if found := rank(values, argument):
            return found
        return [Found(Entry("", f"/{key.command} {ARGUMENTS[key.id]}", key.tooltip))]

    def _offered(self, command: str) -> Sequence[tuple[str, str]]:
        key = NAMED.get(command[1:].lower())
        return self._values.get(key.id, ()) if key is not None else ()
