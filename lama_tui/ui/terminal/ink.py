"""How a style becomes the sequence that a terminal obeys, and the shortest way from one style to the next.

An ink is what stands between `\\x1b[` and `m`, behind it a link's address where there is one. Inks are compared and
cached as they are; the empty one is a terminal's own colours without attributes.
"""

from functools import lru_cache
from zlib import crc32

from rich.color import ColorSystem
from rich.style import Style
from textual.strip import Strip

PLAIN = ""
_LINK = "\x1f"
"""Between the parameters and the address; the gate lets none through."""

# What switches an attribute off again; bold and dim share one.
_OFF = {"1": "22", "2": "22", "3": "23", "4": "24", "21": "24", "5": "25", "6": "25", "7": "27", "8": "28", "9": "29"}
_OFF |= {"51": "54", "52": "54", "53": "55"}


def ink_of(style: Style | None, colours: ColorSystem | None) -> str:
    """The ink of a style in as many colours as the terminal has; None is in none at all (`NO_COLOR`).

    Links must have passed the gate.
    """
    if style is None:
        return PLAIN
    if colours is None:
        style, colours = _without_colours(style), ColorSystem.STANDARD
    ansi = style._ansi
    if ansi is None:
        ansi = Strip.render_ansi(style, colours)
    return f"{ansi}{_LINK}{style._link}" if style._link else ansi


@lru_cache(2048)
def _without_colours(style: Style) -> Style:
    """The attributes of a style; what stands out by its background is reversed, and a cursor in it is not."""
    stands_out = style.bgcolor is not None and not style.bgcolor.is_default
    return style.without_color + Style(reverse=stands_out != bool(style.reverse))


@lru_cache(8192)
def change(before: str, after: str) -> str:
    """What a terminal that draws in one ink must be sent to draw in another."""
    (old, old_link), (new, new_link) = _parts(before), _parts(after)
    sent = ""
    if old_link != new_link:
        # pieces of one link belong together wherever they stand
        sent = f"\x1b]8;id={crc32(new_link.encode()):x};{new_link}\x1b\\" if new_link else "\x1b]8;;\x1b\\"
    return sent if old == new else sent + _shortest(old, new)


@lru_cache(4096)
def _parts(ink: str) -> tuple[str, str]:
    sgr, _, link = ink.partition(_LINK)
    return sgr, link


def _shortest(before: str, after: str) -> str:
    if not after:
        return "\x1b[m"
    whole = f"\x1b[;{after}m" if before else f"\x1b[{after}m"
    (attributes, front, back), (wanted, new_front, new_back) = _read(before), _read(after)
    steps = list(dict.fromkeys(_OFF[code] for code in attributes if code not in wanted))
    # switching bold off switches dim off too
    steps += [code for code in wanted if code not in attributes or _OFF[code] in steps]
    if front != new_front:
        steps.append(new_front or "39")
    if back != new_back:
        steps.append(new_back or "49")
    stepwise = f"\x1b[{';'.join(steps)}m"
    return stepwise if len(stepwise) < len(whole) else whole


@lru_cache(4096)
def _read(sgr: str) -> tuple[tuple[str, ...], str, str]:
    """The attributes, the foreground and the background of SGR parameters."""
    attributes: list[str] = []
    front = back = ""
    codes = iter(sgr.split(";") if sgr else ())
    for code in codes:
        if code in ("38", "48"):
            kind = next(codes, "5")
            colour = ";".join([code, kind, *(next(codes, "0") for _ in range(3 if kind == "2" else 1))])
            front, back = (colour, back) if code == "38" else (front, colour)
        elif code in _OFF:
            attributes.append(code)
        elif code[:1] in ("3", "9"):
            front = code
        else:
            back = code
    return tuple(attributes), "" if front == "39" else front, "" if back == "49" else back
