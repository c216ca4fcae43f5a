"""Markdown to lines: nothing raises, nothing is too wide, growing equals drawing the whole."""

import os
import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from palettes import PALETTE

from lama_tui.ui.markdown.blocks import parse, render_all
from lama_tui.ui.markdown.stream import GrowingMarkdown
from lama_tui.ui.markdown.wrap import Line, width_of

PIECES = [
    "word ",
    "two words\n",
    "\n",
    "\n\n",
    "# Heading\n",
    "- item\n",
    "  - nested\n",
    "    deep\n",
    "1. one\n",
    "2) two\n",
    "> quote\n",
    "```python\n",
    "```\n",
    "~~~\n",
    "x = 1\n",
    "    code\n",
    "---\n",
    "===\n",
    "| a | b |\n",
    "|---|:-:|\n",
    "| 1 | 2 |\n",
    "**bold** ",
    "*it",
    "*",
    "`code` ",
    "``",
    "[link](http://a.example) ",
    "![image](x.png)",
    "<b>",
    "<div>\n",
    "</div>\n",
    "<!-- ",
    "-->\n",
    "\\",
    "  \n",
    "\t",
    "漢字かな",
    "👩‍👩‍👧 ",
    "e\u0301",
    "&amp; ",
    "~~gone~~ ",
    "\u200b",
    "a" * 30,
    "https://a.example/x ",
    "[r]: http://r.example\n",
    "[r] ",
    "[^1]: note\n",
    "- - - - ",
    "> > > > > > ",
    "```py\n" + "x = 1\n" * 60,
    "* * *\n",
    "+ plus\n",
    "10. ten\n",
    " ",
    "_u_ ",
    "$x$ ",
    "|",
    ":",
    "<http://b.example>",
]
EXAMPLES = int(os.environ.get("LAMA_TEST_EXAMPLES", "400"))  # more of them find rarer things
documents = st.lists(st.sampled_from(PIECES), max_size=25).map("".join)


def texts(lines: list[Line]) -> list[str]:
    return ["".join(segment.text for segment in line) for line in lines]


def whole(text: str, width: int) -> list[Line]:
    return render_all(parse(text), width, PALETTE)


def assert_fits(lines: list[Line], width: int) -> None:
    for line in lines:
        assert width_of(line) <= width, texts([line])
        assert "\n" not in texts([line])[0]


@given(documents, st.integers(1, 60))
@settings(max_examples=300, deadline=None)
def test_any_document_fits_its_width(text: str, width: int) -> None:
    assert_fits(whole(text, max(4, width)), max(4, width))


@given(st.text(max_size=200), st.integers(4, 40))
@settings(max_examples=200, deadline=None)
def test_any_text_is_markdown(text: str, width: int) -> None:
    assert_fits(whole(text, width), width)


@given(documents, st.lists(st.integers(1, 12), min_size=1, max_size=40), st.integers(4, 60))
@settings(max_examples=EXAMPLES, deadline=None)
def test_growing_ends_as_the_whole(text: str, steps: list[int], width: int) -> None:
    growing = GrowingMarkdown(width, PALETTE)
    at = 0
    for step in steps:
        at = min(len(text), at + step)
        growing.update(text[:at])
        assert_fits(growing.lines, width)
    growing.update(text)
    growing.update(text, complete=True)
    assert growing.lines == whole(text, width)


@given(documents, st.lists(st.integers(1, 12), min_size=1, max_size=60), st.integers(8, 60))
@settings(max_examples=EXAMPLES, deadline=None)
def test_while_it_grows_it_shows_what_the_whole_would_show(text: str, steps: list[int], width: int) -> None:
    growing = GrowingMarkdown(width, PALETTE)
    at = 0
    for step in steps:
        at = min(len(text), at + step)
        growing.update(text[:at])
        assert texts(growing.lines) == texts(whole(text[:at], width))


