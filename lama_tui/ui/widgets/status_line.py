"""One line below the composer: which model, where it runs, what goes on, what the last answer cost."""

from dataclasses import dataclass, field

from textual.content import Content
from textual.geometry import Region
from textual.reactive import reactive
from textual.widget import Widget

from lama_tui.types import Usage
from lama_tui.ui import figures
from lama_tui.ui.difference import changed_columns

_GAP = " · "


@dataclass(frozen=True, slots=True)
class Status:
    """What the line shows. `place` says where the model runs; `off_machine` warns.

    `doing` is what the answer does now, in words and in fewer words. `room` is what the next prompt takes of which
    context window; while it is not known, what the last answer took.
    """

    model: str = ""
    place: str = ""
    off_machine: bool = False
    doing: tuple[str, ...] = ()
    usage: Usage = field(default_factory=Usage)
    room: tuple[int | None, int | None] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Piece:
    """A piece of the line. `forms` is how it can be written, longest first; what weighs least goes first."""

    weight: int
    style: str
    forms: tuple[str, ...]


class StatusLine(Widget):
    """Where the line is narrow, pieces are shortened, and only then those that matter least left out."""

    status: reactive[Status] = reactive(Status(), repaint=False)
    waiting: reactive[str] = reactive("", repaint=False)
    """What else is waited for: opening, switching, stopping."""

    downloads: reactive[str] = reactive("", repaint=False)
    """How far downloads are; empty where there are none."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - the name that Textual uses
        super().__init__(id=id)
        self._drawn: list[tuple[str, str]] = []

    def watch_status(self) -> None:
        """Draw what differs."""
        self._update()

    def watch_downloads(self) -> None:
        """Draw what differs."""
        self._update()

    def watch_waiting(self) -> None:
        """Draw what differs."""
        self._update()

    def _update(self) -> None:
        columns = changed_columns(self._drawn, self._line())
        if columns is not None:
            self.refresh(Region(columns[0], 0, columns[1], 1))

    def render(self) -> Content:
        """The line, as wide as it is."""
        self._drawn = self._line()
        return Content.assemble(*self._drawn)

    def _line(self) -> list[tuple[str, str]]:
        """Texts and their styles."""
        return fit(self._pieces(), self.content_size.width)

    def _pieces(self) -> list[_Piece]:
        status, usage = self.status, self.status.usage
        used = (usage.prompt_tokens or 0) + (usage.completion_tokens or 0)
        known = usage.prompt_tokens is not None or usage.completion_tokens is not None
        taken, of = status.room or (used if known else None, usage.context_window)
        tokens = figures.count(taken) + (f"/{figures.count(of)}" if of else "")
        name = status.model.rpartition("/")[2]
        place = f"↗ {status.place}" if status.off_machine else status.place
        pieces = [
            _Piece(70, "bold $primary", (status.model, name, _cut(name, 16))),
            _Piece(90, "$warning", (place, _cut(place, 24)))
            if status.off_machine
            else _Piece(10, "$foreground-muted", (place,)),
            *(_Piece(80, "$warning", (note,)) for note in status.notes),
            _Piece(100, "$accent", (self.waiting, _cut(self.waiting, 40))),
            _Piece(95, "$accent", status.doing),
            _Piece(60, "$accent", (self.downloads,)),
            _Piece(50, "$foreground-muted", (f"{tokens} tokens", tokens)),
            _Piece(40, "$foreground-muted", (figures.rate(usage.decode_tok_s),)),
            _Piece(30, "$foreground-muted", (f"TTFT {figures.milliseconds(usage.ttft_ms)}",)),
        ]
        return [piece for piece in pieces if piece.forms and piece.forms[0]]


def fit(pieces: list[_Piece], width: int) -> list[tuple[str, str]]:
    """The texts of the pieces, with gaps, in at most `width` cells; the last one left is cut to them."""
    forms = dict.fromkeys(range(len(pieces)), 0)  # which form of each piece is used
    steps: list[tuple[float, int, int | None]] = [
        (pieces[index].weight, index, None) for index in forms
    ]  # leaving a piece out costs what it weighs
    steps += [
        (piece.weight / 4, index, form) for index, piece in enumerate(pieces) for form in range(1, len(piece.forms))
    ]

    def texts() -> list[tuple[str, str]]:
        line: list[tuple[str, str]] = []
        for index in sorted(forms):
            line += [(_GAP, "$foreground-muted")] if line else []
            line.append((pieces[index].forms[forms[index]], pieces[index].style))
        return line

    def is_too_long() -> bool:
        return sum(Content(text).cell_length for text, _ in texts()) > width

    for _, index, form in sorted(steps, key=lambda step: step[0]):
        if not is_too_long():
            break
        if form is not None:
            forms[index] = form
        elif len(forms) > 1:
            del forms[index]
    return [(_cut(text, width), style) for text, style in texts()] if is_too_long() else texts()


def _cut(text: str, width: int) -> str:
    return Content(text).truncate(max(1, width), ellipsis=True).plain
