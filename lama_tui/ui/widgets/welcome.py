"""What an empty conversation shows: what this is, and what to press."""

from collections.abc import Callable

from rich.segment import Segment

from lama_tui.types import GUIDE
from lama_tui.ui.figures import model_name
from lama_tui.ui.markdown.wrap import Line, Span, width_of, wrap
from lama_tui.ui.palette import Palette


def welcome(
    width: int, height: int, palette: Palette, model: str, server: str | None, saves: bool, key: Callable[[str], str]
) -> list[Line]:
    """Lines for the middle of an empty transcript, `width` by `height` cells.

    `server` is where `model` runs, empty for this program, None for a server that nobody knows; `saves`: what is
    said will be there next time.
    """
    room = max(10, min(width - 4, 60))
    if model == GUIDE:
        about = "You are talking to the guide: a tiny built-in model that only knows this app. Ask it how things work."
    elif server is None:
        about = f"No server is configured that answers as {model_name(model)}. Choose another model."
    elif server:
        about = f"{model_name(model)} on {server} will answer."
    elif model:
        about = f"{model_name(model)} will answer. It is loaded with the first message."
    else:
        about = "Opening your conversations…"
    lines: list[Line] = [[Segment("lama", palette.assistant)], []]
    lines += wrap([Span(about, palette.text)], room)
    lines.append([])
    for binding, text in (
        ("composer.send", "send what you typed"),
        ("models.open", "choose another model"),
        ("palette.open", "everything lama can do"),
        ("help.open", "all keys"),
        ("app.quit", "quit; everything is saved" if saves else "quit; nothing is saved this time"),
    ):
        lines.append([Segment(f"{key(binding):<10}", palette.marker), Segment(text, palette.muted)])
    above = max(0, (height - len(lines)) // 2)
    widest = max(width_of(line) for line in lines)
    left = " " * max(0, (width - widest) // 2)
    return [[] for _ in range(above)] + [[Segment(left), *line] for line in lines]
