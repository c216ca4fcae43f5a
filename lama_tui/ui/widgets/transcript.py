"""The transcript and its keys: moving, copying, folding, and asking for what others carry out."""

from typing import TYPE_CHECKING

from textual import events
from textual.message import Message as WidgetMessage

from lama_tui.types import MessageId
from lama_tui.ui.bindings import bindings
from lama_tui.ui.transcript.cursor import Place
from lama_tui.ui.transcript.selection import MARGIN, Selected, word_at
from lama_tui.ui.transcript.view import TranscriptView

if TYPE_CHECKING:
    from lama_tui.ui.markdown.code import CodeBlock
    from lama_tui.ui.transcript.mark import Wish


class Transcript(TranscriptView):
    """A conversation that one moves about in."""

    BINDINGS = bindings("transcript")

    class ComposeRequested(WidgetMessage):
        """The person wants to write."""

    class MessageRequested(WidgetMessage):
        """The person asked for something to be done with a message."""

        def __init__(self, wish: str, message: MessageId, step: int = 0, path: str = "") -> None:
            super().__init__()
            self.wish = wish
            """`copy`, `regenerate`, `continue`, `edit`, `fork`, `pin`, `compact`, `delete_summary`, `export` or
            `sibling` (then `step` is −1 or 1)."""
            self.message = message
            self.step = step
            self.path = path
            """Where to export to; empty to be asked."""

    class CopyRequested(WidgetMessage):
        """The person wants this text copied."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Refused(WidgetMessage):
        """What was asked for cannot be done; `why` says so to the person."""

        def __init__(self, why: str) -> None:
            super().__init__()
            self.why = why

    # --- moving --------------------------------------------------------------------

    def action_next_message(self) -> None:
        """Put the cursor on the next message; in a range, on the next line."""
        self._step(1)

    def action_previous_message(self) -> None:
        """Put the cursor on the message before; in a range, on the line before."""
        self._step(-1)

    def _step(self, step: int) -> None:
        if self._is_ranging:
            self._move_line(step)
        elif (index := self._cursor.step(step)) is not None:
            self._show_message(index)

    def _show_message(self, index: int) -> None:
        with self._moving():
            drawn = self._column.draw(index)
        first = self._column.line(index)
        self._reveal(first, first + drawn.height, on_top=True)

    def go_to(self, message: MessageId) -> bool:
        """Put the cursor on a message and show it; False where it is not in this conversation."""
        for index, drawn in enumerate(self._column.messages):
            if drawn.message.id == message:
                self._cursor.put(index)
                self._show_message(index)
                return True
        return False

    def action_first_message(self) -> None:
        """Go to the start of the conversation."""
        if self._is_ranging:
            self._move_line(-self._column.height)
        elif len(self._column):
            self._cursor.put(0)
            self._show_message(0)

    def action_last_message(self) -> None:
        """Go to the end and follow it."""
        if self._is_ranging:
            self._move_line(self._column.height)
            return
        if len(self._column):
            self._cursor.put(len(self._column) - 1)
        self.app.animator.force_stop_animation(self, "scroll_y")
        self._set_following(True)
        self._settle(None)
        self.refresh()

    def action_next_code(self) -> None:
        """Put the cursor on the next block of code."""
        self._step_code(1)

    def action_previous_code(self) -> None:
        """Put the cursor on the block of code before."""
        self._step_code(-1)

    def _step_code(self, step: int) -> None:
        self._stop_ranging()
        with self._moving():
            block = self._cursor.step_code(step)
        if block is None or self._cursor.index is None:
            self.post_message(self.Refused(f"There is no block of code {'below' if step > 0 else 'above'}."))
            return
        top = self._column.line(self._cursor.index)
        self._reveal(top + block.first, top + block.end)

    def action_scroll_up(self) -> None:
        """Scroll up a line, or extend the range."""
        self._move_line(-1) if self._is_ranging else super().action_scroll_up()

    def action_scroll_down(self) -> None:
        """Scroll down a line, or extend the range."""
        self._move_line(1) if self._is_ranging else super().action_scroll_down()

    def action_page_up(self) -> None:
        """Scroll up a page, or extend the range."""
        self._move_line(-self._page) if self._is_ranging else super().action_page_up()

    def action_page_down(self) -> None:
        """Scroll down a page, or extend the range."""
        self._move_line(self._page) if self._is_ranging else super().action_page_down()

    def action_half_up(self) -> None:
        """Scroll up half a page, or extend the range by one."""
        self._half(-1)

    def action_half_down(self) -> None:
        """Scroll down half a page, or extend the range by one."""
        self._half(1)

    def _half(self, direction: int) -> None:
        lines = direction * max(1, self.size.height // 2)
        self._move_line(lines) if self._is_ranging else self.scroll_relative(y=lines, animate=False)

    def action_scroll_home(self) -> None:
        """Scroll to the start, or extend the range."""
        self._move_line(-self._column.height) if self._is_ranging else super().action_scroll_home()

    def action_scroll_end(self) -> None:
        """Scroll to the end, or extend the range."""
        self._move_line(self._column.height) if self._is_ranging else super().action_scroll_end()

    # --- a range of lines ------------------------------------------------------------

    def action_begin_range(self) -> None:
        """Begin a range of lines; where there is one, end it."""
        if self._is_ranging:
            self.end_selection()
        elif self._cursor.begin_range(self._top, self.size.height):
            self._move_line(0)
        else:
            self.post_message(self.Refused("There is nothing to select yet."))

    @property
    def _is_ranging(self) -> bool:
        return self._cursor.begun is not None

    def _stop_ranging(self) -> None:
        if self._is_ranging:
            self.end_selection()

    def _move_line(self, lines: int) -> None:
        """Move the end of the range, and show it."""
        with self._moving():
            place = self._cursor.move_line(lines)
        span = self._cursor.span
        if place is None or span is None:
            return
        line = self._column.line(place.index, place.within)
        self._reveal(line, line + 1)
        self._mark_selected(Selected.lines(*span))

    def _mark_selected(self, selected: Selected) -> None:
        """Select by ourselves what the mouse could select; then whoever asks the screen for the selection has it."""
        self._selected = selected
        self._set_following(False)
        self.screen.selections = {self: selected.selection}
        self.refresh()

    # --- copying -------------------------------------------------------------------

    def action_copy_message(self) -> None:
        """Ask for the selection to be copied, else the message."""
        if self._selected is not None:
            text = self._selected.text(self._column)
            self.end_selection()
            self.post_message(self.CopyRequested(text))
        else:
            self._wish("copy")

    def action_copy_code(self) -> None:
        """Ask for the block of code under the cursor to be copied, else the last one of the message."""
        if (block := self._cursor.code or self._last_code()) is not None:
            self.post_message(self.CopyRequested(block.source))
        else:
            self.post_message(self.Refused("There is no block of code in this message."))

    def _last_code(self) -> "CodeBlock | None":
        if not len(self._column):
            return None
        index = len(self._column) - 1 if self._cursor.index is None else self._cursor.index
        blocks = self._column.draw(index).code
        return blocks[-1] if blocks else None

    # --- folding and figures ---------------------------------------------------------

    def action_fold(self) -> None:
        """Fold or unfold the message under the cursor."""
        if not len(self._column):
            return
        index = len(self._column) - 1 if self._cursor.index is None else self._cursor.index
        drawn = self._column.draw(index)
        with self._steady(self._column.line(index)):
            folded = drawn.toggle_fold()
        if folded:
            self._folded(index)
        else:
            self.post_message(self.Refused("This message is short: there is nothing to fold."))

    def _fold_part(self, index: int, within: int, wish: "Wish") -> None:
        with self._steady(self._column.line(index, within)):
            self._column.messages[index].fold_part(wish)
        self._folded(index)

    def stop_drawing(self) -> bool:
        """Fold a message again that was unfolded and is still being drawn; False where none is."""
        index = self._column.unfinished
        if index is None or not self._column.messages[index].unfolds:
            return False
        self._fold_part(index, 0, "fold_text")
        return True

    def _folded(self, index: int) -> None:
        """A message has other lines now: what was selected in it is gone."""
        drawn = self._column.messages[index]
        self._drawings.remember(drawn)
        self.end_selection()

    def action_figures(self) -> None:
        """Show what each answer cost, or not."""
        self._drawings.figures = not self._drawings.figures
        anchor = self._hold()
        for drawn in self._column.messages:
            if drawn.message.role == "assistant":
                drawn.show_figures(self._drawings.figures)
        self._column.changed()
        self._settle(anchor)
        self.refresh()

    # --- what others carry out -------------------------------------------------------

    def action_regenerate(self) -> None:
        """Ask for another answer."""
        self._wish("regenerate")

    def action_continue_answer(self) -> None:
        """Ask for the rest of the answer."""
        self._wish("continue")

    def action_edit_message(self) -> None:
        """Ask for the person's message to be written again."""
        self._wish("edit")

    def action_fork(self) -> None:
        """Ask for a new conversation that goes on from here."""
        self._wish("fork")

    def action_pin(self) -> None:
        """Ask for the message to stay in the model's view, or no longer."""
        self._wish("pin")

    def action_compact(self) -> None:
        """Ask for older turns to be summarized."""
        self._wish("compact")

    def action_delete_summary(self) -> None:
        """Ask for a summary to go."""
        self._wish("delete_summary")

    def action_export(self, path: str = "") -> None:
        """Ask for the conversation to be written to a file."""
        if (message := self.current) is not None:
            self.post_message(self.MessageRequested("export", message.id, path=path))

    def action_sibling(self, step: int) -> None:
        """Ask for the answer before or after this one."""
        self._wish("sibling", step)

    def action_compose(self) -> None:
        """Ask for the composer."""
        self.post_message(self.ComposeRequested())

    def _wish(self, wish: str, step: int = 0) -> None:
        if (message := self.current) is not None:
            self.post_message(self.MessageRequested(wish, message.id, step))
        else:
            self.post_message(self.Refused("There is no message yet."))

    # --- the mouse -----------------------------------------------------------------

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on what was clicked, and do what it stands for; twice selects a word, three times a line."""
        event.stop()  # at the second click everything would be selected
        event.prevent_default()
        if not len(self._column) or self.screen.selections.get(self) is not None:  # the end of a drag is no click
            return
        over = self._over
        if self._new and over is not None and event.y == self.size.height - 1 and over[0] <= event.x < over[1]:
            self.action_last_message()
            return
        position = self._top + event.y
        if position >= self._column.height:
            return
        index, within = self._column.at(position)
        drawn = self._column.draw(index)
        place = Place(index, within)
        if event.chain >= 3:
            self._mark_selected(Selected.lines(place, place))
        elif event.chain == 2 and within < len(drawn.lines):
            if (word := word_at(drawn.lines[within], event.x)) is not None:
                self._mark_selected(Selected(place, word[0], place, word[1]))
        else:
            self._cursor.put_on_code(index, within)
            self.refresh()
            match drawn.wish_at(within, event.x - MARGIN):
                case "older":
                    self.action_sibling(-1)
                case "newer":
                    self.action_sibling(1)
                case "fold_text" | "fold_reasoning" | "fold_calls" as wish:
                    self._fold_part(index, within, wish)
