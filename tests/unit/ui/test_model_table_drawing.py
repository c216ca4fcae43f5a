"""The bar of the fit and the columns of the list, at any width and for any figures."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from lama_tui.engine.fit import Fit, Machine
from lama_tui.ui.models import ListedModel
from lama_tui.ui.screens.models.columns import COLUMNS, MARKS, Row, columns, heading, line, short_name
from lama_tui.ui.screens.models.fit_bar import FREE, KV, MISSING, TAKEN, WEIGHTS, WORK, bar, legend, verdict
from lama_tui.ui.screens.models.table import pad

GIB = 1024**3
sizes = st.integers(min_value=0, max_value=2**45)
machines = st.builds(
    lambda total, free, limit: Machine(total, None if total is None or free is None else min(free, total), limit),
    st.none() | sizes, st.none() | sizes, st.none() | sizes,
)  # fmt: skip
fits = st.builds(Fit, st.none() | sizes, st.none() | sizes, machines)


@given(fits, st.integers(min_value=1, max_value=300))
def test_a_bar_is_as_wide_as_asked(fit: Fit, width: int) -> None:
    drawn = bar(fit, width).plain
    assert cell_len(drawn) == width
    assert set(drawn) <= {TAKEN, WEIGHTS, KV, WORK, FREE, MISSING}
    assert [str(entry) for entry in legend(fit, 4096)] and verdict(fit).plain


@given(fits, st.integers(min_value=6, max_value=300))
def test_what_does_not_fit_is_drawn_and_what_fits_is_not(fit: Fit, width: int) -> None:
    if fit.headroom is not None:
        assert (MISSING in bar(fit, width).plain) is (fit.headroom < 0)


def test_the_parts_have_their_share() -> None:
    drawn = bar(Fit(4 * GIB, 2 * GIB, Machine(16 * GIB, 12 * GIB)), 32).plain
    assert drawn == TAKEN * 8 + WEIGHTS * 8 + KV * 4 + WORK + FREE * 11


def test_over_the_limit_of_the_engine_is_told() -> None:
    assert "engine.memory_limit" in verdict(Fit(9 * GIB, 0, Machine(16 * GIB, 15 * GIB, 8 * GIB))).plain
    on_metal = "\n".join(line.plain for line in legend(Fit(GIB, 0, Machine(16 * GIB, 16 * GIB)), 2048))
    assert "in all for models" in on_metal and "taken" not in on_metal


@given(st.integers(min_value=-5, max_value=400), st.integers(min_value=0, max_value=5000))
def test_columns_are_dropped_by_importance(width: int, longest: int) -> None:
    shown = columns(width, longest)
    kept = sorted(column.importance for column in shown)
    assert kept == list(range(len(kept)))
    assert len(columns(width + 1, longest)) >= len(shown)
    if shown:
        assert MARKS + 20 + sum(column.width + 2 for column in shown) <= width


@given(st.text(), st.integers(min_value=0, max_value=80))
def test_a_name_takes_its_width(text: str, width: int) -> None:
    assert cell_len(pad(text, width)) == max(width, 0) or width == 0


def test_the_ends_of_names_tell_quantizations_apart() -> None:
    assert pad("mlx-community/Meta-Llama-3.1-8B-Instruct-4bit", 24).endswith("Instruct-4bit")


def test_in_a_sentence_a_long_name_leaves_room_for_what_happened() -> None:
    short = short_name("someone/An-Extremely-Long-Model-Name-Instruct-MLX-4bit-DWQ")
    assert cell_len(short) == 24
    assert short.startswith("someone/")
    assert short.endswith("MLX-4bit-DWQ")
    assert short_name("/models/tiny/") == "tiny"


@given(st.integers(min_value=1, max_value=300), st.sampled_from(["a", "[/nope]", "日本" * 60]), st.booleans())
def test_every_line_is_as_long_as_the_titles(width: int, name: str, broken: bool) -> None:
    row = Row(ListedModel(name, name, problem="it is broken" if broken else ""), in_use=True, loaded=True, fits=False)
    shown = columns(width, cell_len(name))
    length = heading(shown, width).cell_length
    drawn = line(row, shown, width, 0).cell_length
    assert drawn <= length if broken and width > MARKS else drawn == length or width <= MARKS


def test_all_columns_are_there_where_there_is_room() -> None:
    assert columns(200, 30) == COLUMNS
