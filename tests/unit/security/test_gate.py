"""The gate for untrusted text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lama_tui.security.gate import clean, clean_line, clean_row

HOSTILE = st.text(
    st.one_of(
        st.characters(),
        st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Zp"]),
        st.sampled_from("\x1b\x07\x9b\r\n\t\x7f\u202e\u2066\u200d"),
    )
)


def obeyed(character: str) -> bool:
    """What a terminal or a bidi algorithm acts on, told apart without the gate's own table."""
    code = ord(character)
    return code < 0x20 or 0x7F <= code <= 0x9F or 0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069


@given(HOSTILE)
def test_nothing_obeyed_survives(text: str) -> None:
    assert {c for c in clean(text) if obeyed(c)} <= {"\n", "\t"}
    assert not any(map(obeyed, clean_row(text)))
    assert not any(map(obeyed, clean_line(text)))
    clean(text).encode("utf-8")
    clean_row(text).encode("utf-8")


@given(HOSTILE)
def test_cleaning_twice_changes_nothing(text: str) -> None:
    assert clean(clean(text)) == clean(text)
    assert clean_row(clean_row(text)) == clean_row(text)
    assert clean_line(clean_line(text, 20), 20) == clean_line(text, 20)


@given(st.lists(HOSTILE))
def test_pieces_clean_like_the_whole(pieces: list[str]) -> None:
    assert "".join(map(clean, pieces)) == clean("".join(pieces))
    assert "".join(map(clean_row, pieces)) == clean_row("".join(pieces))


@given(HOSTILE)
def test_a_cleaned_text_has_no_lines_but_those_of_newlines(text: str) -> None:
    assert clean(text).splitlines() == clean(text).removesuffix("\n").split("\n")[: len(clean(text).splitlines())]
    assert len(clean_line(text).splitlines()) <= 1


@given(HOSTILE, st.integers(1, 30))
def test_a_line_keeps_its_limit(text: str, limit: int) -> None:
    assert len(clean_line(text, limit)) <= limit


@pytest.mark.parametrize(
    ("dirty", "safe"),
    [
        ("\x1b]52;c;cm0gLXJm\x07", "␛]52;c;cm0gLXJm␇"),
        ("\x1b[2J", "␛[2J"),
        ("\x9b2J", "2J"),
        ("a\r\nb", "a\nb"),
        ("a\u2028b\u2029c", "a\nb\nc"),
        ("\u202egpj.exe", "gpj.exe"),
        ("\ud83d", "\ufffd"),
        ("a\tb", "a\tb"),
        ("👩\u200d🚀 نمی\u200cخواهم", "👩\u200d🚀 نمی\u200cخواهم"),
        ("plain", "plain"),
    ],
)
def test_examples(dirty: str, safe: str) -> None:
    assert clean(dirty) == safe


def test_a_line_is_one_line() -> None:
    assert clean_line("  Hello\n\n\tthere\u2028you ") == "Hello there you"
    assert clean_line("x" * 300) == "x" * 199 + "…"
    assert clean_row(" a\n\tb ") == " a  b "


def test_clean_text_is_returned_as_it_is() -> None:
    text = "nothing to do\n\twith é and 漢字 " * 50
    assert clean(text) is text
