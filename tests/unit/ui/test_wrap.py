"""Wrapping: no line is wider than the width, nothing that can be seen is lost, styles stay with their text."""

from hypothesis import example, given, settings
from hypothesis import strategies as st
from palettes import PALETTE
from rich.style import Style

from lama_tui.ui.markdown.table import Cell, Row, table
from lama_tui.ui.markdown.wrap import Line, Span, indent, pad, width_of, wrap, wrap_hard

STYLES = [Style(bold=True), Style(italic=True), Style()]
ALPHABET = "ab漢字ก็é\u0301\u200b\u200d👩👧🏽🇩🇪- \t\n\u00a0\u3000i."
spans = st.lists(st.builds(Span, st.text(ALPHABET, max_size=25), st.sampled_from(STYLES)), max_size=6)
one_line = st.lists(
    st.builds(Span, st.text(ALPHABET.replace("\n", ""), max_size=25), st.sampled_from(STYLES)), max_size=6
)
widths = st.integers(2, 30)


def plain(lines: list[Line]) -> str:
    return "\n".join("".join(segment.text for segment in line) for line in lines)


def styled(pieces: list[tuple[str, Style | None]]) -> list[tuple[str, Style | None]]:
    """Every character that can be seen, with its style."""
    return [(character, style) for text, style in pieces for character in text if not character.isspace()]


@given(spans, widths)
@settings(max_examples=500, deadline=None)
def test_wrap(given_spans: list[Span], width: int) -> None:
    lines = wrap(given_spans, width)
    assert lines
    for line in lines:
        assert width_of(line) <= width
        assert "\n" not in plain([line])
    drawn = [(segment.text, segment.style) for line in lines for segment in line]
    assert styled(drawn) == styled(list(given_spans))


@given(one_line, widths)
@example([Span("aa", STYLES[0]), Span("\u200d\u200da", STYLES[1])], 2)
@example([Span("a", STYLES[0]), Span("\u200d\u200d\u3000", STYLES[1])], 2)
@example([Span("\u200d", STYLES[0]), Span("\u200daaa", STYLES[0])], 2)
@settings(max_examples=500, deadline=None)
def test_wrap_hard_keeps_every_character(given_spans: list[Span], width: int) -> None:
    lines = wrap_hard(given_spans, width)
    assert all(width_of(line) <= width for line in lines)
    assert plain(lines).replace("\n", "") == "".join(span.text for span in given_spans)


@given(st.text("ab ", max_size=60), st.integers(1, 20))
def test_short_words_are_not_broken(text: str, width: int) -> None:
    words = text.split()
    shown = plain(wrap([Span(text, Style())], width)).split()
    if all(len(word) <= width for word in words):
        assert shown == words
    else:
        assert "".join(shown) == "".join(words)


def test_a_word_over_two_styles_is_one_word() -> None:
    lines = wrap([Span("one tw", STYLES[0]), Span("o three", STYLES[1])], 8)
    assert plain(lines) == "one two\nthree"


def test_wide_characters_in_a_single_cell_still_end() -> None:
    assert plain(wrap([Span("漢字", Style())], 1)).split() == ["漢", "字"]


@given(spans, widths)
def test_pad_and_indent(given_spans: list[Span], width: int) -> None:
    lines = [pad(line, width, Style()) for line in wrap(given_spans, width)]
    assert all(width_of(line) == width for line in lines)
    first, rest = (wrap([Span(text, Style())], 2)[0][0] for text in ("> ", "| ")) if width > 2 else (None, None)
    if first is not None and rest is not None:
        assert [line[0] for line in indent(lines, first, rest)] == [first, *[rest] * (len(lines) - 1)]


cells = st.builds(Cell, spans.map(tuple), st.sampled_from(["left", "right", "center"]))
rows = st.lists(st.builds(Row, st.lists(cells, max_size=12).map(tuple), st.booleans()), max_size=6)


@given(rows, st.integers(4, 60))
@settings(max_examples=100, deadline=None)
def test_a_table_fits_and_loses_nothing(given_rows: list[Row], width: int) -> None:
    lines = table(given_rows, width, PALETTE.rule)
    for line in lines:
        assert width_of(line) <= width
        assert "\n" not in plain([line])
    given_characters = sorted(
        c for row in given_rows for cell in row.cells for span in cell.spans for c in span.text if not c.isspace()
    )
    assert sorted(c for c in plain(lines) if not c.isspace() and c not in "─│┼") == given_characters
