"""The title of a conversation, made from its first message."""

from lama_tui.security.gate import clean_line

_LENGTH = 60  # characters; what a wide sidebar shows


def title_from(text: str) -> str:
    """The beginning of `text` as one line of about 60 characters, cut between words."""
    line = clean_line(text, len(text) + 1)
    if len(line) <= _LENGTH:
        return line
    cut = line.rfind(" ", _LENGTH // 2, _LENGTH)
    # A word that long (an address, or a script without spaces) is cut where it is.
    return line[: cut if cut > 0 else _LENGTH - 1].rstrip(" ,;:.-") + "…"