@given(documents, st.integers(4, 60))
@settings(max_examples=300, deadline=None)
def test_no_word_is_lost(text: str, width: int) -> None:
    assume(
        "|" not in text and "``" not in text
    )  # a row has no more cells than its heading; of an info string the language is shown
    numbers = iter(range(1000))
    marked = re.sub(r"word|words|item|nested|deep|one|two|quote|note|it\b", lambda _: f"w{next(numbers):03}", text)
    shown = re.sub(r"\W", "", "".join(texts(whole(marked, width))))
    for number in re.findall(r"w\d\d\d", marked):
        assert number in shown, texts(whole(marked, width))


@pytest.mark.parametrize(
    "text",
    [
        "> " * 500 + "the end",
        "- " * 500 + "the end",
        "1. " * 300 + "the end",
        "".join("  " * depth + "- a\n" for depth in range(200)) + "the end",
        "> - " * 200 + "the end",
        "before\n\n" + "> " * 30 + "inside\n\nthe end",
    ],
)
def test_what_is_nested_too_deeply_is_shown_as_it_was_written(text: str) -> None:
    for width in (4, 40):
        lines = whole(text, width)
        assert_fits(lines, width)
        assert "".join("".join(texts(lines)).split())[-6:] == "theend"


HOSTILE = {
    "long line": "a" * 100_000,
    "long wide line": "漢" * 100_000,
    "long family": "👩‍👩‍👧" * 10_000,
    "marks on marks": "e" + "\u0301" * 50_000,
    "no width": "\u200b" * 50_000,
    "brackets": "[" * 20_000,
    "images": "![" * 10_000,
    "links": "[a](" * 10_000,
    "stars": "**a _b " * 5_000,
    "ticks": "".join("`" * count + " " for count in range(300)),
    "tildes": "~~" * 20_000,
    "pipes": "|-" * 5_000 + "\n" + "|-" * 5_000,
    "200 columns": "|" + "a|" * 200 + "\n|" + "-|" * 200 + "\n" + ("|" + "1|" * 200 + "\n") * 20,
    "fences in fences": "````\n```\n~~~\n" * 300,
    "long info": "```" + "a" * 100_000 + "\nx\n",
    "hostile info": "```[/nope]\x1b]52;\nx\n```",
    "html": "<div>" * 20_000,
    "huge number": "9" * 5_000 + ". x\n999999999. y",
    "nul": "\0\ufffd\ud800",
    "long code line": "```python\n" + "1" * 100_000 + "\n```",
    "deep json": "```json\n" + "[" * 20_000 + "\n```",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_drawn(name: str) -> None:
    for width in (4, 80):
        lines = whole(HOSTILE[name], width)
        assert lines
        assert_fits(lines, width)


@pytest.mark.slow
def test_two_long_code_blocks_in_a_row_do_not_mix() -> None:
    first = "```py\n" + "".join(f"a{number} = 1\n" for number in range(120)) + "```\n"
    second = first.replace("a", "b")
    growing = GrowingMarkdown(40, PALETTE)
    text = first + second + "\nend"
    for at in range(0, len(text), 7):
        growing.update(text[:at])
        assert texts(growing.lines) == texts(whole(text[:at], 40))


def test_a_definition_is_shown_and_changes_nothing_before_it() -> None:
    assert texts(whole("see [1]\n\n[1]: http://a.example\n", 40)) == ["see [1]", "", "[1]: http://a.example"]


def test_thousands_of_brackets_are_text_and_cost_nothing() -> None:
    source = "[" * 20_000
    (block,) = parse(source)
    assert [child.type for child in block.tokens[1].children or ()] == ["text"]


def test_everything_behind_the_marks_of_a_code_block_is_shown() -> None:
    lines = render_all(parse('```python title="sort.py"\nx = 1\n```'), 40, PALETTE)
    assert ["".join(segment.text for segment in line).strip() for line in lines] == ['python title="sort.py"', "x = 1"]
