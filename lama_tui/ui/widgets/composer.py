"""Where one types. Enter sends; a paste never does, also where the terminal cannot mark it as one."""

from collections.abc import Mapping

from textual import events
from textual.geometry import Offset
from textual.message import Message
from textual.strip import Strip
from textual.timer import Timer
from textual.widgets import TextArea

from lama_tui.config.keymap import keys_of
from lama_tui.security.gate import clean
from lama_tui.ui.bindings import bindings, names_of

_BURST = 0.03
"""Seconds: keys that follow enter sooner than this were not typed by hand, but pasted."""

_JOINERS = "\u200c\u200d"
"""What Persian, Hindi and families of emoji are typed with."""


class Composer(TextArea):
    """A text area that grows with its text and hands it over on enter."""

    class Submitted(Message):
        """The person sent `text`."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class QueuedRequested(Message):
        """The person wants the last queued message back."""

    class SendQueuedRequested(Message):
        """The person wants the first queued message sent: enter, with nothing typed."""

    class ScrollRequested(Message):
        """The person scrolls the transcript without leaving the composer."""

        def __init__(self, pages: int) -> None:
            super().__init__()
            self.pages = pages

    BINDINGS = bindings("composer")

    def __init__(self, overrides: Mapping[str, str], *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, soft_wrap=True, compact=True, highlight_cursor_line=False, placeholder="Ask something…")
        # Keys act here in the order in which they come. Bindings would overtake what is typed before
        # them (priority ones) or fall behind what follows (those found when the key has bubbled up).
        self._own = {name: key.action for key in keys_of("composer", overrides) for name in names_of(key.keys)}
        for scope in ("composer", "workspace", "app"):
            for key in keys_of(scope, overrides):
                for name in names_of(key.keys):  # the text area's own meaning of this key gives way
                    self._bindings.key_to_bindings.pop(name, None)
        self._enter: Timer | None = None  # an enter that waits to see whether it was typed
        self._burst: Timer | None = None  # runs while a paste arrives as keys

    async def _on_key(self, event: events.Key) -> None:
        """Tell typing from a burst: a terminal without bracketed paste sends a paste as keys."""
        if event.is_printable:
            if self._enter is not None:
                self._begin_burst()
            elif self._burst is not None:
                self._burst.reset()
        if event.key == "tab" and (self._enter or self._burst) is not None:  # pasted: it does not move on
            event.stop()
            event.prevent_default()
            if self._enter is not None:
                self._begin_burst()
            self._replace_via_keyboard("\t", *self.selection)
        elif (action := self._own.get(event.key)) is not None:
            event.stop()
            event.prevent_default()
            await self.run_action(action)
        elif event.character is not None and event.character in _JOINERS:  # the text area takes what is printable
            event.stop()
            event.prevent_default()
            self._replace_via_keyboard(event.character, *self.selection)
        else:
            await super()._on_key(event)

    async def _on_paste(self, event: events.Paste) -> None:
        """Insert what was pasted, cleaned; it is sent only by a later enter."""
        event.prevent_default()
        event.stop()
        text = clean(event.text.replace("\r\n", "\n").replace("\r", "\n"))
        if result := self._replace_via_keyboard(text, *self.selection):
            self.move_cursor(result.end_location)

    def action_send(self) -> None:
        """Send, unless the next key shows within a moment that this is a paste."""
        if self._enter is not None:
            self._begin_burst()
        if self._burst is not None:
            self._burst.reset()
            self.action_newline()
        else:
            self._enter = self.set_timer(_BURST, self._submit)

    def _begin_burst(self) -> None:
        """The last enter was part of a paste: it is a line break, and so are those that follow."""
        if self._enter is not None:
            self._enter.stop()
            self._enter = None
        self.action_newline()
        self._burst = self.set_timer(_BURST, self._end_burst)

    def _end_burst(self) -> None:
        if self._keys_waiting:
            self._burst = self.set_timer(_BURST, self._end_burst)
        else:
            self._burst = None

    def _submit(self) -> None:
        if self._keys_waiting:  # drawing was slower than the keys: look again
            self._enter = self.set_timer(_BURST, self._submit)
            return
        self._enter = None
        text = self.text
        if text.strip():
            self.clear()
            self.post_message(self.Submitted(text))
        elif not text:
            self.post_message(self.SendQueuedRequested())

    @property
    def _keys_waiting(self) -> bool:
        return self.message_queue_size > 0 or self.app.message_queue_size > 0

    def render_line(self, y: int) -> Strip:
        """Draw one line; nothing where a tiny terminal leaves no room, which would crash the text area."""
        return super().render_line(y) if self.content_size.width else Strip.blank(0)

    def scroll_cursor_visible(self, center: bool = False, animate: bool = False) -> Offset:
        """Bring the cursor into view; while undo has shortened the text and not yet moved it, it is nowhere."""
        if self.cursor_location[0] >= self.document.line_count:
            return Offset(0, 0)
        return super().scroll_cursor_visible(center, animate)

    def on_text_area_changed(self) -> None:
        """Bring the cursor into view again: when the text area did, a new line had no place yet."""
        self.scroll_cursor_visible()

    def clear_typed(self) -> None:
        """Empty it, in a way that undo brings back."""
        self.replace("", self.document.start, self.document.end)

    def action_newline(self) -> None:
        """Start a new line."""
        self._replace_via_keyboard("\n", *self.selection)

    def action_up_or_previous(self) -> None:
        """Move up; in an empty composer, take the queued message back."""
        if self.text:
            self.action_cursor_up()
        else:
            self.post_message(self.QueuedRequested())

    def action_scroll_transcript(self, pages: int) -> None:
        """Scroll the transcript by pages."""
        self.post_message(self.ScrollRequested(pages))
