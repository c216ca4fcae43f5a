"""The gate: makes untrusted text safe for a terminal.

Models, servers, files and file names can contain escape sequences, and a terminal obeys them.
What passes the gate can only be drawn. The gate looks at one character at a time, so cleaning
pieces of a stream gives the same text as cleaning the whole, and cleaning twice changes nothing.

    newline, tab             kept by `clean`; a space in a line
    carriage return          removed (CRLF becomes LF)
    other C0, ESC included   the control picture: ESC becomes ␛
    DEL and C1               removed
    bidi overrides, isolates removed, with the deprecated and annotation controls beside them
    U+2028, U+2029           a newline; a space in a line
    lone surrogates          U+FFFD (they cannot be encoded)
    U+200C, U+200D, marks    kept: scripts and emoji need them
"""

import re

_REMOVED = (
    "\r",
    *map(chr, range(0x7F, 0xA0)),  # DEL and C1
    *map(chr, range(0x202A, 0x202F)),  # embeddings and overrides
    *map(chr, range(0x2066, 0x2070)),  # isolates and deprecated formatting
    *map(chr, range(0xFFF9, 0xFFFC)),  # interlinear annotation
)

_TABLE: dict[int, str | None] = {code: chr(0x2400 + code) for code in range(0x20)}
_TABLE.update(dict.fromkeys(map(ord, _REMOVED)))
_TABLE.update(dict.fromkeys(range(0xD800, 0xE000), "\N{REPLACEMENT CHARACTER}"))
_TABLE.update({0x2028: "\n", 0x2029: "\n", ord("\n"): "\n", ord("\t"): "\t"})

_ROW_TABLE = _TABLE | dict.fromkeys(map(ord, "\n\t\u2028\u2029"), " ")

# Nearly all text is clean, and one search tells so without building a copy.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u206f\ud800-\udfff\ufff9-\ufffb]")
_UNSAFE_IN_ROW = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u206f\ud800-\udfff\ufff9-\ufffb]")


def clean(text: str) -> str:
    """Return multi-line `text` with nothing in it that a terminal obeys, but newlines and tabs.

    Tabs are kept because code needs them; who draws them decides how wide they are.
    """
    return text.translate(_TABLE) if _UNSAFE.search(text) else text


def clean_row(text: str) -> str:
    """Return `text` as a piece of one row: as `clean`, with line breaks and tabs as one space each.

    Keeps leading and trailing spaces, so that pieces of a row stay where they are.
    """
    return text.translate(_ROW_TABLE) if _UNSAFE_IN_ROW.search(text) else text


def clean_line(text: str, limit: int = 200) -> str:
    """Return `text` as one line of at most `limit` characters, for titles, names and messages.

    Runs of white space become one space; what is cut off is shown by `…`.
    """
    line = " ".join(clean_row(text).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
