"""One message of the transcript, drawn to lines: heading, reasoning, text, how it ended, what it cost."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from rich.segment import Segment

from lama_tui.config.key_names import in_own_keys
from lama_tui.conversations.messages import Message
from lama_tui.types import GUIDE
from lama_tui.ui import figures
from lama_tui.ui.markdown import pieces
from lama_tui.ui.markdown.code import CodeBlock, code_blocks
from lama_tui.ui.markdown.stream import GrowingMarkdown
from lama_tui.ui.markdown.wrap import Line, Span, indent, width_of, wrap
from lama_tui.ui.palette import Palette
from lama_tui.ui.transcript.calls import calls_of
from lama_tui.ui.transcript.ending import ending_of, hint
from lama_tui.ui.transcript.estimate import HUGE, LONG, SHOWN, height_of, lines_of
from lama_tui.ui.transcript.horizon import horizon
from lama_tui.ui.transcript.key_names import KeyNames
from lama_tui.ui.transcript.long_text import SLICED, LongText, ink_of
from lama_tui.ui.transcript.mark import Mark, Wish, marked, wish_at
from lama_tui.ui.transcript.parts import Part, Parts

_HEAD = 8_000
"""Characters that are drawn of a folded text that is huge."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What a running answer shows: its text so far and what it is doing now."""

    text: str = ""
    reasoning: str = ""
    doing: str = ""


@dataclass(frozen=True, slots=True)
class Fold:
    """What the person folded or opened; None: as is usual for such a text."""

    text: bool | None = None
    reasoning: bool | None = None
    calls: bool = True


