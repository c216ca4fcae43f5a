"""Thin drawing against stock drawing: whatever frames come, an emulated terminal shows the same, cell for cell."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.color import ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip
from xterm import Xterm

from lama_tui.ui.terminal.ink import PLAIN, change
from lama_tui.ui.terminal.thin import ThinScreen

Update = LayoutUpdate | ChopsUpdate
NO_WRAP = b"\x1b[?7l"

LETTERS = ["a", "b", " ", " ", "é", "e\u0301", "漢", "字", "▌", "─"]
STYLES = [
    None,
    Style.parse("bold"),
    Style.parse("dim red"),
    Style.parse("on #102030"),
    Style.parse("bold italic #a0b0c0 on #102030"),
    Style.parse("underline reverse white on blue"),
]


class Stock:
    """A terminal that Textual draws on by itself."""

    def __init__(self, width: int, height: int) -> None:
        self.xterm = Xterm(width, height)
        self.xterm.receive(NO_WRAP)
        self._console = Console(color_system="truecolor")

    def show(self, update: Update) -> None:
        # a terminal in raw mode with output processing: a line feed goes to the first column
        drawn = update.render_segments(self._console).replace("\n", "\r\n")
        self.xterm.receive(drawn.encode())


class Thin:
    """A terminal that is drawn on thinly."""

    def __init__(self, width: int, height: int) -> None:
        self.xterm = Xterm(width, height)
        self.xterm.receive(NO_WRAP)
        self.screen = ThinScreen(width, height)

    def show(self, update: Update, cursor: tuple[int, int] = (0, 0)) -> str:
        self.screen.take(update, cursor)
        return self.flush()

    def flush(self) -> str:
        frame = self.screen.difference()
        assert not self.screen.is_due and self.screen.difference() == ""
        self.xterm.receive(frame.replace("\n", "\r\n").encode())
        return frame


def cells(xterm: Xterm) -> list[list[tuple[object, ...]]]:
    """What each cell shows. Of a blank, only what can be seen of one."""
    screen = xterm.screen
    found = []
    for y in range(screen.lines):
        row: list[tuple[object, ...]] = []
        for x in range(screen.columns):
            cell = screen.buffer[y][x]
            seen = (cell.bg, cell.reverse, cell.underscore)
            row.append((cell.data, *seen) if cell.data == " " and not cell.reverse else tuple(cell))
        found.append(row)
    return found


def assert_same(stock: Stock, thin: Thin) -> None:
    assert not stock.xterm.refused and not thin.xterm.refused
    for y, (expected, got) in enumerate(zip(cells(stock.xterm), cells(thin.xterm), strict=True)):
        assert got == expected, f"row {y}"


pieces = st.lists(
    st.tuples(st.lists(st.sampled_from(LETTERS), max_size=6).map("".join), st.sampled_from(STYLES)), max_size=6
)


def strip_of(parts: list[tuple[str, Style | None]], width: int) -> Strip:
    strip = Strip([Segment(text, style) for text, style in parts if text])
    return strip.adjust_cell_length(width, STYLES[3])


@st.composite
def scenes(draw: st.DrawFn, width: int, height: int) -> list[Strip]:
    """What a screen shows."""
    return [strip_of(draw(pieces), width) for _ in range(height)]


def boundaries(strip: Strip) -> set[int]:
    """The columns at which a strip can be cut without halving a character."""
    found, x = {0}, 0
    for segment in strip:
        for character in segment.text:
            x += cell_len(character)
            found.add(x)
    return found


@st.composite
def parts_of(draw: st.DrawFn, before: list[Strip], after: list[Strip]) -> ChopsUpdate:
    """An update of what differs, cut as the compositor cuts: at the edges of widgets."""
    chops: list[dict[int, Strip | None]] = []
    ends: list[list[int]] = []
    spans: list[tuple[int, int, int]] = []
    for y, (old, new) in enumerate(zip(before, after, strict=True)):
        width = new.cell_length
        cuts = sorted(boundaries(old) & boundaries(new) - {0, width})
        cut = draw(st.sampled_from(cuts)) if cuts and draw(st.booleans()) else width
        edges = [0, cut, width] if cut < width else [0, width]
        ends.append(edges[1:])
        chops.append(dict(zip(edges, new.divide(edges[1:]), strict=False)))
        if old != new or y == 0:
            spans.append((y, 0, width))
    return ChopsUpdate(chops, spans, ends)


@st.composite
def steps(draw: st.DrawFn, scene: list[Strip]) -> tuple[list[Strip], Update]:
    """The next scene, and the update that leads to it: scrolled, edited, or another one."""
    width, height = scene[0].cell_length, len(scene)
    kind = draw(st.sampled_from(["scroll", "edit", "other"]))
    if kind == "scroll":
        top = draw(st.integers(0, height - 1))
        bottom = draw(st.integers(top + 1, height))
        by = draw(st.integers(1, max(1, (bottom - top) // 2)))
        fresh = [strip_of(draw(pieces), width) for _ in range(by)]
        band = scene[top:bottom]
        band = (band + fresh)[by:] if draw(st.booleans()) else (fresh + band)[: bottom - top]
        after = [*scene[:top], *band, *scene[bottom:]]
    elif kind == "edit":
        after = list(scene)
        for y in draw(st.lists(st.integers(0, height - 1), max_size=3)):
            after[y] = strip_of(draw(pieces), width)
    else:
        after = draw(scenes(width, height))
    update: Update
    if draw(st.booleans()):
        update = LayoutUpdate([[strip] for strip in after], Region(0, 0, width, height))
    else:
        update = draw(parts_of(scene, after))
    return after, update


@pytest.mark.slow
@settings(max_examples=1500, deadline=None)
@given(data=st.data(), width=st.integers(1, 24), height=st.integers(1, 14))
def test_very_many_frames(data: st.DataObject, width: int, height: int) -> None:
    play(data, width, height)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), width=st.integers(1, 24), height=st.integers(1, 14))
def test_any_frames_leave_what_stock_drawing_leaves(data: st.DataObject, width: int, height: int) -> None:
    play(data, width, height)


def play(data: st.DataObject, width: int, height: int) -> None:
    """Draw some frames in both ways."""
    stock, thin = Stock(width, height), Thin(width, height)
    scene = data.draw(scenes(width, height))
    first = LayoutUpdate([[strip] for strip in scene], Region(0, 0, width, height))
    stock.show(first)
    thin.show(first)
    for _ in range(data.draw(st.integers(0, 8))):
        act = data.draw(st.sampled_from(["show", "show", "show", "keep", "garble", "resize"]))
        if act == "resize":
            width, height = data.draw(st.integers(1, 24)), data.draw(st.integers(1, 14))
            scene = data.draw(scenes(width, height))
            update: Update = LayoutUpdate([[strip] for strip in scene], Region(0, 0, width, height))
            for terminal in (stock, thin):
                terminal.xterm.screen.resize(height, width)
            thin.screen = ThinScreen(width, height)
        else:
            scene, update = data.draw(steps(scene))
        stock.show(update)
        if act == "keep":  # no room for this one: the next brings both
            thin.screen.take(update, (0, 0))
            continue
        if act == "garble":  # somebody else wrote on it
            thin.xterm.receive(b"\x1b[41mlost?\r\n" * 3 + b"\x1b[m")
            thin.screen.forget()
        thin.show(update, (data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))))
        assert_same(stock, thin)
    thin.flush()
    assert_same(stock, thin)


def whole(rows: list[str], width: int) -> LayoutUpdate:
    strips = [Strip([Segment(row.ljust(width))]).adjust_cell_length(width) for row in rows]
    return LayoutUpdate([[strip] for strip in strips], Region(0, 0, width, len(rows)))


def test_what_is_shown_already_costs_nothing() -> None:
    thin = Thin(20, 4)
    assert thin.show(whole(["one", "two", "three", "four"], 20))
    assert thin.show(whole(["one", "two", "three", "four"], 20)) == ""


def test_one_changed_cell_costs_a_move_and_the_cell() -> None:
    thin = Thin(20, 4)
    thin.show(whole(["one", "two", "three", "four"], 20), (5, 2))
    assert thin.show(whole(["one", "two", "threE", "four"], 20), (5, 2)) == "\bE"


def test_rows_that_move_are_moved_by_the_terminal() -> None:
    rows = [f"row {number}" + "abcdefghijkl"[number % 12] * 40 for number in range(30)]
    thin = Thin(60, 12)
    thin.show(whole([*rows[:10], "edge", "foot"], 60))
    frame = thin.show(whole([*rows[2:12], "edge", "foot"], 60))
    assert "\n\n" in frame and len(frame) < 200
    assert "row 5" not in frame and "foot" not in frame
    frame = thin.show(whole([*rows[0:10], "edge", "foot"], 60))
    assert "\x1bM\x1bM" in frame and len(frame) < 200


def test_blank_rows_above_what_moved_down_are_not_among_it() -> None:
    """The new row above them is blank, as two were before: it does not come from above the screen."""
    before = ["", "", *(letter * 30 for letter in "abcdefgh"), "edge", "foot"]
    for by in (1, 2, 3):
        stock, thin = Stock(40, 12), Thin(40, 12)
        after = [*(f"new {number}" for number in range(by - 1)), "", *before[: 10 - by], "edge", "foot"]
        for rows in (before, after):
            stock.show(whole(rows, 40))
            frame = thin.show(whole(rows, 40))
            assert_same(stock, thin)
        assert "\x1bM" in frame and "\x1b[0" not in frame


def test_a_pane_beside_what_moves_is_weighed() -> None:
    """A pane that costs more than the rows that moved: nothing is scrolled."""
    side = [f"{number}" * 30 for number in range(8)]
    thin = Thin(40, 8)
    thin.show(whole([f"{text[:34]}{number}" for number, text in enumerate(side)], 40))
    frame = thin.show(whole([f"{text[:34]}{number + 2}" for number, text in enumerate(side)], 40))
    assert "\n" not in frame.replace("\r\n", "")


@pytest.mark.parametrize("emoji", ["🦙", "👩\u200d👩\u200d👧", "❤\ufe0f", "🇩🇪", "☝🏽"])
def test_a_character_of_doubtful_width_moves_nothing(emoji: str) -> None:
    """Whatever the terminal makes of it, what follows stands where it should, also beside it."""
    thin = Thin(20, 2)
    thin.show(whole([f"{emoji} after", "next"], 20))
    column = cell_len(emoji) + 1
    screen = thin.xterm.screen
    shown = "".join(screen.buffer[0][x].data for x in range(column, column + 5))
    assert shown == "after"
    frame = thin.show(whole([f"{emoji} After", "next"], 20))
    assert emoji not in frame  # nothing is in doubt: it stays
    frame = thin.show(whole([f"x{emoji} After", "next"], 20))
    assert frame.count("After") == 1  # it may have been drawn over
    assert "".join(screen.buffer[0][x].data for x in range(column + 1, column + 6)) == "After"


def test_a_link_is_opened_and_closed() -> None:
    link = Style(link="https://example.org/a", bold=True)
    strip = Strip([Segment("a "), Segment("link", link), Segment(" b")]).adjust_cell_length(12)
    thin = Thin(12, 1)
    frame = thin.show(LayoutUpdate([[strip]], Region(0, 0, 12, 1)))
    assert frame.count("https://example.org/a") == 1
    assert frame.index("\x1b]8;id=") < frame.index("link") < frame.index("\x1b]8;;\x1b\\") < frame.index(" b")


def test_control_characters_are_not_drawn() -> None:
    hostile = Strip([Segment("\x1b]52;c;aGk=\x07\x9b6n\u202e"), Segment("x\ny\tz")])
    width = hostile.cell_length + 8
    thin = Thin(width, 1)
    frame = thin.show(LayoutUpdate([[hostile]], Region(0, 0, width, 1)))
    assert not {"\x07", "\x9b", "\u202e", "\n", "\t"} & set(frame)
    assert "\x1b]" not in frame and "␛" in frame


inks = st.builds(
    lambda attributes, front, back: ";".join([*attributes, *front, *back]),
    st.lists(st.sampled_from(["1", "2", "3", "4", "7", "9"]), unique=True, max_size=3).map(sorted),
    st.lists(st.sampled_from(["31", "39", "97", "38;5;9", "38;2;1;2;3"]), max_size=1),
    st.lists(st.sampled_from(["41", "49", "104", "48;5;7", "48;2;9;8;7"]), max_size=1),
)


@given(path=st.lists(inks, min_size=1, max_size=6))
def test_every_way_between_inks_leads_there(path: list[str]) -> None:
    walked, direct = Xterm(2, 1), Xterm(2, 1)
    before = PLAIN
    for ink in path:
        walked.receive(change(before, ink).encode())
        before = ink
    walked.receive(b"x")
    direct.receive(f"\x1b[0;{before}mx".encode() if before else b"x")
    assert walked.screen.buffer[0][0] == direct.screen.buffer[0][0]


def test_colours_are_those_the_terminal_has() -> None:
    strip = Strip([Segment("x", Style.parse("#ff0000 on #00ff00"))])
    screen = ThinScreen(1, 1, ColorSystem.EIGHT_BIT)
    screen.take(LayoutUpdate([[strip]], Region(0, 0, 1, 1)), (0, 0))
    assert "38;5;" in (frame := screen.difference()) and "38;2;" not in frame
