"""What the command line writes: cleaned text on stdout, one-line errors and progress on stderr."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from lama_tui.security.gate import clean, clean_line, clean_row
from lama_tui.ui.figures import UNKNOWN

Row = Sequence[str]


def write(text: str) -> None:
    """Write `text` to stdout at once, made safe for a terminal, also into a pipe."""
    _put(sys.stdout, clean(text))


def line(text: str = "") -> None:
    """Write a line to stdout."""
    write(text + "\n")


def json_line(value: Mapping[str, Any] | Sequence[Any], *, indent: int | None = None) -> None:
    """Write JSON in ASCII: escapes stand for whatever a terminal would obey, and nothing is lost."""
    _put(sys.stdout, json.dumps(value, ensure_ascii=True, allow_nan=False, indent=indent) + "\n")


def json_document(value: Mapping[str, Any] | Sequence[Any]) -> None:
    """Write one array or object, indented."""
    json_line(value, indent=2)


def error(text: str) -> None:
    """Write one line to stderr, however long: an address or a command in it is to be copied."""
    _put(sys.stderr, "lama: " + clean_line(text, limit=4000) + "\n")


def note(text: str) -> None:
    """Write lines to stderr."""
    _put(sys.stderr, clean(text).rstrip("\n") + "\n")


def table(header: Row, rows: Sequence[Row], right: Sequence[int] = ()) -> None:
    """Write aligned columns, two spaces apart; the columns in `right` end at the same place."""
    cleaned, widths = _cleaned(header, rows)
    for row in cleaned:
        fields = [
            " " * (width - cells(text)) + text if column in right else text + " " * (width - cells(text))
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        line("  ".join(fields).rstrip())


def table_width(header: Row, rows: Sequence[Row]) -> int:
    """How many columns of a terminal `table` would take."""
    _, widths = _cleaned(header, rows)
    return sum(widths) + 2 * (len(widths) - 1)


def _cleaned(header: Row, rows: Sequence[Row]) -> tuple[list[list[str]], list[int]]:
    """All cells, made safe, and how wide each column is."""
    cleaned = [[clean_row(cell) or UNKNOWN for cell in row] for row in (header, *rows)]
    return cleaned, [max(map(cells, column)) for column in zip(*cleaned, strict=True)]


def cells(text: str) -> int:
    """How many columns `text` takes on a terminal."""
    import unicodedata

    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) or unicodedata.category(c) in ("Mn", "Me", "Cf")
        else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )  # fmt: skip


def home_as_tilde(path: str | Path) -> str:
    """A path as people say it: the home folder is `~`."""
    text, home = str(path), str(Path.home())
    return "~" + text[len(home) :] if text == home or text.startswith(home + os.sep) else text


class Progress:
    """One line on stderr that replaces itself; writes nothing where stderr is not a terminal."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._shown = ""

    @property
    def is_seen(self) -> bool:
        """Whether there is a terminal to show it on."""
        return self._terminal

    def show(self, text: str) -> None:
        """Replace what is shown."""
        if self._terminal and text != self._shown:
            _put(sys.stderr, f"\r{clean_line(text, limit=70)}\x1b[K")
            self._shown = text

    def note(self, text: str) -> None:
        """Write a line that stays."""
        if self._terminal:
            self.clear()
            error(text)

    def clear(self) -> None:
        """Take the line away, so that other output starts on a clean one."""
        if self._shown:
            _put(sys.stderr, "\r\x1b[K")
            self._shown = ""


def styled(code: str, text: str) -> str:
    """`text`, made safe, in the style of `ESC [ code m` where a person looks who wants it (`NO_COLOR`)."""
    wanted = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return f"\x1b[{code}m{clean(text)}\x1b[0m" if wanted and code else clean(text)


def styled_line(*pieces: str) -> None:
    """Write a line of pieces that went through `styled`."""
    _put(sys.stdout, "".join(pieces) + "\n")


def _put(stream: TextIO, text: str) -> None:
    """Write and flush; characters that the stream's encoding lacks become `?`."""
    try:
        stream.write(text)
    except UnicodeEncodeError:
        encoding = stream.encoding or "ascii"
        stream.write(text.encode(encoding, "replace").decode(encoding))
    stream.flush()
