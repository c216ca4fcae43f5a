"""Where one types. Enter sends; a paste never does, also where the terminal cannot mark it as one."""

from collections.abc import Mapping
from typing import Protocol

from textual import events
from textual.document._document import Location
from textual.geometry import Offset
from textual.message import Message
from textual.strip import Strip
from textual.timer import Timer

from lama_tui.config.keymap import keys_of
from lama_tui.ui.bindings import bindings, names_of
from lama_tui.ui.composer.paste_blocks import is_large
from lama_tui.ui.widgets.block_area import BlockArea

_BURST = 0.03
"""Seconds: keys that follow enter sooner than this were not typed by hand, but pasted."""

_JOINERS = "\u200c\u200d"
"""What Persian, Hindi and families of emoji are typed with."""


class Completion(Protocol):
    """What offers to complete the text, and while it does takes some of the keys."""

    def press(self, key: str, text: str) -> bool:
        """Take a key that means something to it; False where the composer is to take it."""

    def completed(self, text: str) -> str | None:
        """The text as it would be completed; None where nothing is offered."""

    def entered(self, text: str) -> tuple[str, bool]:
        """What enter makes of the text, and whether that is to be sent."""


class Composer(BlockArea):
    """A text area that grows with its text and hands it over on enter."""

    class Submitted(Message):
        """The person sent `text`, in which pasted blocks are marked (`conversations.pasted`)."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class EarlierRequested(Message):
        """The person wants what they wrote before: the queued message, or what was sent."""

    class LaterRequested(Message):
        """The person wants what they wrote after that."""

    class HistoryRequested(Message):
        """The person wants to search in what they wrote before."""

    class EditorRequested(Message):
        """The person wants to write in their own editor."""

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
        self._own: Mapping[str, str] = {}
        self.bind_keys(overrides)
        self.completion: Completion | None = None
        self._enter: Timer | None = None  # an enter that waits to see whether it was typed
        self._burst: Timer | None = None  # runs while a paste arrives as keys
        self._held: list[str] = []  # of that paste: inserted at its end, for each insertion is drawn
        self._run: tuple[float, Location] = (0.0, (0, 0))  # when the last key came, and where those in a row began
        self._recalled = ""  # what was put here from the history

    def bind_keys(self, overrides: Mapping[str, str]) -> None:
        """Take the keys of the keymap as `[keys]` leaves them."""
        # Keys act here in the order in which they come. Bindings would overtake what is typed before
        # them (priority ones) or fall behind what follows (those found when the key has bubbled up).
        self._own = {name: key.action for key in keys_of("composer", overrides) for name in names_of(key.keys)}
        if self._merged_bindings is not None:
            self._bindings = self._merged_bindings.copy()
        for scope in ("composer", "workspace", "app"):
            for key in (*keys_of(scope), *keys_of(scope, overrides)):
                for name in names_of(key.keys):  # the text area's own meaning of this key gives way
                    self._bindings.key_to_bindings.pop(name, None)

    async def _on_key(self, event: events.Key) -> None:
        """Tell typing from a burst: a terminal without bracketed paste sends a paste as keys."""
        text = "\t" if event.key == "tab" else event.character or ""
        is_text = event.is_printable or (text != "" and text in f"\t{_JOINERS}")
        if is_text and self._enter is not None:
            self._begin_burst()
        if is_text and self._burst is not None:  # a tab, too: it does not move on
            event.stop()
            event.prevent_default()
            self._burst.reset()
            self._held.append(text)
            return
        if self._own.get(event.key) not in ("send", "newline"):
            self._insert_held()
        if event.is_printable and event.time - self._run[0] > _BURST:
            self._run = (event.time, self.selection.end)
        else:
            self._run = (event.time, self._run[1])
        if self._completes(event.key):
            event.stop()
            event.prevent_default()
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

    def _completes(self, key: str) -> bool:
        """Let the completion have a key; tab takes what it offers."""
        if self.completion is None:
            return False
        if key == "tab" and (text := self.completion.completed(self.text)) is not None:
            self.write(text)
            return True
        return self.completion.press(key, self.text)

    def action_send(self) -> None:
        """Send, unless the next key shows within a moment that this is a paste."""
        if self._enter is not None:
            self._begin_burst()
        if self._burst is not None:
            self.action_newline()
        else:
            self._enter = self.set_timer(_BURST, self._submit)

    def keep(self) -> None:
        """Send nothing any more: an enter that waits is not taken, and the text stays to be kept."""
        if self._enter is not None:
            self._enter.stop()
            self._enter = None

    def _begin_burst(self) -> None:
        """The last enter was part of a paste: it is a line break, and so are those that follow."""
        if self._enter is not None:
            self._enter.stop()
            self._enter = None
        self._held.append("\n")
        self._burst = self.set_timer(_BURST, self._end_burst)

    def _end_burst(self) -> None:
        if self._keys_waiting:
            self._burst = self.set_timer(_BURST, self._end_burst)
        else:
            self._burst = None
            self._insert_held()

    def _insert_held(self) -> None:
        """Insert what came as keys in a burst, with the line that came before its first enter: one paste."""
        if not self._held:
            return
        text = "".join(self._held)
        self._held.clear()
        start, end = self._run[1], self.selection.end
        line = self.get_text_range(start, end) if start <= end and self.selection.is_empty else ""
        if line and is_large(line + text):
            self.paste(line + text, start, end)
        else:
            self.paste(text, *self.selection)

    def _submit(self) -> None:
        if self._keys_waiting:  # drawing was slower than the keys: look again
            self._enter = self.set_timer(_BURST, self._submit)
            return
        self._enter = None
        text, complete = self.text, True
        if self.completion is not None:
            text, complete = self.completion.entered(text)
        if not complete:
            self.write(text)
        elif text.strip():
            marked = self._blocks.marked(text)
            self.clear()
            self.post_message(self.Submitted(marked))
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
        if self._burst is not None:
            self._burst.reset()
            self._held.append("\n")
        else:
            self._replace_via_keyboard("\n", *self.selection)

    def action_up_or_previous(self) -> None:
        """Move up; on the first line of what is empty or came from the history, ask for what was written before."""
        first = self.navigator.is_first_wrapped_line(self.selection.end)
        if first and self.selection.is_empty and self.text in ("", self._recalled):
            self.post_message(self.EarlierRequested())
        else:
            self.action_cursor_up()

    def action_down_or_next(self) -> None:
        """Move down; on the last line of what came from the history, ask for what was written after that."""
        last = self.navigator.is_last_wrapped_line(self.selection.end)
        if last and self.selection.is_empty and self.is_recalled:
            self.post_message(self.LaterRequested())
        else:
            self.action_cursor_down()

    @property
    def is_recalled(self) -> bool:
        """Whether it holds what `recall` put there, as it was."""
        return bool(self._recalled) and self.text == self._recalled

    def restore(self, text: str) -> None:
        """Begin with a draft; what is typed already comes after it. It cannot be undone."""
        if not text:
            return
        typed = self.marked
        self.load_text(f"{text}\n{typed}" if typed else text)
        self.move_cursor(self.document.end)
        self._recalled = "" if typed else self.text

    def recall(self, text: str) -> None:
        """Put what was written before in place of what is typed."""
        self.write(text)
        self._recalled = self.text

    def action_search_history(self) -> None:
        """Ask for the search in what was written before."""
        self.post_message(self.HistoryRequested())

    def action_open_editor(self) -> None:
        """Ask for the person's own editor."""
        self.post_message(self.EditorRequested())

    def action_scroll_transcript(self, pages: int) -> None:
        """Scroll the transcript by pages."""
        self.post_message(self.ScrollRequested(pages))
