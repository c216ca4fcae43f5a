"""One message of the transcript, drawn to lines: heading, reasoning, text, how it ended, what it cost."""

from bisect import bisect_right
from dataclasses import dataclass, replace
from typing import Literal, get_args

from rich.segment import Segment
from rich.style import Style

from lama_tui.config.key_names import in_own_keys
from lama_tui.conversations.messages import Message
from lama_tui.types import GUIDE
from lama_tui.ui import figures
from lama_tui.ui.figures import model_name
from lama_tui.ui.markdown.code import CodeBlock, code_blocks
from lama_tui.ui.markdown.stream import GrowingMarkdown
from lama_tui.ui.markdown.wrap import Line, Span, indent, width_of, wrap, wrap_hard
from lama_tui.ui.palette import Palette
from lama_tui.ui.transcript.horizon import horizon
from lama_tui.ui.transcript.key_names import KeyNames
from lama_tui.ui.transcript.mark import Mark, Wish, marked, way, wish_at

LONG = 24
"""Lines of a person's message beyond which it starts folded, and of an answer beyond which it can be folded."""

SHOWN = 12
"""Lines that a folded message shows."""

HUGE = 200_000
"""Characters of an answer beyond which it starts folded, and only its beginning is drawn: all of it would be felt."""

_HEAD = 8_000
"""Characters that are drawn of a folded text that is huge."""

Part = Literal["heading", "reasoning", "text", "ending", "figures", "gap"]

_ORDER: tuple[Part, ...] = get_args(Part)


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


