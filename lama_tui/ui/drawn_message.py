"""One message of the transcript, drawn to lines: heading, reasoning, text, how it ended."""

from dataclasses import dataclass

from rich.segment import Segment

from lama_tui.conversations.messages import Message
from lama_tui.ui.figures import model_name
from lama_tui.ui.markdown.stream import GrowingMarkdown
from lama_tui.ui.markdown.wrap import Line, Span, indent, wrap, wrap_hard
from lama_tui.ui.palette import Palette

LONG = 24
"""Lines of a person's message beyond which it starts folded."""

SHOWN = 12
"""Lines that a folded message shows."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What a running answer shows: its text so far and what it is doing now."""

    text: str = ""
    reasoning: str = ""
    doing: str = ""


@dataclass(frozen=True, slots=True)
class KeyNames:
    """Keys as people press them, for the lines that name one."""

    fold: str = "space"
    resume: str = "c"
    again: str = "r"
    leave: str = "esc"
    """Leads from the composer to the transcript, where the others work."""


class DrawnMessage:
    """A message and its lines at one width. Until it is drawn its height is an estimate."""

    def __init__(self, message: Message, keys: KeyNames) -> None:
        self.message = message
        self.lines: list[Line] = []
        self.height = _estimate(message, 80)
        self.fold: bool | None = None
        """None: folded by default where it is long; else as the person chose."""
        self._keys = keys
        self._drawn_for: tuple[int, Palette] | None = None
        self._markdown: GrowingMarkdown | None = None
        self._progress: Progress | None = None

    def is_drawn(self, width: int, palette: Palette) -> bool:
        """Whether `lines` are right for this width and theme."""
        return self._drawn_for == (width, palette)

    def estimate(self, width: int) -> None:
        """Guess the height again, for another width."""
        self.height = _estimate(self.message, width)

    def draw(self, width: int, palette: Palette) -> None:
        """Make `lines` for this width and theme; costs nothing when they are there."""
        if self.is_drawn(width, palette):
            return
        self._markdown = None
        self._redraw(width, palette)

    def advance(self, progress: Progress, width: int, palette: Palette) -> None:
        """Show a running answer as far as it is."""
        if progress == self._progress and self.is_drawn(width, palette):
            return
        if not self.is_drawn(width, palette):
            self._markdown = None
        self._progress = progress
        self._redraw(width, palette)

    def toggle_fold(self) -> None:
        """Fold what is shown, or show what is folded."""
        self.fold = not self._is_folded()
        self._drawn_for = None

    def _redraw(self, width: int, palette: Palette) -> None:
        message = self.message
        lines = [self._heading(palette)]
        if message.role == "user":
            lines += self._person(width, palette)
        else:
            progress = self._progress
            text = progress.text if progress else message.text
            reasoning = progress.reasoning if progress else message.reasoning
            lines += self._reasoning(reasoning, bool(text), width, palette)
            lines += self._answer(text, width, palette)
            ending = self._ending(width, palette)
            lines += [[], *ending] if ending and text and self._progress is None else ending
        lines.append([])
        self.lines = lines
        self.height = len(lines)
        self._drawn_for = (width, palette)

    def _heading(self, palette: Palette) -> Line:
        message = self.message
        if message.role == "user":
            return [Segment("You", palette.user)]
        line = [Segment(model_name(message.model) or "assistant", palette.assistant)]
        if message.siblings > 1:
            line.append(Segment(f"  ‹ {message.sibling}/{message.siblings} ›", palette.muted))
        return line

    def _person(self, width: int, palette: Palette) -> list[Line]:
        """What a person wrote, as they wrote it: spaces and line breaks stay."""
        lines: list[Line] = []
        for source in self.message.text.split("\n"):
            spans = [Span(source.expandtabs(4), palette.text)]
            keep = source[:1].isspace() or "  " in source
            lines += wrap_hard(spans, width) if keep else wrap(spans, width)
        if len(lines) > LONG and self._is_folded():
            more = len(lines) - SHOWN
            note = f"⋯ {more:,} more lines · {self._keys.leave}, then {self._keys.fold} shows them"
            return [*lines[:SHOWN], *wrap([Span(note, palette.muted)], width)]
        return lines

    def _reasoning(self, reasoning: str, answered: bool, width: int, palette: Palette) -> list[Line]:
        """What the model thought: open while it thinks, folded when the answer begins."""
        if not reasoning.strip():
            return []
        folded = self.fold if self.fold is not None else answered
        words = len(reasoning.split())
        if folded:
            note = f"▸ thought, {words:,} words · {self._keys.leave}, then {self._keys.fold} shows it"
            return [*wrap([Span(note, palette.muted)], width), []]
        bar = Segment("┊ ", palette.muted)
        body: list[Line] = []
        for paragraph in reasoning.strip().split("\n"):
            body += wrap([Span(paragraph, palette.muted)], width - 2)
        return [[Segment("▾ thinking", palette.muted)], *indent(body, bar, bar), []]

    def _answer(self, text: str, width: int, palette: Palette) -> list[Line]:
        if self._markdown is None:
            self._markdown = GrowingMarkdown(width, palette)
        self._markdown.update(text, complete=self._progress is None)
        return self._markdown.lines

    def _ending(self, width: int, palette: Palette) -> list[Line]:
        """How the answer stands: at work, or why it ended before its end."""
        message = self.message
        if self._progress is not None:
            doing = self._progress.doing
            return wrap([Span(f"◌ {doing}", palette.muted)], width) if doing else []
        more = f"{self._keys.leave}, then {self._keys.resume} continues it"
        match message.state:
            case "streaming":
                return wrap([Span("◌ another window is writing this answer", palette.muted)], width)
            case "stopped":
                return wrap([Span(f"■ stopped · {more}", palette.warning)], width)
            case "interrupted":
                return wrap([Span(f"◧ interrupted · {more}", palette.warning)], width)
            case "failed":
                return self._failure(width, palette)
            case _ if message.finish_reason == "length":
                return wrap([Span(f"■ the limit of tokens for an answer was reached · {more}", palette.warning)], width)
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
        return lines + wrap([Span(f"{keys.leave}, then {keys.again} asks again{more}", palette.muted)], width)

    def _is_folded(self) -> bool:
        if self.fold is not None:
            return self.fold
        return self._progress is None or bool(self._progress.text)


def _estimate(message: Message, width: int) -> int:
    """Lines, roughly: right enough for a scroll bar, corrected when the message is drawn."""
    text = message.text
    lines = text.count("\n") + len(text) // max(1, width) + 1
    if message.role == "user" and lines > LONG:
        lines = SHOWN + 1
    return lines + 2
