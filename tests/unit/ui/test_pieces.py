"""A long text in pieces shows what the same text shows at once."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from palettes import PALETTE

from lama_tui.ui.markdown import pieces
from lama_tui.ui.markdown.code import code_blocks
from lama_tui.ui.markdown.pieces import Piece, as_written, markdown
from lama_tui.ui.markdown.stream import GrowingMarkdown
from lama_tui.ui.markdown.wrap import Line, width_of
from lama_tui.ui.transcript.long_text import LongText

BLOCKS = (
    "# A heading",
    "Some *words* with `code` in them,\nover two lines.",
    "- one\n- two\n  - three\n- four",
    "1. one\n2. two",
    "```python\nx = 1\n\ny = 2\n```",
    "| a | b |\n|---|--:|\n| 1 | 2 |",
    "> a quote\n> of two lines",
    "---",
    "<b>html</b>",
)
# between two lists something stands: one list with blank lines in it is looser as a whole than in pieces
texts = st.lists(st.sampled_from(BLOCKS), min_size=1, max_size=30).map("\n\nand then\n\n".join)


def shown(lines: list[Line]) -> list[str]:
    return ["".join(segment.text for segment in line).rstrip() for line in lines]


def all_of(drawing: list[Piece]) -> list[Line]:
    """The lines of all pieces, each of which ends no earlier than the one before."""
    ends = [piece.until for piece in drawing]
    assert ends == sorted(ends)
    return [line for piece in drawing for line in piece.lines]


@given(texts, st.integers(20, 300), st.integers(10, 80))
@settings(max_examples=150, deadline=None)
def test_markdown_in_pieces_is_what_it_is_at_once(text: str, size: int, width: int) -> None:
    once = GrowingMarkdown(width, PALETTE)
    once.update(text, complete=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "_PIECE", size)
        patch.setattr(pieces, "_LONGEST_BLOCK", 2_000)
        drawn = list(markdown(text, width, PALETTE))
    assert drawn[-1].until == len(text)
    assert shown(all_of(drawn)) == shown(once.lines)


@given(st.text(st.sampled_from("ab 漢\n\t#-*`>|[]👩‍"), max_size=300), st.integers(1, 40), st.integers(4, 30))
@settings(max_examples=300, deadline=None)
def test_any_text_in_pieces_of_any_size_fits_and_loses_nothing(text: str, size: int, width: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "_PIECE", size)
        patch.setattr(pieces, "_LONGEST_BLOCK", 4 * size)
        for drawn in (list(as_written(text, width, PALETTE.text)), list(markdown(text, width, PALETTE))):
            lines = all_of(drawn)
            assert all(width_of(line) <= width for line in lines)
            assert all("\n" not in row for row in shown(lines))
        written = all_of(list(as_written(text, width, PALETTE.text)))
    assert "".join("".join(shown(written)).split()) == "".join(text.split())


@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize("row", ["x = 1", "y" * 50_000])
def test_code_that_is_too_long_for_one_piece_is_copied_whole(closed: bool, row: str) -> None:
    code = "\n".join([row] * (100_000 // len(row)))
    text = f"before\n\n```python\n{code}\n" + ("```\n\nafter" if closed else "")
    drawn = list(markdown(text, 60, PALETTE))
    lines = all_of(drawn)
    assert drawn[-1].until == len(text)
    (block,) = code_blocks(lines)
    assert block.source == code
    assert shown(lines)[0] == "before"
    assert shown(lines)[-1] == ("after" if closed else " " + row[: len(row) % 58 or 58])
    assert all(width_of(line) <= 60 for line in lines)


@pytest.mark.parametrize(
    "block",
    ["some *words* of one paragraph ", "> a *quote*\n", "| a | b |\n|---|---|\n" + "| 1 | *2* |\n", "- \n  a *b*\n"],
)
def test_a_block_that_is_too_long_is_shown_as_it_was_written(block: str) -> None:
    text = "*before*\n\n" + (block * (60_000 // len(block))).strip() + "\n\n*after*"
    lines = all_of(list(markdown(text, 60, PALETTE)))
    assert shown(lines)[0] == "before"
    assert shown(lines)[-1] == "after"
    assert sum(row.count("*") for row in shown(lines)) == text.count("*") - 4 or block.startswith("-")


def test_ink_finds_the_same_place_at_another_width() -> None:
    text = "\n".join(f"row {number} " + "word " * 20 for number in range(500))
    wide, narrow = (LongText(text, (w, PALETTE), as_written(text, w, PALETTE.text)) for w in (80, 30))
    for long in (wide, narrow):
        assert not long.complete
        while not long.complete:
            long.go_on(0.001)
        assert long.percent == 100
    for number in (0, 7, 499):
        line = next(n for n, row in enumerate(shown(wide.lines)) if row.startswith(f"row {number} "))
        assert shown(narrow.lines)[narrow.line_after_ink(wide.ink_before(line))].startswith(f"row {number} ")
