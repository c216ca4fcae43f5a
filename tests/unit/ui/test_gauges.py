"""Bars, sparklines and core bars: as wide as they should be, and high in shape too, not only in colour."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lama_tui.ui.gauges import bar, changed, cores, finite, lines_of_cores, number, row, sparkline

shares = st.floats(allow_nan=False, allow_infinity=True) | st.none()


def test_a_row_takes_the_longest_words_that_fit() -> None:
    words = ("9.0 of 24 GiB", "9.0 GiB")
    assert row("Memory", words, 24).plain == "Memory     9.0 of 24 GiB"
    assert row("Memory", words, 15).plain == "Memory  9.0 GiB"
    assert row("Memory", words, 10).plain == "Me 9.0 GiB"
    assert row("Memory", words, 4).plain == "9.0 "
    assert row("Memory", words, 0).plain == ""


def test_what_is_high_differs_without_colour() -> None:
    assert row("Memory", ("96 %",), 16, high=True).plain == "Memory    ! 96 %"
    low, high = bar(0.5, 8).plain, bar(0.5, 8, high=True).plain
    assert (low, high) == ("━━━━────", "════────")
    assert bar(None, 4).plain == bar(0.0, 4).plain == "────"
    assert bar(7.5, 4).plain == "━━━━"


def test_a_sparkline_stands_on_its_last_line_and_grows_upwards() -> None:
    assert [line.plain for line in sparkline([None, 0, 50, 100], 4, 1, 100)] == ["·▁▄█"]
    assert [line.plain for line in sparkline([None, 0, 50, 100], 6, 2, 100)] == ["     █", "···▁██"]
    assert [line.plain for line in sparkline([1, 2, 3, 4], 2, 1)] == ["▆█"]
    assert [line.plain for line in sparkline([], 3, 1)] == ["···"]
    assert [line.plain for line in sparkline([0, 0], 2, 1)] == ["▁▁"]


@given(st.lists(st.floats(0, 1e20) | st.none(), max_size=40), st.integers(-1, 30), st.integers(1, 8), shares)
def test_any_sparkline_has_the_size_that_was_asked_for(
    values: list[float | None], width: int, height: int, top: float | None
) -> None:
    lines = sparkline(values, width, height, number(top))
    assert [len(line.plain) for line in lines] == [max(0, width)] * height


@pytest.mark.parametrize(
    ("count", "width", "lines"),
    [(1, 24, 1), (2, 24, 1), (10, 24, 1), (16, 24, 1), (17, 24, 2), (64, 24, 4), (128, 24, 8), (128, 34, 6), (8, 9, 8)],
)
def test_each_core_has_a_cell(count: int, width: int, lines: int) -> None:
    assert lines_of_cores(count, width) == lines
    drawn = cores([50.0] * count, width, lines, 90)
    assert len(drawn) == lines and {line.cell_length for line in drawn} == {width}
    assert sum(line.plain.count("▄") for line in drawn) == count
    assert drawn[0].plain.startswith("Cores"[: width - 2])


def test_lines_of_cores_are_equally_long() -> None:
    first, second = cores([100.0] * 20, 24, 2, 90)
    assert first.plain == "Cores         " + "█" * 10
    assert second.plain == "              " + "█" * 10


def test_more_cores_than_cells_show_the_busiest_of_neighbours() -> None:
    levels = [0.0] * 128
    levels[5] = 100.0
    (line,) = cores(levels, 24, 1, 90)
    assert line.plain == "Cores/8 █" + "▁" * 15


@given(st.lists(st.floats(0, 100), min_size=1, max_size=300), st.integers(1, 90), st.integers(1, 40))
def test_cores_never_need_more_room_than_there_is(levels: list[float], width: int, lines: int) -> None:
    drawn = cores(levels, width, lines, 90)
    assert 1 <= len(drawn) <= lines
    assert all(line.cell_length <= width for line in drawn)


def test_only_cells_that_differ_are_drawn_again() -> None:
    before = row("CPU", ("37 %",), 12)
    assert changed(before, row("CPU", ("37 %",), 12)) is None
    assert changed(before, row("CPU", ("39 %",), 12)) == (9, 10)
    assert changed(before, row("CPU", ("97 %",), 12, high=True)) == (0, 12)
    assert changed(before, row("CPU", ("37 %",), 14)) == (0, 14)


def test_what_cannot_be_drawn_is_unknown() -> None:
    assert finite([1, 2.5, None, math.nan, math.inf, -math.inf, 10**400]) == [1.0, 2.5, *[None] * 5]