class DrawnMessage:
    """A message and its lines at one width. Until it is drawn its height is an estimate."""

    def __init__(self, message: Message, keys: KeyNames) -> None:
        self.message = message
        self.lines: list[Line] = []
        self.height = height_of(message, 80)
        self.fold = Fold()
        self.figures = False
        """Whether an answer shows what it cost."""
        self.view_begins = ""
        """What is said above it: that the model's view begins here."""
        self.unfolds = False
        """Whether the person opened the text, and it is not drawn yet."""
        self._keys = keys
        self._drawn_for: tuple[int, Palette] | None = None
        self._markdown: tuple[tuple[int, Palette], GrowingMarkdown] | None = None
        self._complete = ""  # the text that the Markdown shows as a complete one
        self._long_text: LongText | None = None
        self._meanwhile: LongText | None = None  # what stands while that is drawn; None: the beginning of the text
        self._standing: LongText | None = None  # the one whose lines are shown
        self._progress: Progress | None = None
        self._long = False
        self._parts = Parts()
        self._blocks: tuple[list[Line], list[CodeBlock]] | None = None

    # --- drawing -------------------------------------------------------------------

    def is_drawn(self, width: int, palette: Palette) -> bool:
        """Whether `lines` are right for this width and theme."""
        return self._drawn_for == (width, palette)

    def estimate(self, width: int) -> None:
        """Guess the height again, for another width."""
        self.height = height_of(self.message, width)

    def draw(self, width: int, palette: Palette) -> None:
        """Make `lines` for this width and theme; costs nothing when they are there."""
        if not self.is_drawn(width, palette):
            self._redraw(width, palette)

    def advance(self, progress: Progress, width: int, palette: Palette) -> None:
        """Show a running answer as far as it is."""
        if progress == self._progress and self.is_drawn(width, palette):
            return
        self._progress = progress
        self._redraw(width, palette)

    def take_over(self, before: "DrawnMessage") -> None:
        """Come in place of `before`, the same message as it was, without drawing anew what is long: it stays open."""
        if len(self.message.text) <= SLICED or before._text != self._text or before._text_folded:
            return
        self.fold = replace(self.fold, text=False)
        self.unfolds, self._long_text, self._meanwhile = before.unfolds, before._long_text, before._meanwhile
        if before._markdown is not None and before._drawn_for == before._markdown[0]:  # an answer as it grew
            look, grown = before._markdown
            self._long_text = LongText.drawn(self._text, look, grown.lines)

    @property
    def unfinished(self) -> bool:
        """Whether something else stands for the text, until `go_on` drew it."""
        return self._drawn_for is not None and self._long_text is not None and not self._long_text.complete

    @property
    def outdated(self) -> bool:
        """Whether its lines are for another width, or in other colours."""
        return self._meanwhile is not None

    @property
    def percent(self) -> int | None:
        """How much of a long text is drawn; None: all."""
        return None if self._long_text is None or self._long_text.complete else self._long_text.percent

    def go_on(self, seconds: float) -> bool:
        """Draw the text for about so long; whether that changed the lines, which are to be drawn then."""
        long = self._long_text
        if long is None or long.complete:
            return False
        before = long.percent
        long.go_on(seconds)
        if changed := long.complete or long.percent != before:
            self._drawn_for = None
        return changed

    def show_figures(self, shown: bool) -> None:
        """Show what the answer cost, or not."""
        if shown != self.figures:
            self.figures = shown
            self._drawn_for = None

    def _redraw(self, width: int, palette: Palette) -> None:
        message = self.message
        self.lines, self._parts, self._standing = [], Parts(), None
        self._add("heading", self._heading(width, palette))
        if message.role == "user":
            self._add("text", self._person(width, palette))
        else:
            text, reasoning = self._text, self._reasoning_text
            self._add("reasoning", self._reasoning(reasoning, bool(text), width, palette))
            self._add("text", self._answer(text, width, palette))
            self._add("calls", calls_of(message.calls, self.fold.calls, width, palette))
            ending = ending_of(message, self._progress.doing if self._progress else None, self._keys, width, palette)
            self._add("ending", [[], *ending] if ending and text and self._progress is None else ending)
            if self.figures and self._progress is None and not message.covers:
                self._add("figures", wrap([Span(figures.cost(message.usage), palette.muted)], width))
        self._add("gap", [[]])
        self.height = len(self.lines)
        self._drawn_for = (width, palette)

    def _add(self, part: Part, lines: list[Line]) -> None:
        self._parts.add(part, len(lines))
        self.lines += lines

    @property
    def _text(self) -> str:
        text = self._progress.text if self._progress else self.message.text
        guided = self._keys.overrides and self.message.role == "assistant" and self.message.model == GUIDE
        return in_own_keys(text, self._keys.overrides) if guided else text

    @property
    def _reasoning_text(self) -> str:
        return self._progress.reasoning if self._progress else self.message.reasoning

    def _heading(self, width: int, palette: Palette) -> list[Line]:
        message = self.message
        person = message.role == "user"
        name = "You" if person else figures.model_name(message.model) or "assistant"
        lines = horizon(self.view_begins, width, palette) if self.view_begins else []
        heading = [Span(name, palette.user if person else palette.assistant)]
        if message.covers:
            heading = [Span(f"≡ summary of {message.covers:,} messages", palette.warning)]
            heading += [Span(f" by {name}", palette.muted)] if message.model else []
        if message.pinned:
            heading.append(Span(" ◆ pinned", palette.warning))
        lines += wrap(heading, width)
        if message.siblings > 1:
            place = Segment(f"{message.sibling}/{message.siblings}", palette.muted)
            turn = [Mark.of("‹ ", palette.muted, "older"), place, Mark.of(" ›", palette.muted, "newer")]
            if width_of(turn) > width:
                return lines + wrap([Span(place.text, palette.muted)], width)
            if width_of(lines[-1]) + 2 + width_of(turn) <= width:
                lines[-1] += [Segment("  "), *turn]
            else:
                lines.append(turn)
        return lines

    def _person(self, width: int, palette: Palette) -> list[Line]:
        """What a person wrote, as they wrote it: spaces and line breaks stay."""
        lines: list[Line] = []
        text, folded, rest = self.message.text, self._text_folded, ""
        if not folded and len(text) > SLICED:
            return self._in_slices(text, pieces.as_written(text, width, palette.text), (width, palette))
        if folded and len(text) > _HEAD:  # the rest is neither shown nor drawn
            text, rest = text[:_HEAD], text[_HEAD:]
        for source in text.split("\n"):
            lines += pieces.source_line(source, width, palette.text)
        return self._folded(lines, rest, width, palette) if folded else self._whole(lines)

    def _in_slices(self, text: str, drawing: Iterator[pieces.Piece], look: tuple[int, Palette]) -> list[Line]:
        """A text that is long; while it is drawn, what was there before: its lines at another width, or the first."""
        long, self._markdown = self._long_text, None
        if long is None or long.look != look or long.text != text:
            if self.unfolds:
                self._meanwhile = None
            elif long is not None and long.complete and long.text == text:
                self._meanwhile = long
            before = self._meanwhile
            back = before is not None and before.look == look and before.text == text
            long = self._long_text = before if before is not None and back else LongText(text, look, drawing)
        self._long = True
        if long.complete:
            self.unfolds, self._meanwhile, self._standing = False, None, long
            return long.lines
        width, palette = look
        if (before := self._meanwhile) is not None:
            self._standing = before
            return before.lines
        if self.message.role == "user":
            lines = next(pieces.as_written(text[:_HEAD], width, palette.text)).lines[:SHOWN]
        else:
            lines = next(pieces.markdown(text[:_HEAD], width, palette)).lines[:SHOWN]
        note = [Span(f"◌ drawing… {long.percent} %", palette.muted)]
        if self.unfolds:
            note.append(Span(f" · {self._keys.leave} stops it", palette.muted))
        return [*lines, *marked(wrap(note, width), "fold_text")]

    def _whole(self, lines: list[Line]) -> list[Line]:
        self._long = len(lines) > LONG
        return lines

    def _folded(self, lines: list[Line], rest: str, width: int, palette: Palette) -> list[Line]:
        """The first of `lines` and how many more there are; `rest` is text that was not drawn."""
        self._long = len(lines) > LONG or bool(rest)
        if not self._long:
            return lines
        more = max(0, len(lines) - SHOWN) + lines_of(rest, width)
        about = "about " if rest else ""
        note = hint(self._keys, f"⋯ {about}{more:,} more lines · ", f"{self._keys.fold} shows them", palette.muted)
        return [*lines[:SHOWN], *marked(wrap(note, width), "fold_text")]

    def _reasoning(self, reasoning: str, answered: bool, width: int, palette: Palette) -> list[Line]:
        """What the model thought: open while it thinks, folded when the answer begins."""
        if not reasoning.strip():
            return []
        if self._reasoning_folded:
            words = len(reasoning.split())
            note = hint(self._keys, f"▸ thought, {words:,} words · ", f"{self._keys.fold} shows it", palette.muted)
            return [*marked(wrap(note, width), "fold_reasoning"), []]
        bar = Segment("┊ ", palette.muted)
        body: list[Line] = []
        for paragraph in reasoning.strip().split("\n"):
            body += wrap([Span(paragraph, palette.muted)], width - 2)
        label = wrap([Span("▾ thought" if answered else "▾ thinking", palette.muted)], width)
        return [*marked(label, "fold_reasoning"), *indent(body, bar, bar), []]

    def _answer(self, text: str, width: int, palette: Palette) -> list[Line]:
        folded, rest = self._text_folded, ""
        look = (width, palette)
        if not folded and len(text) > SLICED and self._progress is None:
            return self._in_slices(text, pieces.markdown(text, width, palette), look)
        if folded and len(text) > HUGE:
            text, rest = text[:_HEAD], text[_HEAD:]
        if self._markdown is None or self._markdown[0] != look:
            self._markdown, self._complete = (look, GrowingMarkdown(width, palette)), ""
        markdown = self._markdown[1]
        complete = self._progress is None
        if not complete or text != self._complete:
            markdown.update(text, complete=complete)
            self._complete = text if complete else ""
        return self._folded(markdown.lines, rest, width, palette) if folded else self._whole(markdown.lines)

    # --- folding -------------------------------------------------------------------

    @property
    def _text_folded(self) -> bool:
        if self.fold.text is not None:
            return self.fold.text
        often = self.message.role == "user" or self.message.covers
        return bool(often) or (self._progress is None and len(self.message.text) > HUGE)

    @property
    def _reasoning_folded(self) -> bool:
        if self.fold.reasoning is not None:
            return self.fold.reasoning
        return bool(self._text) or self._progress is None

    @property
    def hides_text(self) -> bool:
        """Whether lines of the text are folded away."""
        return self._long and self._text_folded

    def toggle_fold(self) -> bool:
        """Fold what is shown, or show what is folded; False where nothing is long enough for that.

        Where both reasoning and text can be folded it goes round: the reasoning opens, both close, the text opens.
        """
        has_reasoning = self.message.role != "user" and bool(self._reasoning_text.strip())
        if not has_reasoning and not self._long:
            self.fold_part("fold_calls")
            return bool(self.message.calls)
        if not has_reasoning:
            self.fold_part("fold_text")
        elif not self._long:
            self.fold_part("fold_reasoning")
        elif self._text_folded:
            self._set_fold(Fold(text=False, reasoning=True))
        elif self._reasoning_folded:
            self._set_fold(Fold(text=False, reasoning=False))
        else:
            self._set_fold(Fold(text=True, reasoning=True))
        return True

    def fold_part(self, wish: Wish) -> None:
        """Fold or open the text, or the reasoning."""
        if wish == "fold_text":
            self._set_fold(replace(self.fold, text=not self._text_folded))
        elif wish == "fold_reasoning":
            self._set_fold(replace(self.fold, reasoning=not self._reasoning_folded))
        elif wish == "fold_calls":
            self._set_fold(replace(self.fold, calls=not self.fold.calls))

    def keep_open(self, part: Part) -> None:
        """Do not fold this part by itself, as it would when an answer begins or lines become more: it is being read."""
        if part == "reasoning" and self.fold.reasoning is None and not self._reasoning_folded:
            self.fold = replace(self.fold, reasoning=False)
        elif part == "text" and self.fold.text is None and not self.hides_text:
            self.fold = replace(self.fold, text=False)

    def _set_fold(self, fold: Fold) -> None:
        was = self._text_folded
        self.fold, self._drawn_for = fold, None
        if was != self._text_folded:
            self.unfolds, self._meanwhile = was and len(self.message.text) > SLICED, None
            if self._long_text is not None and not self._long_text.complete:
                self._long_text = None

    # --- what stands where ---------------------------------------------------------

    @property
    def code(self) -> list[CodeBlock]:
        """The blocks of code among the drawn lines."""
        if self._blocks is None or self._blocks[0] is not self.lines:
            self._blocks = (self.lines, code_blocks(self.lines))
        return self._blocks[1]

    def wish_at(self, line: int, cell: int) -> Wish | None:
        """What a click on a cell of a drawn line asks for."""
        return wish_at(self.lines[line], cell) if line < len(self.lines) else None

    def spot(self, line: int) -> tuple[Part, int]:
        """What a drawn line belongs to, and which line of that it is."""
        return self._parts.spot(line)

    def line_of(self, part: Part, offset: int) -> int:
        """Where a line that `spot` told of is now; where that is folded away, what stands in its place."""
        return self._parts.line_of(part, offset)

    def ink_before(self, part: Part, offset: int) -> int:
        """Characters of a part that stand before one of its lines, less spaces and rules: the same at every width."""
        first, end = self._parts.span(part)
        if part == "text" and self._standing is not None:
            return self._standing.ink_before(offset)
        return sum(map(ink_of, self.lines[first : min(end, first + offset)]))

    def line_after_ink(self, part: Part, ink: int) -> int:
        """The line of a part that shows what stood behind so much ink."""
        first, end = self._parts.span(part)
        if part == "text" and self._standing is not None:
            return first + self._standing.line_after_ink(ink)
        for line in range(first, end):
            ink -= ink_of(self.lines[line])
            if ink < 0:
                return line
        return max(first, end - 1)
