"""A text area in which a large paste is one block: a label that the cursor steps over and deletes as a whole."""

from rich.text import Text
from textual import events
from textual.document._document import EditResult, Location, Selection
from textual.document._edit import Edit

from lama_tui.security.gate import clean
from lama_tui.ui.composer.paste_blocks import PasteBlocks, Span, is_large
from lama_tui.ui.widgets.cutting import Cutting


class BlockArea(Cutting):
    """Its `text` has labels in place of what was pasted, `marked` has all of it.

    Every way to put text in takes marked texts too.
    """

    COMPONENT_CLASSES = {"block-area--pasted"}
    DEFAULT_CSS = """
    BlockArea > .block-area--pasted { color: $accent; text-style: bold; }
    """

    def __init__(self, **arguments: object) -> None:
        self._blocks = PasteBlocks()  # the text area asks for it while it is being made
        super().__init__(**arguments)  # type: ignore[arg-type]

    @property
    def marked(self) -> str:
        """All of the text, with what was pasted marked as blocks (`conversations.pasted`)."""
        return self._blocks.marked(self.text)

    def mark(self, text: str) -> str:
        """As `marked`, of a text that was here before."""
        return self._blocks.marked(text)

    @property
    def has_blocks(self) -> bool:
        """Whether there is a block in the text."""
        return bool(self._blocks.spans(self.text))

    @property
    def expanded(self) -> str:
        """All of the text, as it is sent."""
        return self._blocks.expanded(self.text)

    @property
    def selected_text(self) -> str:
        """What is selected, with all that was pasted."""
        return self._blocks.expanded(super().selected_text)

    def write(self, text: str) -> None:
        """Put this in place of what is typed, the cursor at its end; undo brings the other back."""
        self.replace(self._blocks.document(text), self.document.start, self.document.end)
        self.move_cursor(self.document.end)

    def write_edited(self, text: str) -> None:
        """As `write`, with a new version of `expanded`: blocks that it left alone stay blocks."""
        self.write(self._blocks.folded(text, self.text))

    def load_text(self, text: str) -> None:
        """Put this in place of what is typed, and forget what undo could bring back."""
        super().load_text(self._blocks.document(text))

    def insert(
        self, text: str, location: Location | None = None, *, maintain_selection_offset: bool = True
    ) -> EditResult:
        """Insert a text where the cursor is, or at `location`."""
        text = self._blocks.document(text)
        return super().insert(text, location, maintain_selection_offset=maintain_selection_offset)

    # --- pastes ----------------------------------------------------------------------

    async def _on_paste(self, event: events.Paste) -> None:
        """Insert what was pasted, cleaned; as a block where it is large."""
        event.prevent_default()
        event.stop()
        self.paste(event.text, *self.selection)

    def action_paste(self) -> None:
        """Paste what was copied here."""
        self.paste(self.app.clipboard, *self.selection)

    def action_cut(self) -> None:
        """Cut the selection, all that was pasted included."""
        if self.selection.is_empty:
            return
        self.app.copy_to_clipboard(self.selected_text)
        self._delete_via_keyboard(*self.selection)

    def paste(self, text: str, start: Location, end: Location) -> None:
        """Put a paste in place of what is between two locations."""
        text = clean(text.replace("\r\n", "\n").replace("\r", "\n"))
        if result := self._replace_via_keyboard(self._blocks.add(text) if is_large(text) else text, start, end):
            self.move_cursor(result.end_location)

    def action_open_paste(self) -> None:
        """Turn the block at the cursor, else the only one, into its text."""
        row, column = self.cursor_location
        here = [span for span in self._blocks.spans(self.document[row]) if span.start <= column <= span.end]
        if here:
            self._open(row, here[-1])
            return
        everywhere = [
            (row, span) for row in range(self.document.line_count) for span in self._blocks.spans(self.document[row])
        ]
        if len(everywhere) == 1:
            self._open(*everywhere[0])
        else:
            self.app.bell()

    def on_click(self, event: events.Click) -> None:
        """Open the block that was clicked."""
        row, column = self.get_target_document_location(event)
        for span in self._blocks.spans(self.document[row]):
            if span.start < column < span.end and self.selection.is_empty:
                self._open(row, span)

    def _open(self, row: int, span: Span) -> None:
        self.history.checkpoint()
        self.replace(span.text, (row, span.start), (row, span.end), maintain_selection_offset=False)

    # --- a block is one thing ----------------------------------------------------------

    def edit(self, edit: Edit) -> EditResult:
        """Change the text; a block of which a part would go goes as a whole."""
        edit.text = self._blocks.safe(edit.text)
        if edit.from_location == edit.to_location:
            edit.from_location = edit.to_location = self._beside(edit.from_location, after=True)
        else:
            top, bottom = edit.top, edit.bottom
            edit.from_location, edit.to_location = self._beside(top, after=False), self._beside(bottom, after=True)
        return super().edit(edit)

    def _beside(self, location: Location, *, after: bool) -> Location:
        """The location, or the end or start of the block that it is inside of."""
        row, column = location
        if row < self.document.line_count:
            for span in self._blocks.spans(self.document[row]):
                if span.start < column < span.end:
                    return (row, span.end if after else span.start)
        return location

    def _past(self, location: Location) -> Location:
        """Where the cursor comes to on its way to `location`: no cursor stops inside a block."""
        return self._beside(location, after=self.selection.end < location)

    def _validate_selection(self, selection: Selection) -> Selection:
        start, end = super()._validate_selection(selection)
        return Selection(self._past(start), self._past(end))

    def get_cursor_left_location(self) -> Location:
        """One character to the left."""
        return self._past(super().get_cursor_left_location())

    def get_cursor_right_location(self) -> Location:
        """One character to the right."""
        return self._past(super().get_cursor_right_location())

    def get_cursor_word_left_location(self) -> Location:
        """One word to the left."""
        return self._past(super().get_cursor_word_left_location())

    def get_cursor_word_right_location(self) -> Location:
        """One word to the right."""
        return self._past(super().get_cursor_word_right_location())

    def get_cursor_line_start_location(self, smart_home: bool = False) -> Location:
        """The start of the line."""
        return self._past(super().get_cursor_line_start_location(smart_home))

    def get_cursor_line_end_location(self) -> Location:
        """The end of the line."""
        return self._past(super().get_cursor_line_end_location())

    def get_line(self, line_index: int) -> Text:
        """A line as it is drawn: labels stand out."""
        line = self.document.get_line(line_index)
        spans = self._blocks.spans(line)
        if not spans:
            return super().get_line(line_index)
        text = Text(self._blocks.shown(line), end="", no_wrap=True)
        style = self.get_component_rich_style("block-area--pasted", partial=True)
        for span in spans:
            text.stylize(style, span.start, span.end)
        return text
