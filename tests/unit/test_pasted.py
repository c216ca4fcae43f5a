"""Pasted blocks, written into a text and taken out of it again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lama_tui.conversations.pasted import (
    CLOSE,
    OPEN,
    block,
    blocks_from,
    blocks_to,
    extents,
    label,
    marked,
    outlined,
    pieces,
    plain,
    unmarked,
)

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
NOISE = st.text(st.sampled_from(f"ab\n[{OPEN}{CLOSE}"), max_size=20)


@given(st.lists(st.tuples(TEXT.filter(bool), st.booleans()), max_size=6))
def test_what_is_written_is_read_again(parts: list[tuple[str, bool]]) -> None:
    text = "".join(block(part) if is_block else unmarked(part) for part, is_block in parts)
    assert plain(text) == "".join(unmarked(part) for part, _ in parts)
    assert [piece for piece in pieces(text) if piece[1]] == [
        (unmarked(part), True) for part, is_block in parts if is_block
    ]
    assert marked(plain(text), extents(text)) == text
    assert blocks_from(blocks_to(extents(text))) == list(extents(text))
    assert outlined(text) == "".join(label(unmarked(part)) if is_block else unmarked(part) for part, is_block in parts)


@given(NOISE)
def test_stray_marks_are_left_out(text: str) -> None:
    assert not {OPEN, CLOSE} & set(plain(text))
    assert plain(marked(plain(text), extents(text))) == plain(text)


@given(TEXT, st.lists(st.tuples(st.integers(-5, 30), st.integers(-5, 30)), max_size=5))
def test_extents_that_do_not_fit_count_for_nothing(text: str, found: list[tuple[int, int]]) -> None:
    assert plain(marked(text, found)) == unmarked(text)


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"pasted": 3}', '{"pasted": [[1], ["a", 2], [true, 2], 5]}'])
def test_what_cannot_be_read_is_no_block(text: str | None) -> None:
    assert blocks_from(text) == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x", "[pasted 1 line, 1 bytes]"),
        ("a\nb\n", "[pasted 2 lines, 4 bytes]"),
        ("x\n" * 1234, "[pasted 1,234 lines, 2.5 kB]"),
        ("ä" * 28_350 + "\nb", "[pasted 2 lines, 56.7 kB]"),
        ("x" * 3_000_000, "[pasted 1 line, 3.0 MB]"),
    ],
)
def test_a_label_says_how_much_it_is(text: str, shown: str) -> None:
    assert label(text) == shown