class DrawnMessage:
    """A message and its lines at one width. Until it is drawn its height is an estimate."""

    def __init__(self, message: Message, keys: KeyNames) -> None:
        self.message = message
        self.lines: list[Line] = []
        self.height = _estimate(message, 80)
        self.fold = Fold()
        self.figures = False
        """Whether an answer shows what it cost."""
        self.view_begins = False
        self._keys = keys
        self._drawn_for: tuple[int, Palette] | None = None
        self._markdown: tuple[tuple[int, Palette], GrowingMarkdown] | None = None
        self._complete = ""  # the text that the Markdown shows as a complete one
        self._progress: Progress | None = None
        self._long = False
        self._parts: list[tuple[int, Part]] = []
        self._blocks: tuple[list[Line], list[CodeBlock]] | None = None

    # --- drawing -------------------------------------------------------------------

    def is_drawn(self, width: int, palette: Palette) -> bool:
        """Whether `lines` are right for this width and theme."""
        return self._drawn_for == (width, palette)

    def estimate(self, width: int) -> None:
        """Guess the height again, for another width."""
        self.height = _estimate(self.message, width)

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
        """Come in place of `before`, the same answer as it grew, without drawing anew what is huge: it stays open."""
        if len(self.message.text) > HUGE and before._text == self.message.text and not before._text_folded:
            self.fold = replace(self.fold, text=False)
            self._markdown, self._complete = before._markdown, self.message.text

    def show_figures(self, shown: bool) -> None:
        """Show what the answer cost, or not."""
        if shown != self.figures:
            self.figures = shown
            self._drawn_for = None

    def _redraw(self, width: int, palette: Palette) -> None:
        message = self.message
        self.lines, self._parts = [], []
        self._add("heading", self._heading(width, palette))
        if message.role == "user":
            self._add("text", self._person(width, palette))
        else:
            text, reasoning = self._text, self._reasoning_text
            self._add("reasoning", self._reasoning(reasoning, bool(text), width, palette))
            self._add("text", self._answer(text, width, palette))
            ending = self._ending(width, palette)
            self._add("ending", [[], *ending] if ending and text and self._progress is None else ending)
            if self.figures and self._progress is None:
                self._add("figures", wrap([Span(figures.cost(message.usage), palette.muted)], width))
        self._add("gap", [[]])
        self.height = len(self.lines)
        self._drawn_for = (width, palette)

    def _add(self, part: Part, lines: list[Line]) -> None:
        if lines:
            self._parts.append((len(self.lines), part))
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
        name = "You" if person else model_name(message.model) or "assistant"
        lines = horizon(width, palette) if self.view_begins else []
        lines += wrap([Span(name, palette.user if person else palette.assistant)], width)
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
        if folded and len(text) > _HEAD:  # the rest is neither shown nor drawn
            text, rest = text[:_HEAD], text[_HEAD:]
        for source in text.split("\n"):
            spans = [Span(source.expandtabs(4), palette.text)]
            keep = source[:1].isspace() or "  " in source
            lines += wrap_hard(spans, width) if keep else wrap(spans, width)
        return self._folded(lines, rest, width, palette) if folded else self._whole(lines)

    def _whole(self, lines: list[Line]) -> list[Line]:
        self._long = len(lines) > LONG
        return lines

    def _folded(self, lines: list[Line], rest: str, width: int, palette: Palette) -> list[Line]:
        """The first of `lines` and how many more there are; `rest` is text that was not drawn."""
        self._long = len(lines) > LONG or bool(rest)
        if not self._long:
            return lines
        more = max(0, len(lines) - SHOWN) + _lines(rest, width)
        about = "about " if rest else ""
        note = self._hint(f"⋯ {about}{more:,} more lines · ", f"{self._keys.fold} shows them", palette.muted)
        return [*lines[:SHOWN], *marked(wrap(note, width), "fold_text")]

    def _reasoning(self, reasoning: str, answered: bool, width: int, palette: Palette) -> list[Line]:
        """What the model thought: open while it thinks, folded when the answer begins."""
        if not reasoning.strip():
            return []
        if self._reasoning_folded:
            words = len(reasoning.split())
            note = self._hint(f"▸ thought, {words:,} words · ", f"{self._keys.fold} shows it", palette.muted)
            return [*marked(wrap(note, width), "fold_reasoning"), []]
        bar = Segment("┊ ", palette.muted)
        body: list[Line] = []
        for paragraph in reasoning.strip().split("\n"):
            body += wrap([Span(paragraph, palette.muted)], width - 2)
        label = wrap([Span("▾ thought" if answered else "▾ thinking", palette.muted)], width)
        return [*marked(label, "fold_reasoning"), *indent(body, bar, bar), []]

    def _answer(self, text: str, width: int, palette: Palette) -> list[Line]:
        folded, rest = self._text_folded, ""
        if folded and len(text) > HUGE:
            text, rest = text[:_HEAD], text[_HEAD:]
        look = (width, palette)
        if self._markdown is None or self._markdown[0] != look:
            self._markdown, self._complete = (look, GrowingMarkdown(width, palette)), ""
        markdown = self._markdown[1]
        complete = self._progress is None
        if not complete or text != self._complete:
            markdown.update(text, complete=complete)
            self._complete = text if complete else ""
        return self._folded(markdown.lines, rest, width, palette) if folded else self._whole(markdown.lines)

    def _ending(self, width: int, palette: Palette) -> list[Line]:
        """How the answer stands: at work, or why it ended before its end."""
        message = self.message
        if self._progress is not None:
            doing = self._progress.doing
            return wrap([Span(f"◌ {doing}", palette.muted)], width) if doing else []
        more = f"{self._keys.resume} continues it"
        match message.state:
            case "streaming":
                return wrap([Span("◌ another window is writing this answer", palette.muted)], width)
            case "stopped":
                return wrap(self._hint("■ stopped · ", more, palette.warning), width)
            case "interrupted":
                return wrap(self._hint("◧ interrupted · ", more, palette.warning), width)
            case "failed":
                return self._failure(width, palette)
            case _ if message.finish_reason == "length":
                reached = "■ the limit of tokens for an answer was reached · "
                return wrap(self._hint(reached, more, palette.warning), width)
            case _ if not message.text.strip():
                return wrap([Span("the model answered with nothing", palette.muted)], width)
            case _:
                return []

    def _failure(self, width: int, palette: Palette) -> list[Line]:
        error = self.message.error
        if error is None:
            return wrap([Span("✕ this answer failed", palette.error)], width)
        lines = wrap([Span(f"✕ {error.title}", palette.error)], width)
        if error.detail:
            lines += indent(wrap([Span(error.detail, palette.text)], width - 2), Segment("  "), Segment("  "))
        if error.hint:
            lines += indent(
                wrap([Span(error.hint, palette.strong)], width - 2), Segment("→ ", palette.marker), Segment("  ")
            )
        keys = self._keys
        more = f" · {keys.resume} continues it" if self.message.text else ""
        return lines + wrap(self._hint("", f"{keys.again} asks again{more}", palette.muted), width)

    def _hint(self, what: str, key: str, style: Style) -> list[Span]:
        """What a key of the transcript does, with the way there."""
        return [Span(what, style), way(self._keys.leave, style), Span(key, style)]

    # --- folding -------------------------------------------------------------------

    @property
    def _text_folded(self) -> bool:
        if self.fold.text is not None:
            return self.fold.text
        return self.message.role == "user" or (self._progress is None and len(self.message.text) > HUGE)

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
            return False
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

    def keep_open(self, part: Part) -> None:
        """Do not fold this part by itself, as it would when an answer begins or lines become more: it is being read."""
        if part == "reasoning" and self.fold.reasoning is None and not self._reasoning_folded:
            self.fold = replace(self.fold, reasoning=False)
        elif part == "text" and self.fold.text is None and not self.hides_text:
            self.fold = replace(self.fold, text=False)

    def _set_fold(self, fold: Fold) -> None:
        self.fold, self._drawn_for = fold, None

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
        index = bisect_right([first for first, _ in self._parts], line) - 1
        if index < 0:
            return "heading", 0
        first, part = self._parts[index]
        return part, line - first

    def line_of(self, part: Part, offset: int) -> int:
        """Where a line that `spot` told of is now; where that is folded away, what stands in its place."""
        span = self._span(part)
        return min(span[0] + offset, max(span[0], span[1] - 1))

    def ink_before(self, part: Part, offset: int) -> int:
        """Characters of a part that stand before one of its lines, less spaces and rules: the same at every width."""
        first, end = self._span(part)
        return sum(map(_ink, self.lines[first : min(end, first + offset)]))

    def line_after_ink(self, part: Part, ink: int) -> int:
        """The line of a part that shows what stood behind so much ink."""
        first, end = self._span(part)
        for line in range(first, end):
            ink -= _ink(self.lines[line])
            if ink < 0:
                return line
        return max(first, end - 1)

    def _span(self, part: Part) -> tuple[int, int]:
        """The lines of a part, from one up to another; of one that is not there, where it would be."""
        later = [first for first, name in self._parts if _ORDER.index(name) > _ORDER.index(part)]
        end = later[0] if later else len(self.lines)
        first = next((first for first, name in self._parts if name == part), None)
        return (end, end + 1) if first is None else (first, end)


_BLANK = str.maketrans(dict.fromkeys(" │─┼▎┊", ""))


def _ink(line: Line) -> int:
    return sum(len(segment.text.translate(_BLANK)) for segment in line)


def _lines(text: str, width: int) -> int:
    """Lines that a text will take, roughly."""
    return text.count("\n") + len(text) // max(1, width) + 1 if text else 0


def _estimate(message: Message, width: int) -> int:
    """Lines, roughly: right enough for a scroll bar, corrected when the message is drawn."""
    text = message.text
    lines = _lines(text, width) or 1
    if (message.role == "user" and lines > LONG) or len(text) > HUGE:
        lines = SHOWN + 1
    return lines + 2
