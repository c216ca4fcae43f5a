"""One line with the keys that matter now, the most important first, and at its end those for help and quitting.

A single widget: Textual's footer makes one for every key, all anew whenever the focus moves, which
was a fifth of the time to the first paint.
"""

from collections.abc import Iterator

from textual import events
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget

from lama_tui.config.sendable import is_typed
from lama_tui.ui.bindings import overrides_at
from lama_tui.ui.commands.entries import BY_ID
from lama_tui.ui.commands.hints import ALWAYS, Hint, fitting, hint_of, hints
from lama_tui.ui.commands.perform import places

_GAP = 2


class KeyLine(Widget):
    """Shows as many keys as fit, none of them cut; a click presses one.

    What a screen can say of its state it says by `now`, or by `keys_now`, ids of bindings, and `labels_now`, what they
    do by id; a line looks again when the focus moved, and when it is told to.
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - the name that Textual uses
        super().__init__(id=id)
        self._hints: list[Hint] = []
        self._always: list[Hint] = []

    def on_mount(self) -> None:
        """Follow what can be pressed."""
        self.screen.bindings_updated_signal.subscribe(self, self._focus_moved)

    def _focus_moved(self, screen: Screen[object]) -> None:
        if screen is self.screen:
            self.look()

    def look(self) -> None:
        """Show what matters now, if that is something else than before."""
        overrides = overrides_at(self)
        found = [
            hint
            for hint in hints(
                places(self.screen),
                getattr(self.screen, "now", None),
                overrides,
                getattr(self.screen, "keys_now", ()),
                getattr(self.screen, "labels_now", {}),
            )
            if self._holds(hint)
        ]
        always = [hint for binding in ALWAYS if (hint := hint_of(BY_ID[binding], overrides)) is not None]
        if (found, always) != (self._hints, self._always):
            self._hints, self._always = found, always
            self.refresh()

    def _holds(self, hint: Hint) -> bool:
        """Whether the key does that also while one types into a field, where letters are letters."""
        focused = self.screen.focused
        if focused is None or not focused.check_consume_key("x", "x"):
            return True
        bound = self.screen.active_bindings.get(hint.press)
        is_its_own = bound is not None and not bound.binding.id  # as enter is, of Textual's field
        return not is_its_own and not is_typed(hint.press)

    def render(self) -> Content:
        """The line."""
        pieces: list[str | Content | tuple[str, str]] = []
        column = 0
        for hint, columns in self._places():
            pieces += [" " * (columns.start - column), (hint.key, "bold $primary"), f" {hint.label}"]
            column = columns.stop
        return Content.assemble(*pieces)

    def _places(self) -> Iterator[tuple[Hint, range]]:
        """The hints that fit, each with the columns it takes."""
        width = self.content_size.width
        kept, always = fitting(self._hints, self._always, width, _GAP)
        column = 0
        for hint in kept:
            yield hint, range(column, column + len(str(hint)))
            column += len(str(hint)) + _GAP
        column = max(column, width - sum(len(str(hint)) + _GAP for hint in always) + _GAP)
        for hint in always:
            yield hint, range(column, column + len(str(hint)))
            column += len(str(hint)) + _GAP

    def _at(self, column: int) -> Hint | None:
        return next((hint for hint, columns in self._places() if column in columns), None)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Tell what the key under the mouse does."""
        hint = self._at(event.x - self.gutter.left)
        self.tooltip = Content(hint.tooltip) if hint is not None else None

    def on_click(self, event: events.Click) -> None:
        """Press the key that was clicked."""
        if (hint := self._at(event.x - self.gutter.left)) is not None:
            self.app.simulate_key(hint.press)
