"""The gate at drawing: whatever a widget shows, only drawn characters and our own sequences reach the terminal.

Textual passes control characters in text, and escape sequences in link addresses, on to the terminal.
Everything that it draws becomes bytes in one place, `Strip.render`; the gate stands there.
"""

from urllib.parse import quote

from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from lama_tui.errors import LamaError
from lama_tui.security.gate import clean, clean_row

# Longer addresses are cut by terminals.
_LONGEST_LINK = 2083
_LINKED = ("http://", "https://", "mailto:")
# Everything that may stand in an address as it is; the rest is percent-encoded.
_IN_ADDRESS = "!#$%&'()*+,-./:;=?@[]_~"

_render_unguarded = Strip.render


def install() -> None:
    """Put the gate up for every app of this process. Raises `LamaError` where it does not hold.

    The gate relies on the insides of Textual, so it is tried on hostile text. Should another version
    draw in another way, the workspace does not open: a slower way that is as safe does not exist.
    """
    Strip.render = _render  # type: ignore[method-assign]
    try:
        leak = _leak()
    except (ImportError, AttributeError, TypeError, LookupError) as error:
        leak = f"{type(error).__name__}: {error}"
    if leak:
        from textual import __version__

        raise LamaError(
            f"lama cannot draw safely with Textual {__version__}",
            f"What models write could reach the terminal as commands ({clean_row(leak)})",
            "Install the version that lama asks for: pip install --force-reinstall lama-tui",
        )


def clean_strip(strip: Strip) -> Strip:
    """Return `strip` with nothing in it that a terminal obeys, as wide as before; itself if it is clean."""
    segments = strip._segments  # public ways to them cost as much as the drawing
    text = "".join([segment[0] for segment in segments])
    if clean_row(text) is text:
        for _, style, control in segments:
            if control or (style is not None and style._link):
                break
        else:
            return strip
    cleaned = Strip([Segment(clean_row(text), _clean_link(style)) for text, style, control in segments if not control])
    # control pictures have a cell where the characters had none
    return cleaned.adjust_cell_length(strip.cell_length, _last_style(cleaned))


def plain_text(segments: list[Segment]) -> str:
    """Return what Rich would print, without styles and links and with nothing that a terminal obeys."""
    return clean("".join(segment.text for segment in segments if not segment.control))


def _render(self: Strip, console: Console) -> str:
    if self._render_cache is None:
        self._render_cache = _render_unguarded(clean_strip(self), console)
    return self._render_cache


def _clean_link(style: Style | None) -> Style | None:
    """Keep only addresses that a browser or a mail program opens, with nothing in them that ends the sequence."""
    if style is None or style.link is None:
        return style
    address = quote(style.link, safe=_IN_ADDRESS)
    keep = address.lower().startswith(_LINKED) and len(address) <= _LONGEST_LINK
    if keep and address == style.link:
        return style  # and its id, which holds the pieces of a link together
    return style.update_link(address if keep else None)


def _last_style(strip: Strip) -> Style | None:
    segments = list(strip)
    return segments[-1].style if segments else None


def _leak() -> str:
    """Draw hostile text in every way that Textual draws; return what came through, empty if nothing did."""
    from textual._compositor import ChopsUpdate, InlineUpdate, LayoutUpdate
    from textual.geometry import Region

    hostile = "\x1b]52;c;\x07\x9b6n\u202e"
    link = Style(link=f"https://a.example/\x1b\\{hostile}")

    def row() -> Strip:
        return Strip([Segment(hostile), Segment(hostile, Style(bold=True)), Segment("a", link)])

    width = row().cell_length
    console = Console(color_system="truecolor")
    updates = (
        LayoutUpdate([[row()]], Region(0, 0, width, 1)),
        ChopsUpdate([{0: row()}], [(0, 0, width)], [[width]]),
        ChopsUpdate([{0: row()}], [(0, 0, 1)], [[width]]),
        InlineUpdate([row()]),
    )
    for update in updates:
        drawn = update.render_segments(console)
        for found in ("\x1b]52", "\x07", "\x9b", "\u202e", "/\x1b\\"):
            if found in drawn:
                return f"{type(update).__name__} passes {found!r}"
        if "a" not in drawn and "␛" not in drawn:
            return f"{type(update).__name__} draws nothing"
    return ""
